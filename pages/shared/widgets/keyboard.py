"""Where the keyboard is: never lost with a control that goes, and in a menu that is open."""

from __future__ import annotations

from pages.shared.widgets.places import PLACES

# A browser moves the focus to the start of the page when the focused control is removed or
# disabled. The script notes where the control was in the tree. When the run that took it has
# ended, the focus goes to the control at the same place: the next chip or row, or the same button
# drawn anew; at the end of a list to the one before. Tab and Escape that come earlier act from
# there: Escape closes a dialog whose pressed button has gone. Streamlit itself returns the focus
# of a dialog or menu that it closes, in the frame of the change, so the script looks in the frame
# after.
#
# A text input that is drawn anew while someone types into it would lose what it has not sent. The
# script notes the text, and types it into the input at the same place that has the same name.
# A menu whose options change takes the focus back after a choice, even when the user already types
# into the next input or menu. The script keeps it from that.
#
# Streamlit draws the content of a popover at the end of the page, so that Tab would first visit
# all that is behind it. While one is open, Tab goes round its button and its content; Escape
# closes it.
#
# The buttons that open and close the side bar replace each other, so the focus goes from one to the
# other. In a narrow window the side bar lies over the page. It does not close at the choice of a
# page, except on a phone.
FOCUS = (
    PLACES
    + """
const NARROW = 768;
const TEXT = "input[type=text], textarea", MENU = "input[role=combobox]";
const CONTROLS = "a[href], button, input, select, textarea, summary, iframe, [tabindex]";
// a popover that the focus has left keeps the places of its controls in data-tabindex
const isInOrder = (one) => one.tabIndex >= 0 || (one.dataset.tabindex ?? "-1") !== "-1";
const isStop = (one) => one.matches(CONTROLS) && isInOrder(one) && !one.disabled
  && one.getClientRects().length > 0 && getComputedStyle(one).visibility === "visible"
  && (one.type !== "radio" || one.checked);
const stops = (root) => [...root.querySelectorAll(CONTROLS)].filter(isStop);
// in the frame after the one in which Streamlit itself moves the focus
const nextFrame = (act) => requestAnimationFrame(() => requestAnimationFrame(act));
const isBefore = (one, other) =>
  one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING;

// the path of the focused control; a menu or dialog that is drawn over the page has the path of the
// control before it, too
let path = [], below = [];
const isOver = (one) => !document.getElementById("root").contains(one);
const note = ({ target }) => {
  const [last] = path;
  if (!isOver(target)) below = [];
  else if (last && !isOver(last[1])) below = path;
  path = pathOf(target);
};
const forget = ({ target }) => { if (!target.closest?.(CONTROLS)) path = []; };
const isLost = () => path.length > 0 && document.activeElement === document.body
  && (!path[0][0].isConnected || path[0][0].disabled);

const nearest = () => {
  const place = placeOf(below.length ? below : path);
  for (let root = place; root; root = root.parentElement) {
    const found = [root, ...root.querySelectorAll(CONTROLS)].filter(isStop);
    const before = found.filter((one) => isBefore(one, place));
    if (found.length) return before.at(-1) ?? found[0];
  }
};
const isRunning = () =>
  document.querySelector('[data-test-script-state="running"]') !== null;

// the input that has a text which it has not sent, and that text; its removal leaves both, although
// the browser then says that the text changed and that the focus went
let typing, typed;
const isText = (one) => one?.matches?.(TEXT) ?? false;
const noteText = ({ target }) => { if (isText(target)) [typing, typed] = [target, target.value]; };
const forgetText = ({ type, target, key }) => {
  if (!typing?.isConnected) return;
  if (type === "keydown" ? ["Enter", "Tab"].includes(key) : target !== typing) typing = undefined;
};
const nameOf = (one) => one.tagName + one.getAttribute("aria-label");
const typeAgain = (one, text) => {
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(one), "value").set.call(one, text);
  one.dispatchEvent(new Event("input", { bubbles: true }));
};
// the input of the same name at its place, within the column that it is in
const successorOf = (from) => {
  const isSame = (one) => one !== from && isStop(one) && nameOf(one) === nameOf(from);
  for (let root = placeOf(path); root; root = root.parentElement) {
    const found = [root, ...root.querySelectorAll(TEXT)].find(isSame);
    if (found || root.dataset.testid === "stColumn") return found;
  }
};
const goOn = (from) => {
  const text = from === typing ? typed : undefined, next = successorOf(from);
  next?.focus();
  if (next && text !== undefined) typeAgain(next, text);
  return next !== undefined;
};

// the menu that last had the focus; once the user has left it, only the user comes back to it
let menu;
const MENU_WIDGET = '[data-testid="stSelectbox"], [data-testid="stMultiSelect"]';
const useMenu = ({ target }) => {
  if (target.closest?.("[role=listbox]")) return;
  const used = target.closest?.(MENU_WIDGET)?.querySelector(MENU);
  if (menu && menu !== used) menu.focus = () => {};
  delete used?.focus;
  menu = used ?? menu;
};

let isWaiting = false;
const look = () => {
  isWaiting = false;
  const next = isLost() && !isRunning() ? nearest() : undefined;
  if (next) HTMLElement.prototype.focus.call(next);  // also a menu that the user has left
};
const lookSoon = () => {
  if (isWaiting || !isLost()) return;
  const [lost] = path[0];
  if (isText(lost) && !lost.isConnected && goOn(lost)) return;  // at once: the next key follows
  isWaiting = true;
  nextFrame(look);
};

// Tab or Escape that comes before the focus has a place again
const catchUp = (event) => {
  if (!["Tab", "Escape"].includes(event.key) || !isLost()) return;
  const dialog = [...document.querySelectorAll("[role=dialog]")].at(-1);
  const next = dialog ? stops(dialog)[0] : nearest();
  HTMLElement.prototype.focus.call(next ?? document.body);
  if (event.key === "Tab" || isLost()) return;  // the browser goes on from there
  event.preventDefault();
  event.stopImmediatePropagation();
  next.dispatchEvent(new KeyboardEvent("keydown", {
    key: event.key, code: event.code, bubbles: true, cancelable: true, composed: true,
  }));
};

const goRound = (event) => {
  if (event.key !== "Tab" || event.altKey || event.ctrlKey || event.metaKey) return;
  const body = [...document.querySelectorAll('[data-testid="stPopoverBody"]')].at(-1);
  const opener = document.querySelector('[data-testid="stPopoverButton"][aria-expanded="true"]');
  if (!body || !opener) return;
  const round = [opener, ...stops(body)];
  const at = round.indexOf(document.activeElement);
  const next = round.at((at + (event.shiftKey ? -1 : 1)) % round.length);
  if (at < 0 || (at > 0 && next !== opener)) return;  // the browser knows the way
  event.preventDefault();
  event.stopImmediatePropagation();
  next.focus();
};

const useSideBar = ({ target }) => {
  const main = document.querySelector('[data-testid="stMain"]');
  if (target.closest?.('[aria-controls="stSidebar"]'))
    nextFrame(() => document.querySelector('[aria-controls="stSidebar"]')?.focus());
  else if (window.innerWidth <= NARROW && target.closest?.('[data-testid="stSidebarNavLink"]')) {
    document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
    nextFrame(() => main.focus());  // after the other button has it
  }
};

const listen = () => {
  new MutationObserver(lookSoon).observe(document.body, {
    childList: true, subtree: true, attributeFilter: ["data-test-script-state", "disabled"],
  });
  document.addEventListener("focusin", note);
  document.addEventListener("input", noteText, true);
  for (const name of ["keydown", "pointerdown", "focusin"])
    document.addEventListener(name, forgetText, true);
  for (const name of ["focusin", "pointerdown"]) window.addEventListener(name, useMenu, true);
  document.addEventListener("pointerdown", forget, true);
  document.addEventListener("click", useSideBar, true);
  window.addEventListener("keydown", catchUp, true);
  window.addEventListener("keydown", goRound, true);
};
"""
)
"""JavaScript: its ``listen`` keeps the focus near a control that goes, and within an open menu."""
