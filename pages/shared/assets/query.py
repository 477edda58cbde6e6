"""The query builder of the page Assets: one query, as a form and as JSON.

The text is the query. The form is made from it, and each change of the form rewrites the
text; a form with a condition that has no value yet is kept beside the text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import streamlit as st

from dispatch_core.builder import query_form as forms
from dispatch_core.builder.date_clauses import is_date_row
from dispatch_core.builder.days import DATE_CONDITIONS
from dispatch_core.builder.form_translation import form_of, query_of
from dispatch_core.builder.pasted import Conversion, convert
from dispatch_core.builder.query_form import Elements, FormRow, Group, Locked, Node, QueryForm
from dispatch_core.errors import DispatchError, InvalidInput
from dispatch_core.query import Query, parse_query
from dispatch_core.text.strict_json import readable_json
from dispatch_core.text.words import counted
from dispatch_core.types import Filter, Pipeline
from dispatch_core.views.report import snippet_of
from pages.shared.assets.days import days_input, layouts_of_dates, show_not_compared, unit_input
from pages.shared.assets.fields import field_input, joined_path, kind_of, value_input, values_input
from pages.shared.state.edits import put_query_text
from pages.shared.state.services import count_of_collection, current_settings
from pages.shared.state.session import Session
from pages.shared.state.tab import widget_value
from pages.shared.state.typed import EXAMPLE_QUERY
from pages.shared.state.views import FORM, JSON
from pages.shared.widgets.editor import json_editor
from pages.shared.widgets.editor_typing import keep_typing_before_clicks
from pages.shared.widgets.messages import escaped, show_error, show_warnings

EXAMPLES = {
    "Derived assets of a project": EXAMPLE_QUERY,
    "Some subjects": '{"subject.subject_id": {"$in": ["900003", "900005"]}}',
    "By name, without processed ones": (
        '{"name": {"$regex": "^ecephys_", "$not": {"$regex": "processed"}}}'
    ),
    "One modality, either schema": (
        '{\n  "$or": [\n    {"data_description.modality.abbreviation": "fib"},\n'
        '    {"data_description.modalities.abbreviation": "fib"}\n  ]\n}'
    ),
    "Aggregation pipeline": (
        '[\n  {"$match": {"data_description.data_level": "raw"}},\n'
        '  {"$sort": {"name": 1}},\n  {"$limit": 25}\n]'
    ),
}

MOST_NODES = 60
"""Conditions and groups that the form shows; a longer query is edited as JSON."""

Change = Callable[[QueryForm], QueryForm]


def query_builder(session: Session) -> None:
    """Show the query as a form or as JSON; what is typed becomes the query."""
    keep_typing_before_clicks()
    if session.views.query_view == JSON:
        text = json_editor(session, "query", session.typed.query_text)
        session.keep_typed(query_text=text)
    else:
        _form(session)
    _same_in_other_words(session)


def query_toolbar(session: Session) -> None:
    """Show the switch between form and JSON, and examples to start from."""
    key = f"view-{session.epoch}"
    st.segmented_control(
        "The query as",
        [FORM, JSON],
        default=session.views.query_view,
        required=True,
        on_change=lambda: session.ask("view", widget_value(key)),
        key=key,
    )
    st.space("stretch")
    with st.popover("Examples", icon=":material/lightbulb:", key=f"examples-{session.epoch}"):
        for name, text in EXAMPLES.items():
            st.button(
                name,
                on_click=put_query_text,
                args=(session, text),
                key=f"example-{name}",
                width="stretch",
            )


def query_state(session: Session) -> bool:
    """Show errors, warnings and questions about the query; True if it can be run."""
    if session.views.query_view == JSON:
        _offer_unfinished_form(session)
    try:
        query = parse_query(session.typed.query_text)
    except InvalidInput as error:
        session.refuse("query", error)
        show_error(error)
        _offer_conversion(session, error)
        return False
    lacking = _unfinished(session)
    if lacking is not None:
        session.refuse("query", lacking)
        lines = "  \n".join(escaped(str(issue)) for issue in lacking.issues)
        st.info(f"Complete these first:  \n{lines}", icon=":material/pending:")
        return False
    session.accept("query")
    session.edit(query=query.value, asset_rows=None)
    if session.typed.conversion and session.typed.converted_text == session.typed.query_text:
        st.caption(escaped(". ".join(session.typed.conversion) + "."))
    show_warnings(query.warnings)
    _offer_repairs(session, query)
    return bool(query.value) or _is_whole_collection_meant(query)


def _offer_repairs(session: Session, query: Query) -> None:
    """Offer each repair of the query as one button."""
    for number, repair in enumerate(query.repairs):
        st.button(
            escaped(repair.label),
            icon=":material/auto_fix_high:",
            on_click=put_query_text,
            args=(session, readable_json(repair.value)),
            key=f"query-repair-{number}",
        )


def _unfinished(session: Session) -> InvalidInput | None:
    """The unfinished parts of the form, if it is the form of the current text."""
    form = session.typed.query_form
    if form is None or session.typed.form_text != session.typed.query_text:
        return None
    lacking = forms.faults(form)
    return InvalidInput(list(lacking.values())) if lacking else None


def _offer_unfinished_form(session: Session) -> None:
    """Warn that unfinished conditions are lost when the form is made from the edited text."""
    form = session.typed.query_form
    lacking = len(forms.faults(form)) if form is not None else 0
    if not lacking:
        return
    if session.typed.form_text == session.typed.query_text:
        st.caption(
            f"{counted(lacking, 'unfinished condition')} of the form, absent from this text: "
            "after an edit, the form is made from the text alone."
        )
        return
    line = st.container(horizontal=True, vertical_alignment="center")
    line.caption(
        f":material/warning: This edit removed {counted(lacking, 'unfinished condition')} of the "
        "form.",
        width="content",
    )
    line.button(
        "Restore the form",
        icon=":material/undo:",
        on_click=_restore_form,
        args=(session,),
        key="restore-form",
    )


def _restore_form(session: Session) -> None:
    session.keep_view(query_view=FORM)
    put_query_text(session, session.typed.form_text)


def _offer_conversion(session: Session, error: InvalidInput) -> None:
    """Offer a button that converts the text to strict JSON, if that needs no guess."""
    found = session.memo.remember(
        "conversion", session.typed.query_text, lambda: _conversion(session.typed.query_text)
    )
    if isinstance(found, InvalidInput):
        if found.issues[0].what != error.issues[0].what:
            reason = str(found).partition("\n")[0]
            st.caption(escaped(f"It cannot be converted to JSON either: {reason}"))
    else:
        line = st.container(horizontal=True, vertical_alignment="center")
        line.button(
            "Convert to JSON",
            type="primary",
            icon=":material/auto_fix_high:",
            on_click=session.ask,
            args=("convert",),
            key="convert",
        )
        line.caption(escaped(". ".join(found.notes) + "."))


def _conversion(text: str) -> Conversion | InvalidInput:
    try:
        found = convert(text)
        parse_query(found.text)
    except InvalidInput as error:
        return error
    return found


def convert_text(session: Session) -> None:
    """Convert the text to strict JSON and keep notes on the changes; no change if that fails."""
    found = _conversion(session.typed.query_text)
    if isinstance(found, Conversion):
        put_query_text(session, found.text)
        session.keep_typed(converted_text=found.text, conversion=found.notes)


def _is_whole_collection_meant(query: Query) -> bool:
    try:
        count = count_of_collection(current_settings())
    except DispatchError as error:
        show_error(error)
        return False
    return st.checkbox(f"Select all {count:,} records (no filter)", key="all-records")


# The form


def _form(session: Session) -> None:
    form = _form_of_text(session)
    if form is None:
        st.warning(
            "The text of the query does not parse: correct it under **JSON** first. "
            "The text is kept.",
            icon=":material/edit_off:",
        )
        return
    if sum(1 for _ in forms.walk(form.root)) > MOST_NODES:
        st.info(
            f"The query has more than {MOST_NODES} conditions: edit it under **JSON**.",
            icon=":material/data_object:",
        )
        return
    drawn = _Drawing(session).form(form)
    if drawn != form:
        keep_form(session, drawn)


def _same_in_other_words(session: Session) -> None:
    """Show the query as JSON, beside a form, and as Python for the gateway's client.

    The box is always shown: otherwise the button below it could move while the user
    presses it.
    """
    value = _value_of_text(session)
    is_form = session.views.query_view == FORM
    title = "The same as JSON and in Python" if is_form else "The same in Python"
    with st.expander(title, icon=":material/data_object:"):
        if is_form:
            st.code(session.typed.query_text, language="json", wrap_lines=True)
        if value is None:
            st.caption("Correct the text first.")
        else:
            st.code(snippet_of(value, current_settings()), language="python")


def _form_of_text(session: Session) -> QueryForm | None:
    """The form of the current text: the kept form if it wrote that text, else a new one."""
    if session.typed.query_form is not None and session.typed.form_text == session.typed.query_text:
        return session.typed.query_form
    try:
        query = parse_query(session.typed.query_text)
    except InvalidInput:
        return None
    form = form_of(query.value)
    session.keep_typed(query_form=form, form_text=session.typed.query_text)
    return form


def keep_form(session: Session, form: QueryForm) -> None:
    """Keep `form`, and write its finished part as the text if the query differs."""
    query = query_of(forms.finished_part(form))
    if json.dumps(query) != json.dumps(_value_of_text(session)):
        session.keep_typed(query_text=readable_json(query))
    session.keep_typed(query_form=form, form_text=session.typed.query_text)


def _value_of_text(session: Session) -> Filter | Pipeline | None:
    try:
        return parse_query(session.typed.query_text).value
    except InvalidInput:
        return None


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


class _Drawing:
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
        with st.container(key=f"row-{row.key}"):
            path, condition, kind, value, tools = st.columns(_WIDTHS, gap="small")
            below = st.container()
        with path:
            row = self.path(row, holder)
        full_path = joined_path(self.within, row.path)
        layouts = layouts_of_dates(full_path, self.within) if row.path else None
        before = row.condition
        with condition:
            row = self.condition(row, has_dates=layouts is not None)
        if is_date_row(row) and layouts and (row.condition != before or not row.layouts):
            row = replace(row, layouts=layouts)
        with kind:
            row = self.kind(row)
        with value:
            row = self.value(row)
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
        path = field_input(self.session, "Field", row.path, f"field-{row.key}", self.within)
        if path != row.path and not row.texts and row.condition not in forms.ONE_KIND:
            kind = kind_of(joined_path(self.within, path))
            row = forms.with_kind(row, kind) if kind in forms.kinds_for(row.condition) else row
        return replace(row, path=path, layouts=row.layouts if path == row.path else ())

    def condition(self, row: FormRow, *, has_dates: bool) -> FormRow:
        now = (row.condition, row.is_negated)
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
            index=offered.index(now) if now in offered else 0,
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
            key=f"kind-{row.key}-{len(kinds)}",
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

    def value(self, row: FormRow) -> FormRow:
        key = f"value-{row.key}-{row.kind}"
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
                key=key,
            )
            return replace(row, texts=(truth,))
        if row.condition in forms.LIST_CONDITIONS and row.kind != "JSON":
            return replace(row, texts=self.lines(row, f"{key}-list"))
        text = row.texts[0] if row.texts else ""
        if row.condition in ("is", "is not") and row.kind == "text":
            typed = value_input(self.session, joined_path(self.within, row.path), text, key)
        else:
            typed = self.typed(row, text, key)
        return row if not typed and not row.texts else replace(row, texts=(typed,))

    def lines(self, row: FormRow, key: str) -> tuple[str, ...]:
        is_plain = all(text and text == text.strip() and "\n" not in text for text in row.texts)
        if not is_plain:  # an empty text, or a space at an end, is visible only in JSON
            st.code(json.dumps(list(row.texts), ensure_ascii=False), language="json")
            return row.texts
        return values_input(self.session, joined_path(self.within, row.path), row.texts, key)

    def typed(self, row: FormRow, text: str, key: str) -> str:
        hints = {"number": "A number", "JSON": "An object or an array, as JSON"}
        hint = hints.get(row.kind, "Value")
        if row.condition in forms.LIST_CONDITIONS:
            hint = 'A list, as in ["a", 1, null]'
        typed = st.text_input(
            "Value", text, placeholder=hint, label_visibility="collapsed", key=key
        )
        return typed if typed and row.kind == "text" else (typed or "").strip()

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
        if lacks:  # the message about it is below the Find button, which it blocks
            line.markdown(":orange[:material/pending:]", width="content")
        options = ["Move up", "Move down", "Remove"] if can_move else ["Remove"]
        line.menu_button(
            ":material/more_vert:",
            options,
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
            on_click=lambda: self.change(partial(forms.add, holder=group.key, node=FormRow())),
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
        """Change the kept form, in a button's callback; a text typed just before arrives later."""
        if self.session.typed.query_form is not None:
            keep_form(self.session, change(self.session.typed.query_form))


_NEW: dict[str, Callable[[], Node]] = {
    "any of": lambda: Group("any", (FormRow(),)),
    "none of": lambda: Group("none", (FormRow(),)),
    "all of": lambda: Group("all", (FormRow(),)),
    "an item of a list": lambda: Elements("", (FormRow(),)),
}


def _condition_label(choice: tuple[forms.ConditionKind, bool]) -> str:
    condition, is_negated = choice
    return _NEGATED.get(condition, f"not: {condition}") if is_negated else condition
