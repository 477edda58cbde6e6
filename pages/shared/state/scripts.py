"""Scripts that run in the browser beside a page, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

_ONCE = """
// once for the page: a run that draws another page removes the component for a moment
let isListening = false;
export default function () {
  if (isListening) return;
  isListening = true;
  for (const listen of LISTEN) listen();
}
"""


def listening(*scripts: str) -> str:
    """JavaScript: a module that calls the function ``listen`` of each script once, in order.

    A component for each of them would be sent and drawn in every run of every page.
    """
    parts = ",".join(f"(() => {{{script}\nreturn listen;\n}})()" for script in scripts)
    return f"const LISTEN = [{parts}];{_ONCE}"


def run_script(
    name: str,
    script: str,
    data: Mapping[str, Any] | None = None,
    *,
    answer: str = "",
    in_sidebar: bool = False,
) -> Any:
    """Run a script, which is a module with one default function; its `answer` so far, or None.

    The style sheet knows its place by `name`. A new answer starts a new run. Anyone can send
    an answer of any kind.
    """
    component = st.components.v2.component(name.replace("-", "_"), js=script)
    place = st.sidebar if in_sidebar else st
    callback: Any = {f"on_{answer}_change": _nothing} if answer else {}
    with place.container(key=name):
        result = component(data=dict(data or {}), key=key_of_script(name), **callback)
    return getattr(result, answer) if answer else None


def key_of_script(name: str) -> str:
    """The key of the component that runs the script `name`."""
    return f"{name}-script"


def _nothing() -> None:
    """A state value of a component must have a callback."""
