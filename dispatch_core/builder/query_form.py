"""A query as a form: rows in nested groups, and locked clauses that no row can express.

Values are kept as typed text beside their kind: the text "774659" and the number
774659 match different records, and an unfinished number stays on the page as typed.
`form_translation` converts between a query and a form; this module has the types, the
validation and the changes of a form.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from dispatch_core.builder.days import DATE_CONDITIONS, DateCondition, span_of
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.bson import is_number
from dispatch_core.language.match import is_operator_document
from dispatch_core.text.date_layouts import today
from dispatch_core.text.strict_json import load_json
from dispatch_core.types import JsonValue

Kind = Literal["text", "number", "true or false", "null", "JSON", "date"]
"""The kind of a value; "JSON" is an object, an array, or a list of mixed kinds."""

PlainCondition = Literal[
    "is",
    "is not",
    "is one of",
    "is none of",
    "contains",
    "starts with",
    "ends with",
    "matches",
    "greater than",
    "at least",
    "less than",
    "at most",
    "exists",
    "is missing",
    "has all of",
    "has size",
    "has type",
]
ConditionKind = PlainCondition | DateCondition

OPERATORS: Final[dict[ConditionKind, str]] = {
    "is": "$eq",
    "is not": "$ne",
    "is one of": "$in",
    "is none of": "$nin",
    "contains": "$regex",
    "starts with": "$regex",
    "ends with": "$regex",
    "matches": "$regex",
    "greater than": "$gt",
    "at least": "$gte",
    "less than": "$lt",
    "at most": "$lte",
    "exists": "$exists",
    "is missing": "$exists",
    "has all of": "$all",
    "has size": "$size",
    "has type": "$type",
}
PATTERN_CONDITIONS: Final = frozenset(name for name, op in OPERATORS.items() if op == "$regex")
LIST_CONDITIONS: Final[frozenset[ConditionKind]] = frozenset(
    ("is one of", "is none of", "has all of", "has type")
)
VALUELESS: Final[frozenset[ConditionKind]] = frozenset(("exists", "is missing"))
ONE_KIND: Final[dict[ConditionKind, Kind]] = {
    **dict.fromkeys(PATTERN_CONDITIONS, "text"),
    "has type": "text",
    "has size": "number",
    **dict.fromkeys(DATE_CONDITIONS, "date"),
}
"""Conditions that accept values of one kind only, whatever the field contains."""

_numbers = itertools.count(1)


def _next_number() -> int:
    return next(_numbers)


def adopt_form(form: QueryForm) -> bool:
    """Let new nodes have other numbers than `form`, which an earlier process made.

    Returns whether the numbers in `form` itself differ from each other.
    """
    global _numbers
    nodes = [form.root, *(node for node, _ in walk(form.root)), *(form.stages or ())]
    numbers = {node.key for node in nodes}
    _numbers = itertools.count(max(_next_number(), *numbers) + 1)
    return len(numbers) == len(nodes)


def _key() -> Any:
    """A field with a unique number that copies keep, to identify a node while it is edited."""
    return field(default_factory=_next_number, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Spelling:
    """The path of a field in the other schema, and the layouts of its dates if it has any."""

    path: str
    layouts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FormRow:
    """One condition on one field.

    Attributes
    ----------
    path
        Dotted path; ``""`` for the item itself inside `Elements` of values.
    texts
        The values as typed: one for each item of a list, none for "exists" or while a
        value is missing. A list of kind "JSON" is one text, the whole array.
    layouts
        For a date condition, the names of the layouts in which the field writes its dates;
        empty until they are known.
    others
        The other spellings of the field; the condition is about whichever a record has.
    options
        Letters of ``$options``; "i" ignores case.
    is_negated
        Whether the condition is under ``$not``.
    is_explicit
        Whether the query uses the longer of two notations: ``{"$eq": value}`` for a value.
    version
        How often the texts were replaced by others than the typed ones.
    former
        The texts that the input of the version before had when it was replaced.
    is_new
        Whether it was added by a button, and its condition was not chosen since then.
    """

    path: str = ""
    condition: ConditionKind = "is"
    kind: Kind = "text"
    texts: tuple[str, ...] = ()
    options: str = ""
    layouts: tuple[str, ...] = ()
    is_negated: bool = False
    others: tuple[Spelling, ...] = ()
    is_explicit: bool = field(default=False, compare=False)
    version: int = field(default=0, compare=False)
    former: tuple[str, ...] = field(default=(), compare=False)
    is_new: bool = field(default=False, compare=False)
    key: int = _key()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every spelling of the field."""
        return (self.path, *(one.path for one in self.others))


