"""Keeps the order of typing in a JSON editor and the click that follows it."""

from __future__ import annotations

import streamlit as st

# The editor sends its text 200 ms after the last key, from a frame of its own, so a click that
# follows at once would reach the server before the text. The script repeats such a click when the
# text is sent: a timer that starts later and runs longer than the editor's own ends after it, and
# so does the click, however busy the browser is. A frame has no events for its page, except that
# the page loses the focus when the user enters it: then the script starts to note the keys.
_SCRIPT = """
const SENT = 300, DELIVERED = 50;
let typed = -SENT, held, isRepeated = false;
const note = () => { typed = performance.now(); };
const enter = () => {
  const frame = document.activeElement;
  const inside = frame instanceof HTMLIFrameElement ? frame.contentDocument : null;
  for (const name of ["input", "keydown", "paste"]) inside?.addEventListener(name, note, true);
};
const repeat = ({ target, clientX, clientY }) => {
  held = undefined;
  isRepeated = true;
  (target.isConnected ? target : document.elementFromPoint(clientX, clientY))?.click();
  isRepeated = false;
};
const hold = (event) => {
  if (isRepeated || (!held && performance.now() - typed > SENT)) return;
  event.stopImmediatePropagation();
  event.preventDefault();
  if (held) return;  // a button that has handled the mouse itself repeats the click, too
  held = event;
  setTimeout(() => setTimeout(repeat, DELIVERED, event), SENT);
};
export default function () {
  enter();
  window.addEventListener("blur", enter);
  window.addEventListener("click", hold, true);
  return () => {
    window.removeEventListener("blur", enter);
    window.removeEventListener("click", hold, true);
  };
}
"""


def keep_typing_before_clicks() -> None:
    """Make this page send the text of an editor before the click that follows it."""
    component = st.components.v2.component("editor_typing", js=_SCRIPT)
    with st.container(key="editor-typing"):
        component(key="editor-typing-script")
