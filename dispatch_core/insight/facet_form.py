"""The choices of facets in a form: each facet is one member of the form's root.

The rest of the form is unchanged, and keeps its order: a choice replaces the one before it
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dispatch_core.builder.date_clauses import is_date_row
from dispatch_core.builder.form_translation import clause_of, filter_of, node_of
from dispatch_core.builder.query_form import (
    FormRow,
    Group,
    Node,
    QueryForm,
    fault_of,
    finished_part,
)
from dispatch_core.insight.facets import Facet, clause_of_choice, values_of_clause
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.types import Filter, JsonValue


def chosen_in(form: QueryForm, facet: Facet) -> tuple[JsonValue, ...]:
    """The values of `facet` that a form chooses; empty without such a member."""
    found = (values_of(node, facet) for node in form.root.members)
    return next((values for values in found if values), ())


def days_of(form: QueryForm, facet: Facet) -> FormRow | None:
    """The date condition of `facet` in a form."""
    return next((one for one in form.root.members if _is_days(one, facet)), None)  # type: ignore[return-value]


def values_of(node: Node, facet: Facet) -> tuple[JsonValue, ...]:
    """The values of `facet` that one member chooses."""
    if is_unfinished(node):
        return ()
    clause = clause_of(node)
    if list(clause) == ["$and"]:  # a predefined filter with several keys
        parts: list[Filter] = clause["$and"]
        clause = {key: item for part in parts for key, item in part.items()}
    return values_of_clause(clause, facet)


def is_unfinished(node: Node) -> bool:
    """Whether a member, or one inside it, has no valid value yet."""
    alone = QueryForm(Group("all", (node,)))
    return fault_of(node, Group()) is not None or finished_part(alone) != alone


def rest_of(form: QueryForm, facet: Facet) -> Filter:
    """The filter of a form without the choice of `facet`."""
    members = tuple(node for node in form.root.members if not is_of(node, facet))
    return filter_of(finished_part(_with_members(form, members)))


def is_of(node: Node, facet: Facet) -> bool:
    """Whether a member is the choice of `facet`."""
    return bool(values_of(node, facet)) or _is_days(node, facet)


def _is_days(node: Node, facet: Facet) -> bool:
    return is_date_row(node) and not node.is_negated and set(node.paths) <= set(facet.paths)


def choose_in(
    form: QueryForm, facet: Facet, values: Sequence[JsonValue], catalogue: FieldCatalogue
) -> QueryForm:
    """`form` with `facet` choosing `values`; without values, without a member for it."""
    clause = clause_of_choice(facet, tuple(dict.fromkeys(values)), catalogue)
    return replace_choice(form, facet, node_of(clause) if clause else None)


def exclude_in(
    form: QueryForm, facet: Facet, value: JsonValue, catalogue: FieldCatalogue
) -> QueryForm:
    """`form` with a condition that no spelling of `facet` has `value`; unchanged if it has it."""
    clause = clause_of_choice(facet, (value,), catalogue)
    spellings = clause.get("$or")
    denied = {path: {"$ne": one} for path, one in clause.items()}
    node = node_of({"$nor": spellings} if spellings else denied)
    if any(
        clause_of(one) == clause_of(node) for one in form.root.members if not is_unfinished(one)
    ):
        return form
    return _with_members(form, (*form.root.members, node))


def replace_choice(form: QueryForm, facet: Facet, node: Node | None) -> QueryForm:
    """`form` with `node` as the choice of `facet`, where the one before it was."""
    new = () if node is None else (node,)
    members: list[Node] = []
    for one in form.root.members:
        members += new if is_of(one, facet) else (one,)
        new = () if is_of(one, facet) else new
    return _with_members(form, (*members, *new))


def _with_members(form: QueryForm, members: tuple[Node, ...]) -> QueryForm:
    """`form` with other members, and with ``$and`` only where it is needed."""
    return replace(form, root=replace(form.root, members=members, is_explicit=False))
