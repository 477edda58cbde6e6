"""Charts of counts, drawn from the data shown; they follow the theme."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.shared.state.scripts import run_script

MOST_BARS = 12
"""The most bars of a chart of values; other values share one bar."""

Counts = Sequence[tuple[str, int]]

Bars = Sequence[tuple[str, str, int, str]]
"""Value on the axis, series, height, and the height as text."""


def count_chart(counts: Counts, title: str, unit: str, key: str, **options: Any) -> Any:
    """Draw a bar for each value, the most frequent first; ``unit`` names what is counted."""
    shown = list(counts[:MOST_BARS])
    others = counts[MOST_BARS:]
    if others:
        shown.append((f"{len(others):,} others", sum(number for _, number in others)))
    st.markdown(f"**{title}**")
    spec = _sideways(unit, len(shown))
    if options:
        spec["params"] = [_BAR]
    return _draw(shown, unit, key, spec, 28 * len(shown) + 60, **options)


def bar_choice(counts: Counts, title: str, unit: str, key: str) -> list[str]:
    """Draw the same chart, with bars to click; the values of the selected bars."""
    event = count_chart(counts, title, unit, key, on_select="rerun", selection_mode="bar")
    known = {value for value, _ in counts}
    chosen = [str(one.get("value", "")) for one in event.selection.get("bar", ())]
    return [value for value in chosen if value in known]


_BAR = {"name": "bar", "select": {"type": "point", "fields": ["value"]}}

# Vega draws a bar as a shape with a name, which only a mouse can click.
_KEYS = """
export default function ({ data }) {
  const bars = data.keys.map((key) => `.st-key-${key} path[aria-roledescription="bar"]`).join();
  const offer = () => {
    for (const bar of document.querySelectorAll(bars)) {
      if (bar.tabIndex >= 0) continue;
      bar.setAttribute("tabindex", "0");
      bar.setAttribute("role", "button");
    }
  };
  const press = (event) => {
    if (!["Enter", " "].includes(event.key) || !event.target.matches?.(bars)) return;
    event.preventDefault();
    const { shiftKey } = event;  // adds the bar to those that are chosen
    event.target.dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey }));
  };
  const watch = new MutationObserver(offer);
  watch.observe(document.body, { childList: true, subtree: true });
  document.addEventListener("keydown", press, true);
  offer();
  return () => {
    document.removeEventListener("keydown", press, true);
    watch.disconnect();
  };
}
"""


def choose_bars_by_keyboard(keys: Sequence[str]) -> None:
    """Let Tab visit the bars of these charts, and Enter or the space bar click them."""
    run_script("bar-keys", _KEYS, {"keys": list(keys)})


def order_chart(counts: Counts, title: str, unit: str, key: str) -> None:
    """Draw a column for each value, in the given order: months, sizes."""
    st.markdown(f"**{title}**")
    _draw(counts, unit, key, _upright(unit), height=260)


def pair_chart(
    bars: Bars, title: str, notes: Iterable[str], key: str, axis: Mapping[str, Any]
) -> None:
    """Draw the columns of several series beside each other, in the given order."""
    st.markdown(f"**{title}**")
    st.caption("  \n".join(notes))
    table = pd.DataFrame(bars, columns=["value", "series", "count", "text"])
    table = table.astype({"count": float})  # bytes may be more than an integer column holds
    numbers = ", ".join(f"{value} {series}: {text}" for value, series, _, text in bars[:MOST_BARS])
    spec = _beside(len(table["value"].unique()), list(table["series"].unique()), axis)
    st.vega_lite_chart(table, spec, height=300, key=key, alt=f"{title}. {numbers}")


BYTES: dict[str, Any] = {
    "title": None,
    "labelExpr": "replace(format(datum.value, '~s'), regexp('([kMGTPE]?)$'), ' $1B')",
}
"""An axis of bytes: 500 kB, 10 GB."""


def _beside(columns: int, series: list[str], axis: Mapping[str, Any]) -> dict[str, Any]:
    spec = _upright("")
    value = spec["encoding"]["x"]
    if columns <= MOST_BARS:  # there is room for every label
        value = {**value, "axis": {"labelAngle": -45, "labelLimit": 0, "labelOverlap": False}}
    legend = {"orient": "top", "title": None, "labelLimit": 0, "offset": 0}
    encoding = {
        "x": value,
        "xOffset": {"field": "series", "sort": None},
        "y": {"field": "count", "type": "quantitative", "axis": {"tickCount": 5, **axis}},
        "color": {"field": "series", "scale": {"domain": series}, "legend": legend},
        "tooltip": [{"field": name, "title": " "} for name in ("value", "series", "text")],
    }
    return {**spec, "encoding": encoding}


def _draw(
    counts: Counts, unit: str, key: str, spec: dict[str, Any], height: int, **options: Any
) -> Any:
    named = [(value, number, f"{value}: {number:,} {unit}") for value, number in counts]
    table = pd.DataFrame(named, columns=["value", "count", "name"])
    numbers = ", ".join(f"{value}: {number:,}" for value, number in counts[:MOST_BARS])
    alt = f"Number of {unit}. {numbers}"
    return st.vega_lite_chart(table, spec, height=height, key=key, alt=alt, **options)


_NAME = {"field": "name", "type": "nominal"}  # of a bar, for screen readers

_TIP = [{"field": "value", "title": " "}, {"field": "count", "title": "number", "format": ",d"}]


def _number(unit: str) -> dict[str, Any]:
    axis = {"title": unit, "format": ",d", "tickMinStep": 1, "tickCount": 5}
    return {"field": "count", "type": "quantitative", "axis": axis}


def _sideways(unit: str, bars: int) -> dict[str, Any]:
    value = {"field": "value", "type": "nominal", "sort": None, "title": None}
    axis = {"labelLimit": 420, "labelOverlap": False, "tickCount": bars}
    return {
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "padding": {"right": 8},  # the last number of the axis ends there
        "encoding": {
            "y": {**value, "axis": axis},
            "x": _number(unit),
            "tooltip": _TIP,
            "description": _NAME,
        },
    }


def _upright(unit: str) -> dict[str, Any]:
    value = {"field": "value", "type": "ordinal", "sort": None, "title": None}
    axis = {"labelAngle": -45, "labelLimit": 120, "labelOverlap": "greedy"}
    return {
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "x": {**value, "axis": axis},
            "y": _number(unit),
            "tooltip": _TIP,
            "description": _NAME,
        },
    }
