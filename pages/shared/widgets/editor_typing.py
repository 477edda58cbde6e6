"""Sends what was typed before the click that follows it, and lets Tab leave a JSON editor."""

from __future__ import annotations

# The browser sends the values of widgets after a timer, and a visit of another page at once. On a
# busy machine a text that was typed right before a click on a link would arrive after the visit, as
# a request for the page that was left, and the user would be back on it. So the script repeats a
# click on a link after a timer of its own, which ends later than one that began before it.
# A JSON editor sends its text 200 ms after the last key, from a frame of its own, and a table its
# cells after 150 ms: any click that follows at once would overtake them. The script repeats such a
# click when the text is sent. It waits with a timer that starts after the other one and runs
# longer, so it ends later too, however busy the browser is; a second timer leaves time to deliver
# the text. A frame has no events for its page, so the script notes the keys within each frame that
# is loaded. A table takes the text of an open cell when the mouse is pressed beside it.
# A step back or forward is a visit, too. A text that still has the focus would never be sent: it
# loses the focus, and the step is made after it. (Where the browser cannot hold a step, as Firefox
# and Safari in 2026, the step is made at once.) It waits until the page has taken the text: only
# then has the address that is left the request with it, and the step forward again shows it.
# An upload ends with its page, so a visit waits until the page has the file: from its choice until
# its chip stands there without a spinner, and then until the page has run.
# After a step, a message of the run of the page that was left would put that page's address back
# as a new entry, and the user could not step forward any more: the script refuses that entry.
# In the editor, Tab would write blanks, so that the keyboard could not leave it (WCAG 2.1.2). The
# script keeps Tab from the editor, and the browser moves the focus. It also names the text for
# screen readers, as soon as the frame has drawn it.
TYPING = """
const SENT = 300, DELIVERED = 50, CHOSEN = 10_000, TAKEN = 5_000, BEGUN = 2_000;
const UPLOADER = '[data-testid="stFileUploader"]', CHIP = '[data-testid="stFileChip"]';
const SPINNER = '[data-testid="stFileChipIconSpinner"]';
const ACTS = ["pointerdown", "keydown"];
const TEXT = "input[type=text], input[type=number], textarea";
const LINK = '[data-testid="stSidebarNavLink"], [data-testid="stPageLink-NavLink"]';
const CELL_EVENTS = ["input", "keydown", "paste"];
const CELL = ".gdg-input", TABLE = '[data-testid="stDataFrame"]';
let waiting, isRepeated = false;
const held = [];
const isIn = (event, selector) => event.target instanceof Element && event.target.closest(selector);
const chips = () => document.querySelectorAll(CHIP).length;
let chosen;  // the end of the wait for the chip of a file, and the number of chips before
const isUploading = () => {
  if (chosen && (Date.now() > chosen.end || chips() !== chosen.chips)) chosen = undefined;
  return chosen !== undefined || document.querySelector(SPINNER) !== null;
};
// whether the page has still to take a file, or a text that was sent before a step: it runs once
// more, maybe after a run that has begun before
const STATE = "data-test-script-state", RUNNING = `[${STATE}="running"]`;
let taking;  // the end of the wait, and since when nothing runs after a run
const watchRuns = new MutationObserver(() => { if (taking) taking.quiet = Date.now(); });
const take = (quiet = Infinity) => {
  taking = { end: Date.now() + TAKEN, quiet };
  watchRuns.observe(document.body, { subtree: true, attributeFilter: [STATE] });
};
const isTaking = () => {
  if (!taking) return false;
  const now = Date.now();
  if (document.querySelector(RUNNING) !== null) taking.quiet = now;
  if (now > Math.min(taking.end, taking.quiet + SENT)) {
    taking = undefined;
    watchRuns.disconnect();
  }
  return taking !== undefined;
};
let isArriving = false;  // whether a file was chosen that has not arrived yet
const follow = () => {
  if (isUploading()) { setTimeout(follow, DELIVERED); return; }
  isArriving = false;
  take(Date.now() + BEGUN);  // a run that was too quick to be seen has the file, too
};
const choose = ({ target, type }) => {
  if (!(type === "drop" ? target.closest?.(UPLOADER) : target.matches?.(`${UPLOADER} input`)))
    return;
  chosen = { end: Date.now() + CHOSEN, chips: chips() };
  if (!isArriving) { isArriving = true; follow(); }
};
const release = () => {
  waiting = undefined;
  if (isTaking() || (held.length && isArriving)) {
    waiting = setTimeout(release, DELIVERED);
    return;
  }
  held.shift()?.repeat();
  if (held.length) waiting = setTimeout(release);
};
const note = () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { waiting = setTimeout(release, DELIVERED); }, SENT);
};
const noteCell = (event) => { if (isIn(event, `${CELL}, ${TABLE}`)) note(); };
const noteEnd = (event) => { if (document.querySelector(CELL) && !isIn(event, CELL)) note(); };
const leave = (event) => { if (event.key === "Tab") event.stopImmediatePropagation(); };
const prepare = (frame) => {
  const inside = frame instanceof HTMLIFrameElement ? frame.contentDocument : null;
  // a frame that is not loaded yet has no document element: its load event comes back here
  if (!inside?.documentElement || !frame.title.includes("ace")) return;
  frame.setAttribute("aria-label", "JSON editor");
  inside.documentElement.lang = "en";
  inside.defaultView.addEventListener("keydown", leave, true);
  for (const name of ["input", "keydown", "paste"]) inside.addEventListener(name, note, true);
  frame.setAttribute("data-notes-keys", "");
  const name = () => {
    const text = inside.querySelector("textarea");
    text?.setAttribute("aria-label", "JSON. Tab leaves the editor");
    return text !== null;
  };
  const watch = new MutationObserver(() => { if (name()) watch.disconnect(); });
  if (!name()) watch.observe(inside.documentElement, { childList: true, subtree: true });
};
const load = (event) => prepare(event.target);
// a button that has handled the mouse itself makes a click, and the browser another one
const isSame = (one, other) => one.target === other.target && one.isTrusted !== other.isTrusted;
const hold = (event, repeat) => {
  event.stopImmediatePropagation();
  event.preventDefault();
  if (!held.some((one) => isSame(one.event, event))) held.push({ event, repeat });
  waiting ??= setTimeout(release);
};
const click = (event) => {
  if (isRepeated || event.ctrlKey || event.metaKey || event.shiftKey || isIn(event, TABLE)) return;
  if (waiting === undefined && !isIn(event, LINK)) return;
  const { target, clientX, clientY } = event;
  hold(event, () => {
    isRepeated = true;
    (target.isConnected ? target : document.elementFromPoint(clientX, clientY))?.click();
    isRepeated = false;
  });
};
let going;  // the step back or forward that is made after what was typed
let left;  // the page that a step has left, until the user does something else
let typed;  // the text that was typed and not sent
const noteTyped = ({ target }) => { if (target.matches?.(TEXT)) typed = target; };
const forgetTyped = () => { typed = undefined; };
const act = () => { left = undefined; };
const step = (event) => {
  const { key, url } = event.destination, { pathname } = new URL(url);
  if (!event.cancelable) return;
  if (event.navigationType === "push" && pathname === left) event.preventDefault();
  if (event.navigationType !== "traverse") return;
  const text = document.activeElement, isText = text?.matches(TEXT) ?? false;
  const isHeld = isText || waiting !== undefined || isArriving || isTaking();
  if (key !== going && isHeld) {
    const wasTyped = isText && text === typed;
    if (isText) { text.blur(); note(); }
    if (wasTyped && typed === undefined) {  // it has changed, so it is sent
      take();
      document.documentElement.setAttribute("data-holds-step", "");
    }
    hold(event, () => {
      document.documentElement.removeAttribute("data-holds-step");
      going = key;
      window.navigation.traverseTo(key);
    });
    return;
  }
  going = undefined;
  left = pathname === window.location.pathname ? undefined : window.location.pathname;
};
const listen = () => {
  window.addEventListener("click", click, true);
  for (const name of ACTS) window.addEventListener(name, act, true);
  window.addEventListener("input", noteTyped, true);
  window.addEventListener("change", forgetTyped, true);
  window.addEventListener("change", choose, true);
  window.addEventListener("drop", choose, true);
  window.navigation?.addEventListener("navigate", step);
  window.addEventListener("pointerdown", noteEnd, true);
  for (const name of CELL_EVENTS) window.addEventListener(name, noteCell, true);
  document.addEventListener("load", load, true);
  document.querySelectorAll("iframe").forEach(prepare);
};
"""
"""JavaScript: its ``listen`` sends what was typed before the click that follows it."""
