"""Conversion of a query to a form, and of a form to a query.

A form converted to a query reads back as the same form. A query converted to a form
always keeps its meaning; its JSON changes only to an equivalent notation (``$not``
over two operators comes back as ``$nor``). What no row can express stays in its
position as a `Locked` clause.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal

from dispatch_core.builder.date_clauses import date_clause, date_row, is_date_row
from dispatch_core.builder.query_form import (
    OPERATORS,
    PATTERN_CONDITIONS,
    ConditionKind,
    Elements,
    FormRow,
    Group,
    Locked,
    Node,
    QueryForm,
    Spelling,
    faults,
    typed,
    typed_list,
    value_of,
)
from dispatch_core.builder.spelling import are_spellings
from dispatch_core.errors import InvalidInput
from dispatch_core.language.bson import is_number
from dispatch_core.language.expressions import is_true
from dispatch_core.language.match import is_operator_document
from dispatch_core.types import Filter, JsonValue, Pipeline

MAX_DEPTH: Final = 12
"""Levels of groups, lists of items and negations; deeper clauses are locked."""


def _text(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


# Query -> form


def form_of(query: Filter | Pipeline) -> QueryForm:
    """The form of a checked query, with a locked clause for anything no row can express."""
    if isinstance(query, dict):
        return QueryForm(_root(query))
    first = query[0].get("$match") if query and isinstance(query[0], dict) else None
    has_match = isinstance(first, dict)
    rest = query[1:] if has_match else query
    stages = tuple(Locked(_text(stage), _STAGE_REASON) for stage in rest)
    return QueryForm(_root(first if isinstance(first, dict) else {}), stages, has_match)


_STAGE_REASON = "a stage of the aggregation pipeline; change it as JSON"


def _root(query: Filter) -> Group:
    members, is_explicit = _conjunction(query, 0)
    return Group("all", members, is_explicit=is_explicit)


def _conjunction(query: Filter, depth: int) -> tuple[tuple[Node, ...], bool]:
    """The nodes that must all match, and whether the query is one explicit ``$and``."""
    nodes = tuple(_nodes(query, depth))
    if list(query) == ["$and"] and isinstance(nodes[0], Group):
        return nodes[0].members, True
    return nodes, False


def _nodes(query: Filter, depth: int) -> Iterator[Node]:
    whole = date_row(query) if "$comment" in query else None
    if whole is not None:
        yield whole
        return
    for name, condition in query.items():
        dated = date_row({name: condition}) if name == "$or" else None
        if dated is not None:
            yield dated
        elif name in _GROUPS:
            yield _row_of_spellings(name, condition) or _group(name, condition, depth)
        elif name.startswith("$") or not name.strip():
            named = name.strip() or "a field without a name"
            reason = _REASONS.get(name, f"no row of the form can express {named}")
            yield Locked(_text({name: condition}), reason)
        else:
            yield from _field_nodes(name, condition, depth)


_GROUPS: Final[dict[str, Literal["all", "any", "none"]]] = {
    "$and": "all",
    "$or": "any",
    "$nor": "none",
}
_OPERATOR_OF_GROUP: Final = {kind: name for name, kind in _GROUPS.items()}
_REASONS: Final = {
    "$expr": "it computes from several fields",
    "$comment": "a comment; it changes nothing",
}


_OPPOSITES: Final[dict[ConditionKind, ConditionKind]] = {
    "is not": "is",
    "is none of": "is one of",
    "is missing": "exists",
}
"""Condition -> the one that it denies."""


def _row_of_spellings(name: str, members: JsonValue) -> FormRow | None:
    """The one row for a clause that asks the same of each spelling of a field.

    ``$or`` asks it of any of them; ``$nor`` denies it of all of them.
    """
    if name == "$and" or not isinstance(members, list) or len(members) < 2:
        return None
    if not all(isinstance(one, dict) and len(one) == 1 for one in members):
        return None
    paths = [next(iter(one)) for one in members]
    if not are_spellings(paths):
        return None
    nodes = tuple(_field_nodes(paths[0], members[0][paths[0]], 0))
    if len(nodes) != 1 or not isinstance(nodes[0], FormRow) or is_date_row(nodes[0]):
        return None
    row = replace(nodes[0], others=tuple(map(Spelling, paths[1:])))
    row = _denied(row) if name == "$nor" else row
    is_same = json.dumps(_clause(row)) == json.dumps({name: members})
    return row if is_same else None


def _denied(row: FormRow) -> FormRow:
    """The opposite of a row."""
    for negative, positive in _OPPOSITES.items():
        if row.condition == positive and not row.is_explicit:
            return replace(row, condition=negative)
    return replace(row, is_negated=True)


def _spelled_clause(row: FormRow) -> Filter:
    """``$or`` over the spellings, or ``$nor`` of the opposite: "is not" holds for no spelling."""
    is_negative = row.is_negated != (row.condition in _OPPOSITES)
    condition = _OPPOSITES.get(row.condition, row.condition)
    one = replace(row, condition=condition, is_negated=False, others=())
    branches = [_clause(replace(one, path=path)) for path in row.paths]
    return {"$nor" if is_negative else "$or": branches}


def _group(name: str, members: JsonValue, depth: int) -> Node:
    whole = _text({name: members})
    if not isinstance(members, list) or not members:
        return Locked(whole, f"{name} needs a list of filters")
    if not all(isinstance(member, dict) for member in members):
        return Locked(whole, f"{name} contains an item that is not a filter")
    if depth >= MAX_DEPTH:
        return Locked(whole, f"it is nested more than {MAX_DEPTH} levels deep")
    items = tuple(_item(member, depth + 1) for member in members)
    return Group(_GROUPS[name], items, is_explicit=True)


def _item(query: Filter, depth: int) -> Node:
    """The node of one filter in a list: its only condition, or a group of several."""
    if not query:
        return Locked("{}", "an empty filter, which matches every record")
    if list(query) == ["$and"]:
        return _group("$and", query["$and"], depth)
    nodes = tuple(_nodes(query, depth))
    return nodes[0] if len(nodes) == 1 else Group("all", nodes)


def _field_nodes(path: str, condition: JsonValue, depth: int) -> Iterator[Node]:
    if not is_operator_document(condition):
        yield _valued(path, "is", condition)
        return
    dated = date_row({path: condition})
    if dated is not None:
        yield dated
        return
    strange = [name for name in condition if not name.startswith("$")]
    if strange or ("$options" in condition and "$regex" not in condition):
        what = strange[0] if strange else "$options"
        yield Locked(_text({path: condition}), f"{what} is not valid beside these operators")
        return
    for name, argument in condition.items():
        if name != "$options":
            yield _operator_node(path, name, argument, condition, depth)


def _operator_node(
    path: str, name: str, argument: JsonValue, beside: Mapping[str, JsonValue], depth: int
) -> Node:
    node: Node | None = None
    own = {name: argument}
    if name == "$regex":
        own |= {"$options": beside["$options"]} if "$options" in beside else {}
        node = _regex_row(path, argument, beside.get("$options", ""))
    elif name == "$elemMatch":
        node = _elements(path, argument, depth)
    elif name == "$not":
        node = _negated(path, argument, depth)
    elif name in _ROWS:
        node = _ROWS[name](path, argument)
    if node is not None:
        return node
    return Locked(_text({path: own}), f"no row of the form can express this {name}")


def _valued(
    path: str, condition: ConditionKind, value: JsonValue, *, explicit: bool = False
) -> FormRow:
    kind, text = typed(value)
    return FormRow(path, condition, kind, (text,), is_explicit=explicit)


def _list_row(path: str, condition: ConditionKind, argument: JsonValue) -> FormRow | None:
    if not isinstance(argument, list) or any(map(is_operator_document, argument)):
        return None
    return FormRow(path, condition, *typed_list(argument))


def _regex_row(path: str, pattern: JsonValue, options: JsonValue) -> FormRow | None:
    if not isinstance(pattern, str) or not isinstance(options, str):
        return None
    condition: ConditionKind = "matches"
    if set(options) <= {"i"}:  # x and m change the meaning of pattern characters
        condition, pattern = words_of_pattern(pattern)
    return FormRow(path, condition, "text", (pattern,), options)


def _size_row(path: str, argument: JsonValue) -> FormRow | None:
    return _valued(path, "has size", argument) if is_number(argument) else None


def _type_row(path: str, argument: JsonValue) -> FormRow | None:
    names = argument if isinstance(argument, list) else [argument]
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return FormRow(path, "has type", "text", tuple(names), is_explicit=isinstance(argument, list))


def _exists_row(path: str, argument: JsonValue) -> FormRow:
    return FormRow(path, "exists" if is_true(argument) else "is missing")


_ROWS: Final[dict[str, Callable[[str, JsonValue], FormRow | None]]] = {
    "$eq": lambda path, value: _valued(path, "is", value, explicit=True),
    "$ne": lambda path, value: _valued(path, "is not", value),
    "$gt": lambda path, value: _valued(path, "greater than", value),
    "$gte": lambda path, value: _valued(path, "at least", value),
    "$lt": lambda path, value: _valued(path, "less than", value),
    "$lte": lambda path, value: _valued(path, "at most", value),
    "$in": lambda path, value: _list_row(path, "is one of", value),
    "$nin": lambda path, value: _list_row(path, "is none of", value),
    "$all": lambda path, value: _list_row(path, "has all of", value),
    "$size": _size_row,
    "$type": _type_row,
    "$exists": _exists_row,
}


def _negated(path: str, argument: JsonValue, depth: int) -> Node | None:
    """``$not`` as a negated row if it holds one condition, else as a "none" group."""
    if not is_operator_document(argument):
        return None
    inner = tuple(_field_nodes(path, argument, depth + 1))
    if any(isinstance(node, Locked) for node in inner):
        return None
    only = inner[0] if len(inner) == 1 else None
    if isinstance(only, FormRow | Elements) and not only.is_negated:
        return replace(only, is_negated=True)
    if not path or depth >= MAX_DEPTH:  # a group cannot refer to a list item without a path
        return None
    return Group("none", (only or Group("all", inner),))


def _elements(path: str, argument: JsonValue, depth: int) -> Elements | None:
    if not isinstance(argument, dict) or not argument or depth >= MAX_DEPTH:
        return None
    if is_operator_document(argument) and next(iter(argument)) not in _GROUPS:
        rows = tuple(_field_nodes("", argument, depth + 1))
        is_plain = all(isinstance(row, FormRow) for row in rows)
        return Elements(path, rows, of_values=True) if is_plain else None
    members, is_explicit = _conjunction(argument, depth + 1)
    return Elements(path, members, is_explicit=is_explicit)


# Regular expressions as conditions on text

_SPECIAL: Final = frozenset(r"\.^$*+?()[]{}|")


def words_of_pattern(pattern: str) -> tuple[ConditionKind, str]:
    """The condition and text of a pattern: ("starts with", "s3://a.b") for ``^s3://a\\.b``.

    A pattern that is more than a literal text stays "matches".
    """
    body = pattern.removeprefix("^")
    starts = len(body) < len(pattern)
    ends = body.endswith("$") and not _is_escaped(body)
    literal = _unescaped(body.removesuffix("$") if ends else body)
    if literal is None or (starts and ends):
        return "matches", pattern
    return ("starts with" if starts else "ends with" if ends else "contains"), literal


def pattern_of(condition: ConditionKind, text: str) -> str:
    """The regular expression for `condition` with `text`."""
    if condition == "matches":
        return text
    literal = "".join(f"\\{one}" if one in _SPECIAL else one for one in text)
    before, after = "^" * (condition == "starts with"), "$" * (condition == "ends with")
    return f"{before}{literal}{after}"


def _is_escaped(text: str) -> bool:
    """Whether an odd number of backslashes precedes the last character of `text`."""
    head = text[:-1]
    return (len(head) - len(head.rstrip("\\"))) % 2 == 1


def _unescaped(body: str) -> str | None:
    """The literal text that a pattern matches; None if it has an unescaped special character."""
    literal = re.sub(r"\\(.)", lambda found: found[1], body, flags=re.DOTALL)
    return literal if pattern_of("contains", literal) == body else None


# Form -> query


def query_of(form: QueryForm) -> Filter | Pipeline:
    """The query of `form`, with its stages if it has any; raises as `filter_of` does."""
    query = filter_of(form)
    if form.stages is None:
        return query
    stages = [json.loads(stage.text) for stage in form.stages]
    return [{"$match": query}, *stages] if query or form.has_match else stages


def filter_of(form: QueryForm) -> Filter:
    """The filter of the conditions of `form`, without its stages.

    Raises
    ------
    InvalidInput
        With one issue for each invalid row or group.
    """
    found = faults(form)
    if found:
        raise InvalidInput(list(found.values()))
    return _conjunction_filter(form.root)


def clause_of(node: Node) -> Filter:
    """The filter of one valid node of a form."""
    return _item_filter(node)


def node_of(clause: Filter) -> Node:
    """The node of a form for one filter, a group if it has several conditions."""
    return _item(clause, 1)


def _conjunction_filter(node: Group | Elements) -> Filter:
    """The filter of `node.members`: one object, or an ``$and`` if their names clash."""
    if len(node.members) == 1 and is_date_row(node.members[0]) and not node.is_explicit:
        return _clause(node.members[0])
    merged = None if node.is_explicit and node.members else _merged(node.members)
    if merged is None or _is_lone_all(node.members):
        return {"$and": [_item_filter(member) for member in node.members]}
    return merged


def _is_lone_all(members: tuple[Node, ...]) -> bool:
    """Whether the only member is an "all" group, whose ``$and`` would read as its parent's."""
    only = members[0] if len(members) == 1 else None
    return isinstance(only, Group) and only.kind == "all"


