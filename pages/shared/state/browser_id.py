"""A secret id of this browser, the same in all its tabs; made when it is first asked for.

It is in the browser's local storage, and neither sent with requests nor part of a URL.
"""

from __future__ import annotations

import re
from typing import Final

from pages.shared.state.scripts import run_script

_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")

_SCRIPT = """
export default function ({ data, setStateValue }) {
  const name = "job-dispatch-browser";
  let id = "";
  try {
    const storage = window.localStorage;
    if (!storage.getItem(name)) storage.setItem(name, data.fresh);
    id = storage.getItem(name) || "";
  } catch { id = ""; }
  setStateValue("kept", { id });
}
"""


def ask_for_browser_id(fresh: str) -> str | None:
    """The id that this browser stores, `fresh` if it had none; None until it answers.

    "" if the browser stores nothing.
    """
    answer = run_script("browser-id", _SCRIPT, {"fresh": fresh}, answer="kept")
    return None if answer is None else read_browser_id(answer)


def read_browser_id(answer: object) -> str:
    """The id in what a browser sent; anyone can send anything, and the rest is ignored."""
    name = answer.get("id") if isinstance(answer, dict) else None
    return name if isinstance(name, str) and _ID.fullmatch(name) else ""
