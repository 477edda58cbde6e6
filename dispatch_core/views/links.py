"""Links to other pages about an asset, made from address templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.strict_json import load_json
from dispatch_core.types import DataAsset

WHERE = "DISPATCH_LINKS"
DEFAULT_LINKS = {
    "Metadata portal": "https://metadata-portal.allenneuraldynamics.org/view?name={name}",
    "Code Ocean": "https://codeocean.allenneuraldynamics.org/data_assets/{asset_id}",
    "S3 console": "https://s3.console.aws.amazon.com/s3/buckets/{bucket}?prefix={prefix}",
}
"""Label -> template; the default for a live source."""

FIELDS = ("name", "record_id", "asset_id", "location", "bucket", "prefix")
_FIELD = re.compile(r"\{([^{}]*)\}")


def read_links(text: str) -> dict[str, str]:
    """The templates of a JSON object {label: address}; "" gives the default ones.

    Raises
    ------
    InvalidInput
        Unless every value is an http(s) address with only `FIELDS` in braces.
    """
    if not text.strip():
        return dict(DEFAULT_LINKS)
    links = load_json(text, WHERE)
    if not isinstance(links, dict) or not all(isinstance(one, str) for one in links.values()):
        raise InvalidInput(
            Issue("it is not a JSON object of texts", WHERE, "Write {label: address}")
        )
    for label, template in links.items():
        unknown = set(_FIELD.findall(template)) - set(FIELDS)
        if unknown or not template.startswith(("https://", "http://")):
            action = f"Start with https:// and use only these fields: {', '.join(FIELDS)}"
            raise InvalidInput(Issue(f"{label!r} is not an address template", WHERE, action))
    return links


def links_of(asset: DataAsset, templates: Mapping[str, str]) -> dict[str, str]:
    """Label -> address for `asset`, without links whose fields the asset lacks."""
    bucket, _, prefix = asset.location.removeprefix("s3://").rstrip("/").partition("/")
    is_s3 = asset.location.startswith("s3://")
    values = {
        "name": asset.name,
        "record_id": asset.record_id,
        "asset_id": asset.asset_id,
        "location": asset.location,
        "bucket": bucket if is_s3 else "",
        "prefix": f"{prefix}/" if is_s3 and prefix else "",
    }
    links: dict[str, str] = {}
    for label, template in templates.items():
        if all(values[field] for field in _FIELD.findall(template)):
            links[label] = _FIELD.sub(
                lambda match: quote(values[match[1]].encode(errors="replace"), safe=""), template
            )
    return links
