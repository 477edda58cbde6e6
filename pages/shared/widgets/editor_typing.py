"""Keeps typing in a JSON editor before the click that follows it, and lets Tab leave the editor."""

from __future__ import annotations

from pages.shared.state.scripts import run_script

# The editor sends its text 200 ms after the last key, from a frame of its own, so a click that
# follows at once would reach the server before the text. The script repeats such a click when the
# text is sent. It waits with a timer that starts after the editor's own and runs longer, so it ends
# later too, however busy the browser is; a second timer leaves time to deliver the text. A frame
# has no events for its page, except that the page loses the focus when the user enters it: then
# the script starts to note the keys.
# In the editor, Tab would write blanks, so that the keyboard could not leave it (WCAG 2.1.2). The
# script keeps Tab from the editor, and the browser moves the focus. It also names the text for
# screen readers, as soon as the frame has drawn it.
_SCRIPT = """
const SENT = 300, DELIVERED = 50;
let root, waiting, held, isRepeated = false;
const release = () => {
  const click = held;
  waiting = held = undefined;
  if (!click) return;
  const { target, clientX, clientY } = click;
  isRepeated = true;
  (target.isConnected ? target : document.elementFromPoint(clientX, clientY))?.click();
  isRepeated = false;
};
const note = () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { waiting = setTimeout(release, DELIVERED); }, SENT);
};
const leave = (event) => { if (event.key === "Tab") event.stopImmediatePropagation(); };
const prepare = (frame) => {
  const inside = frame instanceof HTMLIFrameElement ? frame.contentDocument : null;
  // a frame that is not loaded yet has no document element: its load event comes back here
  if (!inside?.documentElement || !frame.title.includes("ace")) return;
  frame.setAttribute("aria-label", "JSON editor");
  inside.documentElement.lang = "en";
  inside.defaultView.addEventListener("keydown", leave, true);
  const name = () => {
    const text = inside.querySelector("textarea");
    text?.setAttribute("aria-label", "JSON. Tab leaves the editor");
    return text !== null;
  };
  const watch = new MutationObserver(() => { if (name()) watch.disconnect(); });
  if (!name()) watch.observe(inside.documentElement, { childList: true, subtree: true });
};
const load = (event) => prepare(event.target);
const enter = () => {
  const frame = document.activeElement;
  const inside = frame instanceof HTMLIFrameElement ? frame.contentDocument : null;
  for (const name of ["input", "keydown", "paste"]) inside?.addEventListener(name, note, true);
  if (inside) root.setAttribute("data-notes-keys", "");
};
const hold = (event) => {
  if (isRepeated || waiting === undefined) return;
  event.stopImmediatePropagation();
  event.preventDefault();
  held ??= event;  // a button that has handled the mouse itself repeats the click, too
};
export default function ({ parentElement }) {
  root = parentElement.host ?? parentElement;
  enter();
  window.addEventListener("blur", enter);
  window.addEventListener("click", hold, true);
  document.addEventListener("load", load, true);
  document.querySelectorAll("iframe").forEach(prepare);
  return () => {
    document.removeEventListener("load", load, true);
    window.removeEventListener("blur", enter);
    window.removeEventListener("click", hold, true);
  };
}
"""


def keep_typing_before_clicks() -> None:
    """Make this page send the text of an editor before the click that follows it."""
    run_script("editor-typing", _SCRIPT)
