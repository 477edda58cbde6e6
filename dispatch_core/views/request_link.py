"""A request as a short text for an address, and back.

The text is the request's JSON, compressed, in letters that an address takes unchanged, after a
version. Anybody can make a link, so everything in it is read like a saved request,
within bounds on its size before and after decompression.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Final

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.request import DispatchRequest, load_request
from dispatch_core.request_parts import check_request

LONGEST: Final = 4_000
"""Characters of a request in a link; servers and mail programs cut longer addresses."""

MOST_BYTES: Final = 1_000_000
"""Bytes of a request from a link, decompressed."""

WHERE: Final = "the link"

_VERSION: Final = "1."


def encode_request(request: DispatchRequest) -> str | None:
    """The text of `request` for an address.

    None if it selects no assets, or is longer than `LONGEST`.
    """
    if request.query is None and request.asset_rows is None:
        return None
    document = json.loads(request.to_json())
    plain = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    packed = zlib.compress(plain.encode("utf-8", "surrogatepass"), 9)
    text = _VERSION + base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return text if len(text) <= LONGEST else None


def decode_request(text: str) -> DispatchRequest:
    """The request of a link; raises `InvalidInput` if the link is damaged or has errors."""
    if len(text) > LONGEST:
        what = f"it has {len(text):,} characters, and a link at most {LONGEST:,}"
        raise InvalidInput(Issue(what, WHERE, "Ask for the saved request instead"))
    if not text.startswith(_VERSION):
        raise _damaged("it does not begin with a known version")
    request = load_request(_unpacked(text.removeprefix(_VERSION)), WHERE)
    check_request(request)
    return request


def _unpacked(text: str) -> bytes:
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        reader = zlib.decompressobj()
        plain = reader.decompress(packed, MOST_BYTES)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise _damaged("it is cut or changed") from error
    if reader.unconsumed_tail:
        raise _damaged(f"it unpacks to more than {MOST_BYTES:,} bytes")
    if not reader.eof or reader.unused_data:
        raise _damaged("it is cut or changed")
    return plain


def _damaged(what: str) -> InvalidInput:
    return InvalidInput(Issue(what, WHERE, "Copy the whole link again"))