@dataclass(frozen=True, slots=True)
class Elements:
    """``$elemMatch``: one item of the list at `path` meets all `members` at once.

    With `of_values` the members are conditions on the items themselves, not on their
    fields.
    """

    path: str = ""
    members: tuple[Node, ...] = ()
    is_negated: bool = False
    of_values: bool = False
    is_explicit: bool = field(default=False, compare=False)
    key: int = _key()


@dataclass(frozen=True, slots=True)
class Group:
    """Members of which all, any or none must match; `is_explicit` for a written ``$and``."""

    kind: Literal["all", "any", "none"] = "all"
    members: tuple[Node, ...] = ()
    is_explicit: bool = field(default=False, compare=False)
    key: int = _key()


@dataclass(frozen=True, slots=True)
class Locked:
    """A clause, or a stage, that can be moved and removed but not edited as a form."""

    text: str
    reason: str
    key: int = _key()


Node: TypeAlias = FormRow | Elements | Group | Locked
Members: TypeAlias = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class QueryForm:
    """A query as a form; all members of `root` must match.

    `stages` is None for a filter. For an aggregation pipeline it holds the stages after
    the leading ``$match``, which is `root`.
    """

    root: Group = field(default_factory=Group)
    stages: tuple[Locked, ...] | None = None
    has_match: bool = field(default=False, compare=False)

    @property
    def locked(self) -> tuple[Locked, ...]:
        """The locked clauses among the conditions, without stages."""
        return tuple(node for node, _ in walk(self.root) if isinstance(node, Locked))


def walk(group: Group | Elements) -> Iterator[tuple[Node, Group | Elements]]:
    """Every node below `group` with its parent, each before its own members."""
    for member in group.members:
        yield member, group
        if isinstance(member, Group | Elements):
            yield from walk(member)


# Values


def value_of(row: FormRow) -> JsonValue:
    """The value or list that a row compares with; `InvalidInput` if a text is not of its kind."""
    if row.condition in LIST_CONDITIONS and row.kind != "JSON":
        return [_parsed(row.kind, text) for text in row.texts]
    return _parsed(row.kind, row.texts[0] if row.texts else "")


_BETWEEN_IDS: Final = re.compile(r"\s*[,;\t]\s*")
_ID: Final = re.compile(r"(?=\S*\d)\S{4,}")


def typed_values(
    text: str, before: Sequence[str] = (), known: Collection[str] = ()
) -> tuple[str, ...]:
    """The values of a list as typed: one in each line, ids also with commas between them.

    A line is separated only if each part is clearly an id (``900120, 900122``) or one of the
    `known` values of the field, because a value may contain a comma. A line that is one of
    the values `before`, or known itself, stays whole.
    """
    found: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        parts = [one for one in _BETWEEN_IDS.split(line) if one]
        is_list = bool(parts) and all(_ID.fullmatch(one) or one in known for one in parts)
        found += parts if is_list and line not in before and line not in known else [line]
    return tuple(found)


def _parsed(kind: Kind, text: str) -> JsonValue:
    if kind == "text":
        return text
    if kind == "null":
        return None
    if kind == "true or false":
        return text == "true"
    return _number(text) if kind == "number" else load_json(text, "the value")


def _number(text: str) -> JsonValue:
    try:
        value = load_json(text, "the value")
    except InvalidInput:
        value = None
    if not is_number(value):
        raise InvalidInput(Issue(f"{text.strip()!r} is not a number", "", "Write it as in 0.5"))
    return value


def typed(value: JsonValue) -> tuple[Kind, str]:
    """The kind of a value and its text: ("number", "0.5") for 0.5."""
    if isinstance(value, str):
        return "text", value
    if value is None:
        return "null", "null"
    if isinstance(value, bool):
        return "true or false", "true" if value else "false"
    return ("number" if is_number(value) else "JSON"), _text(value)


def typed_list(values: list[JsonValue]) -> tuple[Kind, tuple[str, ...]]:
    """The kind of a list and its texts; for mixed kinds, "JSON" and one text of the array."""
    pairs = [typed(value) for value in values]
    for kind in {kind for kind, _ in pairs} & {"text", "number"}:
        if all(one == kind for one, _ in pairs):
            return kind, tuple(text for _, text in pairs)
    return "JSON", (_text(values),)


def kinds_for(condition: ConditionKind) -> tuple[Kind, ...]:
    """The kinds of values that a condition accepts, the default first."""
    if condition in VALUELESS:
        return ()
    if condition in ONE_KIND:
        return (ONE_KIND[condition],)
    if condition in LIST_CONDITIONS:
        return ("text", "number", "JSON")
    return ("text", "number", "true or false", "null", "JSON")