def _item_filter(node: Node) -> Filter:
    if not isinstance(node, Group) or node.kind != "all":
        return _clause(node)
    merged = _merged(node.members) if len(node.members) > 1 and not node.is_explicit else None
    return _clause(node) if merged is None else merged


def _merged(members: Iterable[Node]) -> Filter | None:
    """The clauses merged into one object; None if two would share a name and one be lost.

    Only adjacent clauses share a field, so that the chosen order is kept. A date condition
    stays by itself, so that it is recognized again.
    """
    merged: Filter = {}
    last = None
    for member in members:
        clause = _clause(member)
        if len(clause) != 1:
            return None
        name, condition = next(iter(clause.items()))
        if name not in merged:
            merged[name] = condition
        elif name == last and not is_date_row(member) and _go_together(merged[name], condition):
            merged[name] = merged[name] | condition
        else:
            return None
        last = None if is_date_row(member) else name
    return merged


def _go_together(one: JsonValue, other: JsonValue) -> bool:
    return (
        is_operator_document(one)
        and is_operator_document(other)
        and one.keys().isdisjoint(other)
        and all(name.startswith("$") for name in (*one, *other))
        and all("$options" not in each or "$regex" in each for each in (one, other))
    )


def _clause(node: Node) -> Filter:
    """`node` as a filter with a single name."""
    if isinstance(node, Locked):
        return dict(json.loads(node.text))
    if isinstance(node, Group):
        return {_OPERATOR_OF_GROUP[node.kind]: [_item_filter(one) for one in node.members]}
    if is_date_row(node):
        return date_clause(node)
    if isinstance(node, FormRow) and node.others:
        return _spelled_clause(node)
    if isinstance(node, Elements):
        condition: JsonValue = {"$elemMatch": _elements_filter(node)}
    elif node.condition == "is" and not (node.is_explicit or node.is_negated or not node.path):
        value = value_of(node)
        condition = {"$eq": value} if is_operator_document(value) else value
    else:
        condition = _operators(node)
    return {node.path: {"$not": condition} if node.is_negated else condition}


def _elements_filter(node: Elements) -> Filter:
    if not node.of_values:
        return _conjunction_filter(node)
    return dict((_merged(node.members) or {"": {}})[""])


def _operators(row: FormRow) -> dict[str, JsonValue]:
    name = OPERATORS[row.condition]
    if row.condition in PATTERN_CONDITIONS:
        pattern = {name: pattern_of(row.condition, row.texts[0])}
        return pattern | ({"$options": row.options} if row.options else {})
    if name == "$exists":
        return {name: row.condition == "exists"}
    if name == "$type" and len(row.texts) == 1 and not row.is_explicit:
        return {name: row.texts[0]}
    return {name: value_of(row)}
