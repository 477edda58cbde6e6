"""The browser's storage of session ids; nothing else is stored.

The id of this tab is in the tab's session storage, those of the last tabs in the browser's
local storage; neither is sent with requests or appears in a URL. A cookie says only
*that* an id is kept, so that a first visit does not wait for an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

HINT = "job-dispatch-kept"
"""The cookie; its value is 1."""

MOST_IDS = 8

_SCRIPT = """
export default function ({ data, setStateValue }) {
  const name = "job-dispatch";
  const read = (storage) => {
    try { return JSON.parse(storage().getItem(name)); } catch { return null; }
  };
  const write = (storage, value) => {
    try { storage().setItem(name, JSON.stringify(value)); return true; } catch { return false; }
  };
  const tab = () => window.sessionStorage, browser = () => window.localStorage;
  const recent = [read(browser)].flat().filter((one) => typeof one === "string");
  if (!data.id) {
    setStateValue("kept", { own: read(tab) || "", recent });
    return;
  }
  const others = recent.filter((one) => one !== data.id);
  const isKept = write(tab, data.id);
  write(browser, [data.id, ...others].slice(0, data.most));
  const secure = window.location.protocol === "https:" ? "; Secure" : "";
  const rules = `path=/; SameSite=Lax; max-age=${data.seconds}${secure}`;
  if (isKept) document.cookie = `${data.hint}=1; ${rules}`;
}
"""


@dataclass(frozen=True)
class KeptIds:
    """The ids that a browser sent: of this tab before a reload, and of its last tabs."""

    own: str = ""
    recent: tuple[str, ...] = ()


def may_have_ids() -> bool:
    """Whether this browser used the app before; its cookie says so at once."""
    return st.context.cookies.to_dict().get(HINT) == "1"


def ask_for_ids() -> KeptIds | None:
    """The ids that the browser stores; None until it answers, which starts a new run."""
    answer = _mount({"id": ""}).kept
    if answer is None:
        return None
    return read_ids(answer)


def read_ids(answer: object) -> KeptIds:
    """The ids in what a browser sent; anyone can send anything, and the rest is ignored."""
    sent = answer if isinstance(answer, dict) else {}
    own, recent = sent.get("own"), sent.get("recent")
    texts = [one for one in recent if isinstance(one, str)] if isinstance(recent, list) else []
    return KeptIds(own if isinstance(own, str) else "", tuple(texts[:MOST_IDS]))


def keep_id(name: str, seconds: int) -> None:
    """Make the browser store the id of the session that this tab shows."""
    _mount({"id": name, "most": MOST_IDS, "hint": HINT, "seconds": seconds})


def _mount(data: dict[str, Any]) -> Any:
    component = st.components.v2.component("browser_tab", js=_SCRIPT)
    with st.sidebar.container(key="browser-tab"):
        return component(data=data, key="kept-ids", on_kept_change=_nothing)


def _nothing() -> None:
    """A state value of a component must have a callback."""
