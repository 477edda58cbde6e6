"""Lets a press count whose control is drawn anew, or moves, between its down and its up."""

from __future__ import annotations

from pages.shared.widgets.places import PLACES

# A browser makes a click only of a press that goes down and up on the same element. While a page is
# drawn, a control may be replaced in between by an equal one, often after a moment without any, or
# may move away, or its words may be drawn anew within it: the click is lost. So the script notes
# the control that was pressed. If the mouse has not moved and what was pressed is gone, the script
# clicks on the control that has its place and name, as soon as it is there; of several, only on the
# one that is under the mouse.
PRESSES = (
    PLACES
    + """
const CONTROL = "button, a[href], label, summary, [role=option], [role=menuitem]";
const STILL = 6, PATIENCE = 2_000;  // pixels, milliseconds
const nameOf = (one) => one.tagName + (one.getAttribute("aria-label") ?? one.textContent.trim());
const isUnder = (one, { x, y }) => {
  const box = one.getBoundingClientRect();
  return box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
};
const isShown = (one) => one.getClientRects().length > 0 && !one.disabled;

let pressed;  // the control of the press that is down
let waiting;  // ends the wait for the control that replaces a pressed one
const forget = () => { waiting?.(); pressed = undefined; };
const down = ({ target, button, clientX: x, clientY: y }) => {
  forget();
  const control = button === 0 ? target.closest?.(CONTROL) : undefined;
  if (control) pressed = { control, target, name: nameOf(control), path: pathOf(control), x, y };
};
let clicked;  // the control of the browser's own click after a press
const noteClick = ({ target, isTrusted }) => {
  if (isTrusted) clicked = target.closest?.(CONTROL);
};
const successorOf = (lost) => {
  if (lost.control.isConnected) return lost.control;
  for (let root = placeOf(lost.path); root; root = root.parentElement) {
    const found = [root, ...root.querySelectorAll(CONTROL)].filter(
      (one) => one.matches(CONTROL) && nameOf(one) === lost.name && isShown(one));
    if (found.length === 1) return found[0];
    if (found.length) return found.find((one) => isUnder(one, lost));
  }
};
const press = (lost) => {
  const next = successorOf(lost);
  next?.click();
  return next !== undefined;
};
const pressSoon = (lost) => {
  if (press(lost)) return;
  const watch = new MutationObserver(() => { if (press(lost)) waiting(); });
  const end = setTimeout(() => waiting(), PATIENCE);
  waiting = () => {
    watch.disconnect();
    clearTimeout(end);
    waiting = undefined;
  };
  watch.observe(document.body, { childList: true, subtree: true, attributeFilter: ["disabled"] });
};
const up = ({ clientX, clientY }) => {
  if (!pressed) return;
  const was = pressed;
  pressed = undefined;
  if (Math.hypot(clientX - was.x, clientY - was.y) > STILL) return;
  if (was.target.isConnected && isUnder(was.control, was)) return;
  clicked = undefined;
  // once a control that moved knows that the press ended
  setTimeout(() => { if (clicked !== was.control) pressSoon(was); });
};

const listen = () => {
  window.addEventListener("pointerdown", down, true);
  window.addEventListener("pointerup", up, true);
  window.addEventListener("click", noteClick, true);
  for (const name of ["pointercancel", "keydown"]) window.addEventListener(name, forget, true);
};
"""
)
"""JavaScript: its ``listen`` lets a press count, also while its control is drawn anew."""
