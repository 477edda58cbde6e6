"""The answer to ListObjectsV2, read without building an object for each of its keys.

boto3 makes a dictionary of every element of the XML: 50 to 100 microseconds a key,
for names of which a few are wanted. Here the keys are cut out of the text, and what
is left, the hull (is it the end? how does it go on?), goes through botocore's own
parser. Only an answer that is plainly what S3 sends is read so: with anything else in
it (entities, comments, other tags, another count of keys) it is left to botocore.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

from dispatch_core.sources.protocols import ListPage, StoredObject, time_text

LEAN, IS_LISTING = "LeanPage", "IsListing"
"""Where `before_parse` leaves the page, and whether the answer is a listing at all."""

_DECLARATION = re.compile(rb'<\?xml version="1\.0" encoding="UTF-8"\?>\s*', re.IGNORECASE)
_END = b"</ListBucketResult>"
_TEXT = r"([^<>&\x00-\x08\x0b-\x1f\ufffe\uffff]*)"
_KEYS = re.compile(f"<Contents><Key>{_TEXT}</Key>")
_PREFIXES = re.compile(f"<CommonPrefixes><Prefix>{_TEXT}</Prefix></CommonPrefixes>")
_KEY_COUNT = re.compile(r"<KeyCount>(\d+)</KeyCount>")
_SIZE = re.compile(r"<Size>(\d{1,20})</Size>")
_MODIFIED = re.compile(r"<LastModified>([^<&]*)</LastModified>")
_AS_S3_WRITES_IT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_LINE_BREAK = re.compile(r"\n|%0A", re.IGNORECASE)


def before_parse(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    """Takes keys and prefixes out of an answer; a handler of botocore's ``before-parse``."""
    body = response_dict["body"]
    if response_dict["status_code"] != 200 or not isinstance(body, bytes):
        return
    customized_response_dict[IS_LISTING] = b"ListBucketResult" in body[:1000]
    lean = read_answer(body)
    if lean is not None:
        response_dict["body"] = lean.hull
        customized_response_dict[LEAN] = lean.page


@dataclass(frozen=True, slots=True)
class LeanAnswer:
    """The keys and prefixes of an answer, and the XML without them."""

    page: ListPage
    hull: bytes


def read_answer(body: bytes) -> LeanAnswer | None:
    """The answer in two parts, or None where it is for an XML parser to say what it holds."""
    text = _plain_text(body)
    if text is None:
        return None
    text, objects = _take_out(text, "Contents")
    hull, rolled_up = _take_out(text, "CommonPrefixes")
    keys, prefixes = _KEYS.findall(objects), _PREFIXES.findall(rolled_up)
    counted = _KEY_COUNT.search(hull)
    if (
        not (keys or prefixes)
        or len(keys) != objects.count("</Contents><Contents>") + bool(objects)
        or len(prefixes) != rolled_up.count("</CommonPrefixes>")
        or "Contents" in hull
        or "CommonPrefixes" in hull
        or (counted and int(counted[1]) != len(keys) + len(prefixes))
    ):
        return None
    if "<EncodingType>url</EncodingType>" in hull:
        keys, prefixes = _decoded(keys), _decoded(prefixes)
    read = partial(_read_object, keys, objects, [])
    return LeanAnswer(ListPage(keys, prefixes, read=read), hull.encode())


def _plain_text(body: bytes) -> str | None:
    """The text of an answer that ends as it should and holds no XML beyond plain tags."""
    declaration = _DECLARATION.match(body)
    start = declaration.end() if declaration else 0
    if not body.startswith(b"<ListBucketResult", start) or not body.endswith(_END):
        return None
    # To look for one character first takes a tenth of the time, and most answers have none.
    if (b"!" in body and b"<!" in body) or (
        body.find(b"?", start) >= 0 and body.find(b"<?", start) >= 0
    ):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _take_out(text: str, tag: str) -> tuple[str, str]:
    """The text without what lies from the first to the last element of this name, and that."""
    start, end = text.find(f"<{tag}>"), text.rfind(f"</{tag}>")
    if not 0 <= start < end:
        return text, ""
    end += len(tag) + 3
    return text[:start] + text[end:], text[start:end]


def _decoded(names: list[str]) -> list[str]:
    joined = "\n".join(names)
    if "%" not in joined and "+" not in joined:
        return names
    if len(names) > 1 and len(_LINE_BREAK.findall(joined)) != len(names) - 1:
        return [unquote_plus(name) for name in names]
    return unquote_plus(joined).split("\n") if len(names) > 1 else [unquote_plus(joined)]


def _read_object(keys: list[str], text: str, parts: list[str], index: int) -> StoredObject:
    if not parts:
        parts += text.split("</Contents><Contents>")
    size, modified = _SIZE.search(parts[index]), _MODIFIED.search(parts[index])
    return StoredObject(
        keys[index], int(size[1]) if size else None, _time(modified[1]) if modified else None
    )


def _time(text: str) -> str | None:
    if _AS_S3_WRITES_IT.fullmatch(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
