"""The conditions of the query as rows, which can be edited, nested, moved and removed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import streamlit as st

from dispatch_core.builder import query_form as forms
from dispatch_core.builder.date_clauses import is_date_row
from dispatch_core.builder.days import DATE_CONDITIONS
from dispatch_core.builder.query_form import (
    Elements,
    FormRow,
    Group,
    Locked,
    Node,
    QueryForm,
    Spelling,
)
from dispatch_core.text.strict_json import readable_json
from pages.shared.assets.days import days_input, layouts_of_dates, show_not_compared, unit_input
from pages.shared.assets.fields import (
    field_input,
    is_known,
    kind_of,
    paths_input,
    value_input,
    values_input,
    version_of,
)
from pages.shared.assets.form_text import Change, change_form, form_of_text, keep_form
from pages.shared.state.session import Session
from pages.shared.state.tab import apply_put, widget_value
from pages.shared.widgets.field_menu import joined_path
from pages.shared.widgets.messages import escaped

MOST_NODES = 60
"""Conditions and groups that the form shows; a longer query is edited as JSON."""


def query_rows(session: Session) -> None:
    """Show the form of the query as rows; what is typed becomes the query."""
    form = shown_form(session)
    if form is not None:
        drawn = Drawing(session).form(form)
        if drawn != form:
            keep_form(session, drawn)


def shown_form(session: Session) -> QueryForm | None:
    """The form of the query, or None, with a line that says why it is not shown."""
    form = form_of_text(session)
    if form is None:
        st.warning(
            "The text of the query does not parse: correct it under **JSON** first. "
            "The text is kept.",
            icon=":material/edit_off:",
        )
        return None
    if sum(1 for _ in forms.walk(form.root)) > MOST_NODES:
        st.info(
            f"The query has more than {MOST_NODES} conditions: edit it under **JSON**.",
            icon=":material/data_object:",
        )
        return None
    return form


def with_layouts(row: FormRow, layouts: dict[str, tuple[str, ...]]) -> FormRow:
    """`row` with the layouts in which each of its spellings writes dates."""
    others = tuple(replace(one, layouts=layouts.get(one.path, ())) for one in row.others)
    return replace(row, layouts=layouts.get(row.path, ()), others=others)


_NEGATED: dict[forms.ConditionKind, str] = {
    "contains": "does not contain",
    "starts with": "does not start with",
    "ends with": "does not end with",
    "matches": "does not match",
}
_KIND_LABELS = {"true or false": "true/false"}
_GROUP_LABELS = {
    "all": "Match all of these",
    "any": "Match any of these",
    "none": "Match none of these",
}
_ITEM_LABELS = {False: "has an item that matches all", True: "has no item that matches all"}
_WIDTHS = [3.4, 2.1, 1.5, 3.0, 0.9]


class Drawing:
    """Draws a form, and returns the form with the current values of its widgets.

    The key of a widget contains the key of its node, so that a widget keeps its value
    while other nodes are added, removed and moved.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.within = ""

    def form(self, form: QueryForm) -> QueryForm:
        box = st.container(border=True, key="query-form")
        with box:
            if form.root.members:
                st.caption("Match all of these")
            else:
                st.caption("No condition yet: every record of the collection matches.")
            root = self.members(form.root)
            if form.stages is not None:
                self.stages(form.stages)
        assert isinstance(root, Group)
        return replace(form, root=root)

    def members(self, group: Group | Elements) -> Group | Elements:
        members = tuple(self.node(member, group) for member in group.members)
        self.adders(group)
        return replace(group, members=members)

    def node(self, node: Node, holder: Group | Elements) -> Node:
        if isinstance(node, FormRow):
            return self.row(node, holder)
        if isinstance(node, Locked):
            self.locked(node, can_move=True)
            return node
        with st.container(border=True, key=f"group-{node.key}"):
            if isinstance(node, Group):
                return self.members(self.group_head(node))
            return self.items(node)

    # One condition

    def row(self, row: FormRow, holder: Group | Elements) -> FormRow:
        kept = row
        with st.container(key=f"row-{row.key}"):
            path, condition, kind, value, tools = st.columns(_WIDTHS, gap="small")
            below, waiting = st.container(), st.container()
        with path:
            row = self.path(row, holder)
        full_path = joined_path(self.within, row.path)
        with waiting:  # what a question draws until it is answered moves no other row
            layouts = self.layouts(row)
        if layouts is not None:
            row = self.started_as_date(row)
        before = row.condition
        with condition:
            row = self.condition(row, has_dates=layouts is not None)
        if is_date_row(row) and layouts and (row.condition != before or not row.layouts):
            row = with_layouts(row, layouts)
        with kind:
            row = self.kind(row)
        with value:
            row = self.value(self.with_late_text(self.with_version(row, kept)))
        with tools:
            self.tools(row.key, lacks=forms.fault_of(row, holder) is not None)
        if is_date_row(row) and layouts is not None:
            with below:
                show_not_compared(full_path, self.within, row)
        return row

    def path(self, row: FormRow, holder: Group | Elements) -> FormRow:
        if isinstance(holder, Elements) and holder.of_values:
            st.markdown("the item itself")
            return row
        paths = self.paths(row)
        if paths == row.paths:
            return row
        row = self.without_old_value(row, paths)
        path, *others = paths
        if not row.texts and row.condition not in forms.ONE_KIND:
            kind = kind_of(joined_path(self.within, path))
            row = forms.with_kind(row, kind) if kind in forms.kinds_for(row.condition) else row
        return replace(row, path=path, layouts=(), others=tuple(map(Spelling, others)))

    def paths(self, row: FormRow) -> tuple[str, ...]:
        key = f"field-{row.key}"
        if self.within:
            return (field_input(self.session, "Field", row.path, key, self.within),)
        return paths_input(self.session, "Field", row.paths, key)

    def without_old_value(self, row: FormRow, paths: tuple[str, ...]) -> FormRow:
        """`row` without the value that was for another field; a misspelt field had none."""
        is_other = is_known(joined_path(self.within, row.path)) and not {*paths} & {*row.paths}
        if not is_other or row.condition in forms.VALUELESS:
            return row
        if is_date_row(row):
            has_dates = layouts_of_dates(joined_path(self.within, paths[0]), self.within)
            return row if has_dates else FormRow(row.path, is_new=True, key=row.key)
        return replace(row, texts=())

    def layouts(self, row: FormRow) -> dict[str, tuple[str, ...]] | None:
        """The layouts of the dates at each spelling; None if none has dates."""
        found = {
            path: layouts_of_dates(joined_path(self.within, path), self.within)
            for path in row.paths
            if path
        }
        known = {path: names for path, names in found.items() if names is not None}
        return known or None

    def started_as_date(self, row: FormRow) -> FormRow:
        """`row` as a date if it is new; the menu of conditions shows so."""
        started = forms.started_as_date(row)
        if started.condition != row.condition:
            self.session.put(f"condition-{row.key}", (started.condition, False))
        return started

    def condition(self, row: FormRow, *, has_dates: bool) -> FormRow:
        now = (row.condition, row.is_negated)
        is_put = apply_put(self.session, f"condition-{row.key}")
        of_dates = DATE_CONDITIONS if has_dates or is_date_row(row) else ()
        plain = [(condition, False) for condition in (*of_dates, *forms.OPERATORS)]
        offered = [
            choice
            for one in plain
            for choice in ([one, (one[0], True)] if one[0] in _NEGATED else [one])
        ]
        chosen = st.selectbox(
            "Condition",
            offered if now in offered else [now, *offered],
            index=offered.index(now) if now in offered and not is_put else 0,
            format_func=_condition_label,
            label_visibility="collapsed",
            key=f"condition-{row.key}",
        )
        assert chosen is not None
        assert not isinstance(chosen, str)
        return row if chosen == now else forms.with_condition(row, chosen[0], is_negated=chosen[1])

    def kind(self, row: FormRow) -> FormRow:
        if row.condition in forms.PATTERN_CONDITIONS:
            return self.case(row)
        if row.condition == "in the last":
            return unit_input(row)
        if is_date_row(row):
            st.caption("date")
        kinds = forms.kinds_for(row.condition)
        if len(kinds) < 2:
            return row
        kind = st.selectbox(
            "Kind of value",
            kinds,
            index=kinds.index(row.kind),
            format_func=lambda one: _KIND_LABELS.get(one, one),
            label_visibility="collapsed",
            key=f"kind-{row.key}-{version_of(row.paths, kinds)}",
        )
        return row if kind == row.kind else forms.with_kind(row, kind)

    def case(self, row: FormRow) -> FormRow:
        """Whether a pattern is case-sensitive; its other options stay."""
        offered = list(dict.fromkeys(["", "i", row.options]))
        options = st.selectbox(
            "Capital letters",
            offered,
            index=offered.index(row.options),
            format_func=lambda one: {"": "exact case", "i": "any case"}.get(one, f"options {one}"),
            label_visibility="collapsed",
            key=f"case-{row.key}",
        )
        return replace(row, options=options)

    def with_version(self, row: FormRow, kept: FormRow) -> FormRow:
        """`row` for a new input if this run replaced the text of the row that was `kept`.

        An input whose text is replaced would take it back: the browser sends the former text
        until it has the new one. A text that was typed since then is not replaced.
        """
        if row.texts == kept.texts:
            return row
        is_plain = not (is_date_row(row) or is_date_row(kept))
        typed = _texts_in(_value_key(kept)) if is_plain else ()
        if typed and not _says(typed, kept.texts):
            return replace(row, texts=typed)
        return replace(row, version=row.version + 1, former=kept.texts)

    def with_late_text(self, row: FormRow) -> FormRow:
        """`row` with a text that was typed into its former input, in another new input.

        The browser sent the text before it had the new input, and the server had replaced the
        former one.
        """
        typed = _texts_in(_value_key(row, row.version - 1))
        known = (row.former, row.texts, ())
        is_newer_here = not _says(_texts_in(_value_key(row)), row.texts)
        if is_newer_here or any(_says(typed, one) for one in known):
            return row
        return replace(row, texts=typed, version=row.version + 1, former=row.texts)

    def value(self, row: FormRow) -> FormRow:
        key = _value_key(row)
        if row.condition in forms.VALUELESS:
            return row
        if is_date_row(row):
            return days_input(self.session, row, key, self.put)
        if row.kind == "null":
            st.caption("null or missing")
            return row
        if row.kind == "true or false":
            truth = st.segmented_control(
                "Value",
                ["true", "false"],
                default=row.texts[0],
                required=True,
                label_visibility="collapsed",
                key=f"{key}-truth",
            )
            return replace(row, texts=(truth,))
        if row.condition in forms.LIST_CONDITIONS and row.kind != "JSON":
            return replace(row, texts=self.lines(row, f"{key}-list"))
        return replace(row, texts=self.text(row, key))

    def text(self, row: FormRow, key: str) -> tuple[str, ...]:
        text = "".join(row.texts[:1])
        has_menu = row.condition in ("is", "is not") and row.kind == "text"
        path = joined_path(self.within, row.path) if has_menu else ""
        typed = value_input(self.session, path, text, key, _hint(row))
        if row.kind != "text" or (typed != text and row.condition != "matches"):
            typed = typed.strip()
        return (typed,) if typed or row.texts else ()

    def lines(self, row: FormRow, key: str) -> tuple[str, ...]:
        is_plain = all(text and text == text.strip() and "\n" not in text for text in row.texts)
        if not is_plain:  # an empty text, or a space at an end, is visible only in JSON
            st.code(json.dumps(list(row.texts), ensure_ascii=False), language="json")
            return row.texts
        return values_input(self.session, joined_path(self.within, row.path), row.texts, key)

    # Groups, lists of items, locked clauses

    def group_head(self, group: Group) -> Group:
        head, tools = st.columns([9, 0.9], vertical_alignment="center")
        kinds = list(_GROUP_LABELS)
        kind = head.selectbox(
            "Group",
            kinds,
            index=kinds.index(group.kind),
            format_func=_GROUP_LABELS.__getitem__,
            label_visibility="collapsed",
            key=f"kind-{group.key}",
            width=260,
        )
        with tools:
            self.tools(group.key, lacks=forms.fault_of(group, Group()) is not None)
        return replace(group, kind=kind)  # type: ignore[arg-type]

    def items(self, items: Elements) -> Elements:
        """A list and the conditions for one of its items; paths in it start at the item."""
        head = self.items_head(items)
        outside, self.within = self.within, joined_path(self.within, head.path)
        drawn = self.members(head)
        self.within = outside
        assert isinstance(drawn, Elements)
        return drawn

    def items_head(self, items: Elements) -> Elements:
        path, words, tools = st.columns([3.4, 6.6, 0.9], vertical_alignment="center")
        with path:
            field = field_input(self.session, "List", items.path, f"field-{items.key}", self.within)
        is_negated = words.selectbox(
            "Items",
            [False, True],
            index=int(items.is_negated),
            format_func=_ITEM_LABELS.__getitem__,
            label_visibility="collapsed",
            key=f"items-{items.key}",
            width=300,
        )
        items = replace(items, path=field, is_negated=bool(is_negated))
        with tools:
            self.tools(items.key, lacks=forms.fault_of(items, Group()) is not None)
        return items

    def locked(self, node: Locked, *, can_move: bool) -> None:
        with st.container(key=f"locked-{node.key}"):
            clause, tools = st.columns([9, 0.9], vertical_alignment="center")
            clause.code(readable_json(json.loads(node.text)), language="json", wrap_lines=True)
            clause.caption(f":material/lock: Locked: {escaped(node.reason)}.")
            with tools:
                self.tools(node.key, can_move=can_move)

    def stages(self, stages: tuple[Locked, ...]) -> None:
        st.caption("Next stages of the pipeline")
        for stage in stages:
            self.locked(stage, can_move=False)

    # What changes the shape of the form

    def tools(self, key: int, *, lacks: bool = False, can_move: bool = True) -> None:
        """Draw the menu to move and remove a node, and a mark if the node is unfinished."""
        line = st.container(
            horizontal=True, horizontal_alignment="right", vertical_alignment="center"
        )
        name = f"tools-{key}"
        if lacks:  # the message about it is beside the Find button, which it blocks
            line.markdown(":orange[:material/pending:]", width="content")
        options = ["Move up", "Move down", "Remove"] if can_move else ["Remove"]
        line.menu_button(
            "Move or remove" if can_move else "Remove",
            options,
            icon=":material/more_vert:",
            on_click=lambda: self.use_tool(key, widget_value(name)),
            type="tertiary",
            key=name,
        )

    def use_tool(self, key: int, tool: str | None) -> None:
        changes: dict[str, Change] = {
            "Move up": partial(forms.move, key=key, by=-1),
            "Move down": partial(forms.move, key=key, by=1),
            "Remove": partial(forms.remove, key=key),
        }
        if tool in changes:
            self.change(changes[tool])

    def adders(self, group: Group | Elements) -> None:
        line = st.container(horizontal=True, vertical_alignment="center")
        line.button(
            "Condition",
            icon=":material/add:",
            on_click=lambda: self.change(partial(forms.add, holder=group.key, node=_new_row())),
            key=f"add-{group.key}",
        )
        if isinstance(group, Elements) and group.of_values:
            return
        name = f"add-group-{group.key}"
        line.menu_button(
            "Group",
            list(_NEW),
            icon=":material/add:",
            on_click=lambda: self.add_group(group.key, widget_value(name)),
            key=name,
        )

    def add_group(self, holder: int, choice: str | None) -> None:
        if choice in _NEW:
            self.change(partial(forms.add, holder=holder, node=_NEW[choice]()))

    def put(self, node: Node) -> None:
        self.change(partial(forms.put, node=node))

    def change(self, change: Change) -> None:
        change_form(self.session, change)


