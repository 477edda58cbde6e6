"""The request in the address of the page: to reload, to bookmark, to share.

A script writes it into the address without a visit of its own, so the page is not run again.
Going back or forward in the browser sends the request of that address. Nothing else does: a run
that starts before the browser has written the newest request must not return to an older one.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dispatch_core.types import LARGEST_NUMBER
from pages.shared.state.scripts import run_script

NAME = "request"
"""The parameter of the address."""

# Streamlit shows a page before its address, so nothing is written until that is there too. And a
# message at once, after the user went back to another page, would run the former page: it waits
# until Streamlit has run the other one. Which page a message would run is the current one of the
# side bar; this script may not have heard of it yet. A page that is about to be left gets no
# further address.
_SCRIPT = """
const SOON = 50;  // milliseconds
let shown, send, waiting, writing, step;
const placeOf = (path) => path.split("/").pop() || "";
const place = () => placeOf(window.location.pathname);
const CURRENT = '[data-testid="stSidebarNavLink"][aria-current="page"]';
const running = () => {
  const link = document.querySelector(CURRENT);
  return link ? placeOf(new URL(link.href).pathname) : shown.path;
};
const read = () => new URL(window.location.href).searchParams.get(shown.name) || "";
const tell = (text) => send("opened", { text, at: Date.now() });
const write = () => {
  if (place() !== shown.path) { writing = setTimeout(write, SOON); return; }
  const url = new URL(window.location.href);
  if (shown.text) url.searchParams.set(shown.name, shown.text);
  else url.searchParams.delete(shown.name);
  if (url.href === window.location.href) return;
  const isLeft = document.documentElement.hasAttribute("data-holds-step");
  const isStep = step !== undefined && step !== shown.step && !isLeft;
  step = shown.step;
  window.history[isStep ? "pushState" : "replaceState"](window.history.state, "", url.href);
};
const follow = (path, text) => {
  waiting = undefined;
  if (path !== place()) return;  // the user has gone on
  if (path === running()) tell(text);
  else waiting = setTimeout(follow, SOON, path, text);
};
const moved = () => {
  clearTimeout(writing);
  clearTimeout(waiting);
  follow(place(), read());
};
export default function ({ data, setStateValue }) {
  if (!shown) window.addEventListener("popstate", moved);
  shown = data;
  send = setStateValue;
  clearTimeout(writing);
  if (waiting === undefined) write();
}
"""


def text_in_address() -> str:
    """The request in the address that the browser opened; "" without one."""
    return str(st.query_params.get(NAME, ""))


@dataclass(frozen=True)
class Opened:
    """The request of an address that the user went back or forward to, and when."""

    text: str
    at: int


def keep_in_address(text: str, path: str, step: int) -> Opened | None:
    """Write `text` into the address of the page at `path`; where the user went back to, or None.

    With another `step` than before, the browser's back button returns to the former text.
    """
    data = {"name": NAME, "text": text, "step": step, "path": path}
    return read_opened(run_script("address", _SCRIPT, data, answer="opened", in_sidebar=True))


def read_opened(sent: object) -> Opened | None:
    """What a browser sent; anyone can send anything, and the rest is ignored."""
    text, at = (sent.get("text"), sent.get("at")) if isinstance(sent, dict) else (None, None)
    is_whole = isinstance(text, str) and isinstance(at, int | float) and abs(at) < LARGEST_NUMBER
    return Opened(str(text), int(at or 0)) if is_whole else None