def with_condition(row: FormRow, condition: ConditionKind, *, is_negated: bool = False) -> FormRow:
    """`row` with another condition, which keeps the value as far as it accepts it."""
    changed = replace(
        row, condition=condition, is_negated=is_negated, is_explicit=False, is_new=False
    )
    if ONE_KIND.get(condition) == "date":
        return _with_days(row, changed)
    if row.kind == "date":
        text = replace(row, condition="is", kind="text", texts=_days(row)[:1], layouts=())
        return with_condition(text, condition, is_negated=is_negated)
    if condition not in PATTERN_CONDITIONS:
        changed = replace(changed, options="")
    if condition in VALUELESS:
        return replace(changed, texts=())
    if (condition in LIST_CONDITIONS) != (row.condition in LIST_CONDITIONS):
        changed = _listed(row, changed) if condition in LIST_CONDITIONS else _single(row, changed)
    kinds = kinds_for(condition)
    return changed if changed.kind in kinds else with_kind(changed, kinds[0])


def started_as_date(row: FormRow) -> FormRow:
    """A new `row` without a value, whose field has dates, as a condition on the day."""
    is_untouched = row.is_new and row.condition == "is" and not row.texts
    return with_condition(row, "on") if is_untouched else row


def _with_days(row: FormRow, changed: FormRow) -> FormRow:
    """`changed` with the days of `row`, as far as its condition accepts them."""
    if changed.condition == "in the last":
        return replace(changed, kind="date", options="", texts=("30", "days", str(today())))
    most = 2 if changed.condition == "between" else 1
    return replace(changed, kind="date", options="", texts=_days(row)[:most])


def _days(row: FormRow) -> tuple[str, ...]:
    """The days that `row` has, as typed."""
    if row.condition == "in the last":
        return ()
    return row.texts if row.kind == "date" else row.texts[:1] if row.kind == "text" else ()


def _listed(row: FormRow, changed: FormRow) -> FormRow:
    if row.kind in ("text", "number") or not row.texts:
        return changed
    try:
        value = value_of(row)
    except InvalidInput:
        return changed
    kind, texts = typed_list(value if isinstance(value, list) else [value])
    return replace(changed, kind=kind, texts=texts)


def _single(row: FormRow, changed: FormRow) -> FormRow:
    return changed if row.kind == "JSON" else replace(changed, texts=row.texts[:1])


def with_kind(row: FormRow, kind: Kind) -> FormRow:
    """`row` with values of another kind, converted where possible."""
    changed = replace(row, kind=kind)
    if kind == "null":
        return replace(changed, texts=("null",))
    if kind == "true or false":
        return replace(changed, texts=("true" if row.texts[:1] != ("false",) else "false",))
    if row.kind == "null":
        return replace(changed, texts=())
    if not row.texts:
        return changed
    try:
        value = value_of(row)
    except InvalidInput:
        return changed
    if kind == "JSON":
        is_json = isinstance(value, str) and value.lstrip()[:1] in ("{", "[")
        return changed if is_json else replace(changed, texts=(_text(value),))
    if isinstance(value, list) and row.kind == "JSON" and row.condition in LIST_CONDITIONS:
        return replace(changed, texts=tuple(typed(one)[1] for one in value))
    return replace(changed, texts=(value,)) if isinstance(value, str) else changed


