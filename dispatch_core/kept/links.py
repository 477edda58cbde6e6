"""Links to requests that are too long for an address: the server keeps the request.

The text of such a link is an id made of the request itself, so the same request has the same
link, and a file with another content is ignored. Anyone with the link can open it on the
server that keeps it; the id cannot be guessed without the request.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.kept.store import KeptTexts
from dispatch_core.request import DispatchRequest, load_request
from dispatch_core.request_parts import check_request
from dispatch_core.views.request_link import WHERE, decode_request

_PREFIX: Final = "id."
_TEXT: Final = re.compile(r"id\.[A-Za-z0-9_-]{22}")
_EVERYBODY: Final = ""
_AGAIN: Final = "Ask for a new link, or for the saved request"


@dataclass(frozen=True, slots=True)
class ShortLink:
    """The text of a link, and the last whole day on which it can be opened."""

    text: str
    until: date


@dataclass(frozen=True, slots=True)
class KeptLinks:
    """The requests of short links.

    Parameters
    ----------
    texts
        Where they are kept, within its bounds.
    """

    texts: KeptTexts

    def keep(self, request: DispatchRequest) -> ShortLink:
        """The short link to `request`, which is kept from now on for the time of the bounds.

        Raises
        ------
        InvalidInput
            The request is larger than the bound.
        WriteFailed
            The disk failed.
        """
        content = request.to_json()
        text = short_text(content)
        self.texts.write(_EVERYBODY, text.removeprefix(_PREFIX), content)
        return ShortLink(text, self.texts.last_day())

    def open(self, text: str) -> DispatchRequest:
        """The request of a link, short or whole; raises `InvalidInput` if it cannot be used."""
        if not is_short(text):
            return decode_request(text)
        if not _TEXT.fullmatch(text):
            raise InvalidInput(Issue("it is cut or changed", WHERE, "Copy the whole link again"))
        kept = self.texts.read(_EVERYBODY, text.removeprefix(_PREFIX))
        if kept is None or short_text(kept.text) != text:
            what = "it has expired, or another server made it"
            raise InvalidInput(Issue(what, WHERE, _AGAIN))
        request = load_request(kept.text, WHERE)
        check_request(request)
        return request


def is_short(text: str) -> bool:
    """Whether the text of a link is an id of a kept request, not the request itself."""
    return text.startswith(_PREFIX)


def short_text(content: str) -> str:
    """The text of the short link to the request with this JSON."""
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()[:16]
    return _PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")
