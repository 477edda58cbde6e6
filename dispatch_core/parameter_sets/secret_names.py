"""Parameters whose name says that their value may be a secret.

A request is shared in links, files and records, and its parameters are in every job. The end of a
name decides: ``api_token`` and ``apiKey`` may be secrets, ``max_tokens`` and ``token_length`` not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from dispatch_core.types import JsonValue

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRETS: Final = frozenset(
    "password passwd passphrase passcode pwd secret secrets token credential credentials apikey "
    "bearer".split()
)
_KEYS: Final = frozenset("access api auth encryption private secret signing".split())
"""What a key is for, if it is a secret."""


def secret_names(parameters: JsonValue) -> tuple[str, ...]:
    """The names in a JSON document that may have a secret value, each once, in order."""
    return tuple(dict.fromkeys(_names(parameters)))


def _names(value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if _may_be_secret(name) and _has_text(item):
                yield name
            else:
                yield from _names(item)


def _may_be_secret(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    *before, last = ["", *words]
    return last in _SECRETS or (last == "key" and before[-1] in _KEYS)


def _has_text(value: JsonValue) -> bool:
    """Whether a text is in `value`: a number, a switch and an empty text are not secrets."""
    if isinstance(value, list):
        return any(map(_has_text, value))
    if isinstance(value, dict):
        return any(map(_has_text, value.values()))
    return isinstance(value, str) and bool(value.strip())
