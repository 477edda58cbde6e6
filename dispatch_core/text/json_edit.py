"""Change one value in a JSON text and leave the rest of the text untouched.

A form edits text that a user may have written. Outside the change, the order of
keys, line breaks and spellings such as ``1e-3`` and ``0.10`` are preserved. Each
function takes a valid JSON text and returns the changed text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dispatch_core.text.strict_json import scan_tokens
from dispatch_core.types import JsonPath, JsonValue

_STEP = 2
"""Default indentation in spaces, for a text that has none of its own to follow."""


@dataclass(slots=True)
class Span:
    """The position of one value in a text; `key_start` is that of its key, -1 without one."""

    start: int
    end: int = 0
    key_start: int = -1
    bracket: str = ""
    members: dict[str | int, Span] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """Where the whole member starts: at its key, or at its value in a list."""
        return self.start if self.key_start < 0 else self.key_start

    def deepest(self, path: Sequence[str | int]) -> Span:
        """The value at `path`, or the innermost existing value on the way to it."""
        below = self.members.get(path[0]) if path else None
        return self if below is None else below.deepest(path[1:])


def read_spans(text: str) -> Span:
    """The positions of all values in `text`, which must be valid JSON."""
    tokens = scan_tokens(text)
    at, token = next(tokens)
    return _read(tokens, at, token)


def _read(tokens: Iterator[tuple[int, str]], at: int, token: str, key_start: int = -1) -> Span:
    if token not in ("{", "["):
        return Span(at, at + len(token), key_start)
    span = Span(at, key_start=key_start, bracket=token)
    for position, word in tokens:
        if word in ("}", "]"):
            span.end = position + 1
            break
        if word == ",":
            continue
        if token == "{":
            next(tokens)  # the colon
            start, value = next(tokens)
            span.members[json.loads(word)] = _read(tokens, start, value, position)
        else:
            span.members[len(span.members)] = _read(tokens, position, word)
    return span


def span_at(text: str, path: Sequence[str | int]) -> Span | None:
    """The position of the value at `path`, or None if there is none."""
    return _follow(read_spans(text), path)


def _follow(span: Span | None, path: Sequence[str | int]) -> Span | None:
    for step in path:
        span = span.members.get(step) if span is not None else None
    return span


def put_value(text: str, path: JsonPath, value: JsonValue) -> str:
    """`text` with `value` at `path`; missing objects on the way are created.

    When an object replaces an object, only the members that differ change.
    """
    root = read_spans(text)
    depth = next(n for n in range(len(path), -1, -1) if _follow(root, path[:n]) is not None)
    for key in reversed(path[depth + 1 :]):
        value = {key: value}
    span = _follow(root, path[:depth])
    assert span is not None
    if depth < len(path):
        if span.bracket:
            return _insert(text, span, path[depth], value)
        return put_value(text, path[:depth], {str(path[depth]): value})
    old = json.loads(text[span.start : span.end])
    if is_same(old, value):
        return text
    if isinstance(old, dict) and isinstance(value, dict) and _keeps_order(old, value):
        return _put_members(text, path, old, value)
    return text[: span.start] + _dump(text, span.start, value) + text[span.end :]


def _keeps_order(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether `new` is `old` with members changed, removed, or added at the end."""
    kept = [key for key in old if key in new]
    return bool(kept) and list(new)[: len(kept)] == kept


