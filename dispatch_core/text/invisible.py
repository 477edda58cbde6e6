"""Characters that no one sees: zero width, joiners, direction marks, unusual blanks.

They come along with text copied from a web page, a PDF or a chat. Two texts that differ
only in them look the same, so a comparison fails without a visible reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from dispatch_core.types import JsonPath, JsonValue

_ZERO_WIDTH = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
_UNUSUAL_BLANKS = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_INVISIBLE = re.compile(f"[{_ZERO_WIDTH}{_CONTROL}]")
_BLANK = re.compile(f"[{_UNUSUAL_BLANKS}]")
_EITHER = re.compile(f"[{_ZERO_WIDTH}{_CONTROL}{_UNUSUAL_BLANKS}]")


def visible(text: str) -> str:
    """`text` as it looks: without invisible characters, with plain blanks, and stripped."""
    return _BLANK.sub(" ", _INVISIBLE.sub("", text)).strip()


def invisible_in(text: str) -> str:
    """The invisible characters and unusual blanks of `text` by name; empty if there are none."""
    return " and ".join(dict.fromkeys(map(_name, _EITHER.findall(text))))


def _name(character: str) -> str:
    name = unicodedata.name(character, "control character").lower()
    return f"U+{ord(character):04X} ({name})"


def texts_with_invisible(
    value: JsonValue, path: JsonPath = ()
) -> Iterator[tuple[JsonPath, str, bool]]:
    """Each text and key in `value` with an invisible character: (path, text, whether it is a key).

    An unusual blank inside a sentence is ordinary text, so it counts only at an end of the
    text or in a text without other blanks.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if _misleads(key):
                yield (*path, key), key, True
            yield from texts_with_invisible(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from texts_with_invisible(item, (*path, number))
    elif isinstance(value, str) and _misleads(value):
        yield path, value, False


def _misleads(text: str) -> bool:
    if text.isascii() and text.isprintable():
        return False
    is_sentence = " " in text and text == text.strip()
    is_odd = _BLANK.search(text) is not None and not is_sentence
    return is_odd or _INVISIBLE.search(text) is not None