def _new_row() -> FormRow:
    return FormRow(is_new=True)


_NEW: dict[str, Callable[[], Node]] = {
    "any of": lambda: Group("any", (_new_row(),)),
    "none of": lambda: Group("none", (_new_row(),)),
    "all of": lambda: Group("all", (_new_row(),)),
    "an item of a list": lambda: Elements("", (_new_row(),)),
}


def _value_key(row: FormRow, version: int | None = None) -> str:
    """The key of the input of a value, the same for every field and kind of value.

    With another input, a text that is typed before the page answers to the choice of a field
    would be lost.
    """
    return f"value-{row.key}-{row.version if version is None else version}"


def _texts_in(key: str) -> tuple[str, ...]:
    """What the inputs of this key have: one text, or a list of texts."""
    one = str(widget_value(key) or "").strip()
    lines = str(widget_value(f"{key}-list") or "").splitlines()
    return (one,) if one else tuple(filter(None, map(str.strip, lines)))


def _says(typed: tuple[str, ...], texts: tuple[str, ...]) -> bool:
    """Whether the lines `typed` have these values; a line may have several, see `typed_values`."""
    return re.split(r"[,;\s]+", " ".join(typed)) == re.split(r"[,;\s]+", " ".join(texts))


def _hint(row: FormRow) -> str:
    if row.condition in forms.LIST_CONDITIONS:
        return 'A list, as in ["a", 1, null]'
    hints = {"number": "A number", "JSON": "An object or an array, as JSON"}
    return hints.get(row.kind, "Value")


def _condition_label(choice: tuple[forms.ConditionKind, bool]) -> str:
    condition, is_negated = choice
    return _NEGATED.get(condition, f"not: {condition}") if is_negated else condition