def _put_members(text: str, path: JsonPath, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    for key in old:
        if key not in new:
            text = remove_value(text, (*path, key))
    for key, item in new.items():
        if key not in old or not is_same(old[key], item):
            text = put_value(text, (*path, key), item)
    return text


def is_same(one: JsonValue, other: JsonValue) -> bool:
    """Whether both are written as the same JSON: 1, 1.0, true and "1" are four values."""
    return json.dumps(one) == json.dumps(other)


def remove_value(text: str, path: JsonPath) -> str:
    """`text` without the member at `path` and its comma; unchanged if there is none."""
    root = read_spans(text)
    parent, span = _follow(root, path[:-1]), _follow(root, path)
    if parent is None or span is None:
        return text
    siblings = list(parent.members.values())
    if len(siblings) == 1:
        return text[: parent.start + 1] + text[parent.end - 1 :]
    number = siblings.index(span)
    if number:
        return text[: siblings[number - 1].end] + text[span.end :]
    return text[: span.first] + text[siblings[1].first :]


def rename_key(text: str, path: JsonPath, name: str) -> str:
    """`text` with the key at `path` renamed to `name`; unchanged if `name` is taken."""
    root = read_spans(text)
    parent, span = _follow(root, path[:-1]), _follow(root, path)
    if span is None or parent is None or span.key_start < 0 or name in parent.members:
        return text
    _, old = next(scan_tokens(text[span.key_start : span.start]))
    rest = text[span.key_start + len(old) :]
    return text[: span.key_start] + json.dumps(name, ensure_ascii=False) + rest


def insert_item(text: str, path: JsonPath, index: int, raw: str) -> str:
    """`text` with the JSON text `raw` inserted as item `index` of the list at `path`."""
    span = span_at(text, path)
    assert span is not None
    if index >= len(span.members):
        return _append(text, span, raw)
    place = span.members[index].start
    return text[:place] + raw + "," + _gap(text, span) + text[place:]


def append_items(text: str, path: JsonPath, values: Sequence[JsonValue]) -> str:
    """`text` with `values` appended to the list at `path`."""
    span = span_at(text, path)
    assert span is not None
    column = _child_indent(text, span)
    gap = "," + (" " if column is None else "\n" + " " * column)
    return _append(text, span, gap.join(_dump_at(value, column) for value in values))


def swap_items(text: str, path: JsonPath, first: int, second: int) -> str:
    """`text` with two items of the list at `path` swapped."""
    span = span_at(text, path)
    assert span is not None
    one, other = (span.members[index] for index in sorted((first, second)))
    return (
        text[: one.start]
        + text[other.start : other.end]
        + text[one.end : other.start]
        + text[one.start : one.end]
        + text[other.end :]
    )


def raw_value(text: str, path: JsonPath) -> str:
    """The JSON text of the value at `path`, exactly as written; "" if there is none."""
    span = span_at(text, path)
    return "" if span is None else text[span.start : span.end]


def _insert(text: str, span: Span, key: str | int, value: JsonValue) -> str:
    prefix = f"{json.dumps(key, ensure_ascii=False)}: " if span.bracket == "{" else ""
    column = _child_indent(text, span)
    return _append(text, span, prefix + _dump_at(value, column))


def _append(text: str, span: Span, raw: str) -> str:
    if span.members:
        end = list(span.members.values())[-1].end
        return text[:end] + "," + _gap(text, span) + raw + text[end:]
    column = _child_indent(text, span)
    if column is None:
        return text[: span.start + 1] + raw + text[span.end - 1 :]
    close = " " * max(0, column - _STEP)
    return text[: span.start + 1] + f"\n{' ' * column}{raw}\n{close}" + text[span.end - 1 :]


def _gap(text: str, span: Span) -> str:
    """The separator after a comma: a line break and indentation, or one space."""
    column = _child_indent(text, span)
    return " " if column is None else "\n" + " " * column


def _child_indent(text: str, span: Span) -> int | None:
    """The column where members start; None if they share the line of the bracket."""
    if span.members:
        first = next(iter(span.members.values())).first
        if "\n" not in text[span.start : first]:
            return None
        return first - text.rfind("\n", 0, first) - 1
    if "\n" not in text.strip() and text.strip() not in ("{}", "[]"):
        return None
    return _line_indent(text, span.start) + _STEP


def _line_indent(text: str, position: int) -> int:
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return len(line) - len(line.lstrip())


def _dump(text: str, position: int, value: JsonValue) -> str:
    """`value` as JSON, on several lines if the surrounding text is."""
    return _dump_at(value, _line_indent(text, position) if "\n" in text.strip() else None)


def _dump_at(value: JsonValue, column: int | None) -> str:
    if column is None or not isinstance(value, dict | list) or _is_short(value):
        return json.dumps(value, ensure_ascii=False)
    written = json.dumps(value, indent=_STEP, ensure_ascii=False)
    return written.replace("\n", "\n" + " " * column)


def _is_short(value: Any) -> bool:
    """Whether `value` is a list of scalars that fits on one line of 80 characters."""
    is_flat = isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)
    return is_flat and len(json.dumps(value)) <= 80
