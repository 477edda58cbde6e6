"""Other spellings of an id: what people copy, and what the collection may hold instead.

A UUID has no case and may be written in braces, as a URN or without hyphens. An asset
may be given by its address in Code Ocean, a location by its address on the web. Each
spelling means exactly one id, so it is looked up, and the match report says how.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from dispatch_core.text.invisible import invisible_in, visible

_HEX = "[0-9a-fA-F]"
_HYPHENS = "[-\u2010-\u2015\u2212]?"
_UUID_PARTS = re.compile(
    f"({_HEX}{{8}}){_HYPHENS}({_HEX}{{4}}){_HYPHENS}({_HEX}{{4}}){_HYPHENS}({_HEX}{{4}}){_HYPHENS}"
    f"({_HEX}{{12}})"
)
_UUID = re.compile(
    rf"[{{(<]?\s*(?:urn:)?(?:uuid:)?\s*({_UUID_PARTS.pattern})\s*[}})>]?", re.IGNORECASE
)
_OBJECT_ID = re.compile(rf"(?:ObjectId\()?[\"']?({_HEX}{{24}})[\"']?\)?")
_ASSET_ADDRESS = re.compile(
    rf"/(?:data-assets?|data|assets?)/(?:[^/]+/)*?({_UUID_PARTS.pattern})(?![\w-])"
)
_S3_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]+)\.)?s3[.-](?:[a-z0-9-]+\.)*?amazonaws\.com(?:\.cn)?"
)
_EDGES = " \t\"'`,;\u2018\u2019\u201c\u201d\u201e\u201a\u00ab\u00bb\u2039\u203a"


def spellings_of(text: str) -> dict[str, str]:
    """Other texts that mean the same id, each with how it follows from `text`."""
    found: dict[str, str] = {}
    seen = visible(text)
    if seen != text:
        names = invisible_in(text)
        found[seen] = f"without {names}" if names else "without blanks at its ends"
    bare = _cell_content(seen)
    if bare != seen:
        found.setdefault(bare, "without the quotes or marks around it")
    for spelling, how in _meanings(bare):
        found.setdefault(spelling, how)
    found.pop(text, None)
    found.pop("", None)
    return found


def _cell_content(text: str) -> str:
    """`text` without quotes and marks around it, also those of the cell ``="id"``."""
    return text.removeprefix("=").strip(_EDGES) if text.startswith('="') else text.strip(_EDGES)


def _meanings(text: str) -> Iterator[tuple[str, str]]:
    if found := _UUID.fullmatch(text):
        yield from _uuid_spellings(found, "the same UUID in another spelling")
    elif found := _OBJECT_ID.fullmatch(text):
        yield found[1].lower(), "the same ObjectId in another spelling"
    if "/" in text or ":" in text:
        yield from _of_address(text)


def _uuid_spellings(found: re.Match[str], how: str) -> Iterator[tuple[str, str]]:
    plain = "-".join(part for part in found.groups()[-5:])
    for one in (plain.lower(), plain.upper(), plain.lower().replace("-", "")):
        yield one, how


def _of_address(text: str) -> Iterator[tuple[str, str]]:
    """The id or location that a web address, an ARN or ``s3:/`` with a slip names."""
    if found := re.match(r"arn:aws[\w-]*:s3:::(.+)", text):
        yield f"s3://{found[1]}", "the location of this ARN"
    elif found := re.match(r"(?:s3a?|s3n):/*([^/].*)", text, re.IGNORECASE):
        yield f"s3://{found[1]}", "the same location in another spelling"
    elif re.match(r"(?:https?://|[\w.-]+\.[a-z]{2,}/)", text, re.IGNORECASE):
        yield from _of_web_address(text if "://" in text else f"https://{text}")


def _of_web_address(text: str) -> Iterator[tuple[str, str]]:
    try:
        address = urlsplit(text)
    except ValueError:
        return
    if found := _ASSET_ADDRESS.search(address.path):
        yield from _uuid_spellings(found, "the asset of this address")
    elif place := _s3_location(address.hostname or "", unquote(address.path), address.query):
        yield place, "the location of this address"


def _s3_location(host: str, path: str, query: str) -> str:
    """The ``s3://`` location of an address of S3 or of its console; empty for any other."""
    if found := re.fullmatch(r"/s3/(?:buckets|object)/([^/]+)/?(.*)", path):
        prefix = parse_qs(query).get("prefix", [found[2]])[0]
        return f"s3://{found[1]}/{prefix}" if "aws.amazon.com" in host else ""
    where = _S3_HOST.fullmatch(host)
    if where is None:
        return ""
    return f"s3://{where['bucket']}{path}" if where["bucket"] else f"s3:/{path}"