def _text(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


# Validation


def faults(form: QueryForm) -> dict[int, Issue]:
    """Key of each invalid row or group -> its issue; a form with issues gives no query."""
    found: dict[int, Issue] = {}
    for number, (node, holder) in enumerate(walk(form.root), 1):
        fault = fault_of(node, holder)
        if fault:
            found[node.key] = replace(fault, where=f"condition {number}")
    return found


def is_blank(node: Node) -> bool:
    """Whether nothing is chosen or typed in a row yet."""
    return isinstance(node, FormRow) and not node.path.strip() and not any(node.texts)


def fault_of(node: Node, holder: Group | Elements) -> Issue | None:
    """The issue of `node` itself, not of its members; None if it is valid."""
    if isinstance(node, Locked):
        return None
    is_item = isinstance(holder, Elements) and holder.of_values
    if not isinstance(node, Group) and not is_item and not node.path.strip():
        return Issue("the field is missing", "", "Choose a field, or remove the condition")
    if not isinstance(node, Group) and node.path.startswith("$"):
        return Issue("a field does not start with $", "", "Write the path of a field")
    if isinstance(node, FormRow):
        return _items_fault(node) if is_item and node.kind == "date" else _value_fault(node)
    if not node.members:
        return Issue("the group is empty", "", "Add a condition to it, or remove it")
    if isinstance(node, Elements) and node.of_values and _clash(node):
        what = "two conditions on the items use the same operator"
        return Issue(what, "", "Remove one of them")
    return None


def _clash(node: Elements) -> bool:
    names = [
        "$not" if row.is_negated else OPERATORS[row.condition]
        for row in node.members
        if isinstance(row, FormRow) and row.condition in OPERATORS
    ]
    return len(set(names)) < len(names)


def _value_fault(row: FormRow) -> Issue | None:
    if row.condition in VALUELESS:
        return None
    if row.kind == "date":
        return _date_fault(row)
    if not row.texts:
        return Issue("the value is missing", "", "Write a value, or remove the condition")
    try:
        value = value_of(row)
    except InvalidInput as error:
        return error.issues[0]
    if row.condition in LIST_CONDITIONS and not isinstance(value, list):
        return Issue("this condition takes a list", "", 'Write it as in ["a", 1]')
    if row.condition in LIST_CONDITIONS and any(map(is_operator_document, value)):
        return Issue("the list contains an operator", "", "Use a group of conditions")
    if row.condition == "has size" and not (value >= 0 and value % 1 == 0):
        return Issue("a size is a whole number of at least 0", "", "Write it as in 2")
    return None


def _items_fault(row: FormRow) -> Issue:
    what = f"{row.condition!r} compares a field, and the items of this list have none"
    return Issue(what, "", "Use another condition, such as 'at least'")


def _date_fault(row: FormRow) -> Issue | None:
    condition = next(one for one in DATE_CONDITIONS if one == row.condition)
    try:
        span_of(condition, row.texts)
    except InvalidInput as error:
        return error.issues[0]
    if not row.layouts and not any(one.layouts for one in row.others):
        what = f"how {row.path} writes its dates is not known, or cannot be compared"
        return Issue(what, "", "Choose another field or condition")
    return None


def finished_part(form: QueryForm) -> QueryForm:
    """`form` without its invalid nodes, and without groups that are empty without them."""
    found = faults(form)

    def kept(node: Node) -> Node | None:
        if node.key in found and not isinstance(node, Group):
            return None
        if not isinstance(node, Group | Elements):
            return node
        members = tuple(one for one in map(kept, node.members) if one is not None)
        return replace(node, members=members) if members else None

    members = tuple(one for one in map(kept, form.root.members) if one is not None)
    return replace(form, root=replace(form.root, members=members))


# Changes: each returns a new form


def add(form: QueryForm, holder: int, node: Node) -> QueryForm:
    """`form` with `node` as the last member of the group whose key is `holder`."""

    def change(group: Group | Elements) -> Group | Elements:
        return replace(group, members=(*group.members, node))

    return replace(form, root=_changed(form.root, lambda one: one.key == holder, change))


def put(form: QueryForm, node: Node) -> QueryForm:
    """`form` with `node` in place of the node with the same key."""
    return _change_at(form, node.key, lambda before, _, after: (*before, node, *after))


def remove(form: QueryForm, key: int) -> QueryForm:
    """`form` without the node or stage of this key."""
    if form.stages is not None:
        stages = tuple(stage for stage in form.stages if stage.key != key)
        form = replace(form, stages=stages or None if len(stages) < len(form.stages) else stages)
    return _change_at(form, key, lambda before, _, after: (*before, *after))


def move(form: QueryForm, key: int, by: Literal[-1, 1]) -> QueryForm:
    """`form` with the node moved one position up (-1) or down (1) in its group."""

    def change(before: Members, node: Node, after: Members) -> Members:
        if by < 0:
            return (*before[:-1], node, *before[-1:], *after)
        return (*before, *after[:1], node, *after[1:])

    return _change_at(form, key, change)


def renewed(form: QueryForm) -> QueryForm:
    """`form` with new keys, so that no widget of the former nodes shows it."""
    stages = form.stages and tuple(replace(one, key=_next_number()) for one in form.stages)
    root = _renewed(form.root)
    assert isinstance(root, Group)
    return replace(form, root=root, stages=stages)


def _renewed(node: Node) -> Node:
    node = replace(node, key=_next_number())
    if isinstance(node, Group | Elements):
        return replace(node, members=tuple(map(_renewed, node.members)))
    return node


def _change_at(
    form: QueryForm, key: int, change: Callable[[Members, Node, Members], Members]
) -> QueryForm:
    def around(group: Group | Elements) -> Group | Elements:
        at = [member.key for member in group.members].index(key)
        members = group.members
        return replace(group, members=change(members[:at], members[at], members[at + 1 :]))

    def holds(group: Group | Elements) -> bool:
        return any(member.key == key for member in group.members)

    return replace(form, root=_changed(form.root, holds, around))


def _changed(
    group: Group,
    is_it: Callable[[Group | Elements], bool],
    change: Callable[[Group | Elements], Group | Elements],
) -> Group:
    def visit(node: Node) -> Node:
        if not isinstance(node, Group | Elements):
            return node
        if is_it(node):
            return change(node)
        return replace(node, members=tuple(map(visit, node.members)))

    changed = visit(group)
    assert isinstance(changed, Group)
    return changed
