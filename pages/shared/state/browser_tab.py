"""The browser's storage of session ids; nothing else is stored.

The id of this tab is in the tab's session storage, those of the last tabs in the browser's
local storage; neither is sent with requests or appears in a URL. A cookie says only
*that* an id is kept, so that a first visit does not wait for an answer.

A tab that stays open while the server restarts sends its id as soon as it is connected again,
unasked: so the new server goes on with the session in its first run, and nothing that is in
an editor is lost. If it must ask, the question has a mark, because the tab also sends again
what it answered to the former server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.shared.state.scripts import run_script

HINT = "job-dispatch-kept"
"""The cookie; its value is 1."""

MOST_IDS = 8

_OPEN = "open"
"""The mark of what a tab sends unasked."""

_SCRIPT = """
let tell, observer, answered;
const watch = () => {
  const app = document.querySelector("[data-test-connection-state]");
  if (observer || !app) return;
  const state = () => app.getAttribute("data-test-connection-state");
  let before = state();
  observer = new MutationObserver(() => {
    const now = state();
    if (now === "CONNECTED" && before !== now) tell();
    before = now;
  });
  observer.observe(app, { attributeFilter: ["data-test-connection-state"] });
};
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
    if (!data.mark || data.mark === answered) return;  // drawn again before it is removed
    answered = data.mark;
    const isReload = performance.getEntriesByType("navigation")[0]?.type === "reload";
    setStateValue("kept", { own: read(tab) || "", recent, isReload, mark: data.mark });
    return;
  }
  const others = recent.filter((one) => one !== data.id);
  tell = () => setStateValue("kept", { own: data.id, mark: data.open, at: Date.now() });
  watch();
  const isKept = write(tab, data.id);
  write(browser, [...(data.isOwn ? [data.id] : []), ...others].slice(0, data.most));
  const secure = window.location.protocol === "https:" ? "; Secure" : "";
  const rules = `path=/; SameSite=Lax; max-age=${data.seconds}${secure}`;
  if (isKept) document.cookie = `${data.hint}=1; ${rules}`;
}
"""


@dataclass(frozen=True)
class KeptIds:
    """The ids that a browser sent: of this tab before, and of its last tabs.

    ``is_open`` if the page was not loaded again: it still shows the session ``own``.
    ``is_reload`` if the user loaded it again, rather than opened its address.
    """

    own: str = ""
    recent: tuple[str, ...] = ()
    is_open: bool = False
    is_reload: bool = False


def may_have_ids() -> bool:
    """Whether this browser used the app before; its cookie says so at once."""
    return st.context.cookies.to_dict().get(HINT) == "1"


def unasked_id() -> str:
    """The id that a tab sent by itself when it was connected again; "" without one."""
    ids = read_ids(_mount({"id": ""}))
    return ids.own if ids.is_open else ""


def ask_for_ids(mark: str) -> KeptIds | None:
    """The ids that the browser stores; None until it answers, which starts a new run.

    `mark` distinguishes the question from those of other sessions of this tab.
    """
    answer = _mount({"id": "", "mark": mark}, "browser-question")
    is_known = isinstance(answer, dict) and answer.get("mark") == mark
    return read_ids(answer) if is_known else None


def read_ids(answer: object) -> KeptIds:
    """The ids in what a browser sent; anyone can send anything, and the rest is ignored."""
    sent = answer if isinstance(answer, dict) else {}
    own, recent = sent.get("own"), sent.get("recent")
    texts = [one for one in recent if isinstance(one, str)] if isinstance(recent, list) else []
    own_text = own if isinstance(own, str) else ""
    is_open, is_reload = sent.get("mark") == _OPEN, sent.get("isReload") is True
    return KeptIds(own_text, tuple(texts[:MOST_IDS]), is_open, is_reload)


def keep_id(name: str, seconds: int, *, is_own: bool) -> None:
    """Make the browser store the id of the session that this tab shows.

    A session that only shows what a link holds is not one that other tabs go on with.
    """
    rules = {"most": MOST_IDS, "hint": HINT, "seconds": seconds, "open": _OPEN, "isOwn": is_own}
    _mount({"id": name, **rules})


def _mount(data: dict[str, Any], name: str = "browser-tab") -> Any:
    return run_script(name, _SCRIPT, data, answer="kept", in_sidebar=True)
