"""The effect of latest only, groups and a trial on the assets found."""

from __future__ import annotations

from collections import Counter
from functools import partial

import streamlit as st

from dispatch_core.dispatch_plan import empty_fields
from dispatch_core.errors import InvalidInput
from dispatch_core.grouping import Grouped
from dispatch_core.insight.field_slips import nearest_fields
from dispatch_core.steps import Steps
from dispatch_core.text.reasons import reason_in_words
from dispatch_core.text.words import counted
from dispatch_core.types import Reason
from pages.shared.state.session import Session
from pages.shared.widgets.charts import order_chart
from pages.shared.widgets.field_menu import known_fields
from pages.shared.widgets.ledger import ledger_table, offer_lift
from pages.shared.widgets.messages import escaped


def grouping_effects(session: Session, steps: Steps) -> None:
    """Show the number and sizes of groups and the excluded assets; nothing without a rule."""
    request, grouped = steps.request, steps.grouped
    if grouped is None or not (request.group_by or request.filter_latest or request.trial):
        return
    sizes, reasons = session.memo.remember_of(
        "grouping effects",
        grouped,
        None,
        lambda: (
            Counter(len(group.assets) for group in grouped.groups),
            Counter(row.reason for row in grouped.exclusions),
        ),
    )
    opened = st.expander(
        escaped(_summary(sizes, reasons, bool(request.group_by))),
        icon=":material/stacks:",
        key=f"grouping-effects-{session.epoch}",
        on_change="rerun",
    )
    if opened.open:
        with opened:
            _details(session, grouped, sizes, bool(request.group_by))


def misspelt_fields(session: Session, steps: Steps) -> None:
    """Show the fields of grouping and trial that no asset found has, with the nearest ones."""
    found, selection = steps.found, steps.parts.selection
    if found is None or isinstance(selection, InvalidInput):
        return
    paths = selection.fields
    empty = session.memo.remember_of(
        "empty fields", found, paths, lambda: list(empty_fields(paths, found.assets))
    )
    for path in empty:
        fields = known_fields()
        near = nearest_fields(fields, path, 3) if fields is not None else []
        text = f"No asset found has a value in the field {path}."
        text += f" Did you mean {' or '.join(near)}?" if near else " Check its spelling."
        st.warning(escaped(text), icon=":material/spellcheck:")


def _summary(sizes: Counter[int], reasons: Counter[Reason], is_grouped: bool) -> str:
    groups = sum(sizes.values())
    kept = f"{counted(groups, 'asset')} left"
    if is_grouped:
        kept = counted(groups, "group")
        if groups:
            kept += f" of {min(sizes):,} to {counted(max(sizes), 'asset')}"
    excluded = [f"{count:,} {reason_in_words(reason)}" for reason, count in reasons.items()]
    return "; ".join([kept, *excluded])


def _details(session: Session, grouped: Grouped, sizes: Counter[int], is_grouped: bool) -> None:
    if is_grouped:
        counts = [(f"{size:,}", count) for size, count in sorted(sizes.items())]
        order_chart(counts, "Groups by number of assets", "groups", "chart-groups")
    if grouped.exclusions:
        st.markdown("**Excluded**")
        ledger_table(grouped.exclusions, "grouping-ledger", partial(offer_lift, session))
    else:
        st.caption("No asset is excluded.")
