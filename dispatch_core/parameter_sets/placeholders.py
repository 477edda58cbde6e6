"""Values of parameters that look like placeholders that were not replaced.

``{{ subject }}``, ``<your value>``, ``${BUCKET}``, ``TODO`` and ``path/to/model`` are texts
that a template has; a job with one of them fails only when it runs. A value may be meant
so, and is therefore never an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dispatch_core.types import JsonPath, JsonValue

NAMED = 5
"""Placeholders that a note names; the others are counted."""

LONGEST = 80
"""Characters of a value that a note shows."""

_ANYWHERE: Final = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|<%.*?%>"  # templates
    r"|\$\{[A-Za-z_][\w.:-]*\}|\$\([A-Za-z_]\w*\)|(?:^|[\\/:=])\$[A-Z_][A-Z0-9_]+\b"  # variables
    r"|%[A-Z_][A-Z0-9_]{2,}%"
    r"|\b(?:TODO|FIXME|TBD|CHANGE[_-]?ME|REPLACE[_-]?ME|PLACEHOLDER)\b"
    r"|(?i:(?:^|[\\/])path[\\/]to(?:[\\/]|$))"
    r"|(?i:(?:^|[\\/@:])your[_-][a-z])"  # s3://your-bucket
    r"|(?i:(?<!\?)(?<!\?P)<\s*(?:your|my|insert|enter|put|fill)\b[^<>]*>)|[\\/]<[A-Za-z][\w .-]*>"
)
_WHOLE: Final = re.compile(
    r"<\s*[A-Za-z][\w .,/-]*>|<\.{2,3}>|__[A-Z][A-Z0-9_]*__|@{1,2}[A-Z][A-Z0-9_]*@{1,2}|\?{3,}"
    r"|(?i:todo|fixme|tbd|x{3,}|placeholder|lorem ipsum.*|\.{3}|\u2026|your[ _-].*"
    r"|to[ _-]be[ _-](?:done|determined|defined|filled(?:[ _-]in)?)"
    r"|(?:change|replace)[ _-]?(?:me|this)|\[\s*(?:your|insert|enter)\b[^\]]*\]"
    r"|(?:insert|enter|put|fill|add|replace|write|type)[ _-].*[ _-](?:here|in))"
)


def placeholder_note(sets: Sequence[Mapping[str, Any]]) -> str:
    """A note that names the placeholders in `sets`, each key and value once; ``""`` without."""
    found = dict.fromkeys(
        f"{'.'.join(map(str, path))} is {_shown(text)}"
        for one in sets
        for path, text in _texts(dict(one), ())
        if is_placeholder(text)
    )
    if not found:
        return ""
    named, more = ", ".join(list(found)[:NAMED]), len(found) - NAMED
    rest = f" and {more:,} more" if more > 0 else ""
    if len(found) == 1:
        return f"A parameter looks like a placeholder: {named}. Replace it, unless it is meant"
    what = "Parameters look like placeholders"
    return f"{what}: {named}{rest}. Replace them, unless they are meant"


def _shown(text: str) -> str:
    return json.dumps(text if len(text) <= LONGEST else f"{text[:LONGEST]} ...", ensure_ascii=False)


def is_placeholder(text: str) -> bool:
    """Whether `text`, or a part of it, is what a template has instead of a value."""
    plain = text.strip()[:1_000]
    return bool(_WHOLE.fullmatch(plain) or _ANYWHERE.search(plain))


def _texts(value: JsonValue, path: JsonPath) -> Iterator[tuple[JsonPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*path, number))
