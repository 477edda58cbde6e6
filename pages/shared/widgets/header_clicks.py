"""Lets a click on the header of a table count while the table is sorted."""

from __future__ import annotations

# A click on a header sorts the rows on the server, so the table is drawn anew. Until the run has
# ended, the former table is still on the page and takes clicks, but goes before it has sent them.
# So the script holds a click on a header that follows another one, or comes while the page runs,
# and repeats it on the table of the same key when the page has run. Only on a header: at the place
# of a row there may be another one by then.
HEADER_CLICKS = """
const HEADER = 35;  // pixels
const QUIET = 1_500, END = 5_000, SOON = 50;  // milliseconds
const TABLE = '[data-testid="stDataFrame"]';
const isRunning = () => document.querySelector('[data-test-script-state="running"]') !== null;
const NAME = /st-key-[^ ]+-sorted-/;  // of a table that the server sorts, without what changes
const nameOf = (table) => table.closest('[class*="-sorted-"]')?.className.match(NAME)?.[0];
const clickOf = ({ target, clientX, clientY }) => {
  const table = target.closest?.(TABLE), name = table && nameOf(table);
  if (!name) return undefined;
  const { left, top } = table.getBoundingClientRect();
  return clientY - top < HEADER ? { table, name, x: clientX - left, y: clientY - top } : undefined;
};
// the table of the last click, since when nothing runs, and the end of the wait
let sorting, isHeld = false, isRepeated = false;
const held = [];
const sort = (table) => {
  const now = Date.now();
  sorting = { table, quiet: now, end: now + END };
  setTimeout(look, SOON);
};
const repeat = ({ name, x, y }) => {
  const table = [...document.querySelectorAll(`[class*="${name}"] ${TABLE}`)].at(-1);
  if (!table) { held.length = 0; return; }
  sort(table);
  const { left, top } = table.getBoundingClientRect();
  const clientX = left + x, clientY = top + y;
  const target = document.elementFromPoint(clientX, clientY);
  if (!table.contains(target)) return;
  const where = { clientX, clientY, bubbles: true, cancelable: true, composed: true };
  isRepeated = true;
  for (const type of ["pointerdown", "pointerup"])
    target.dispatchEvent(new PointerEvent(type, { ...where, pointerType: "mouse" }));
  target.dispatchEvent(new MouseEvent("click", { ...where, detail: 1 }));
  isRepeated = false;
};
const look = () => {
  const now = Date.now();
  if (isRunning()) sorting.quiet = now;
  const isDrawn = !isRunning() && (!sorting.table.isConnected || now - sorting.quiet > QUIET);
  if (!isDrawn && now < sorting.end) { setTimeout(look, SOON); return; }
  requestAnimationFrame(() => requestAnimationFrame(() => {
    sorting = undefined;
    const next = held.shift();
    if (next) repeat(next);
  }));
};
const down = (event) => {
  if (isRepeated) return;
  const click = event.button === 0 ? clickOf(event) : undefined;
  isHeld = click !== undefined && (sorting !== undefined || isRunning());
  if (click && !sorting) sort(click.table);
  if (!isHeld) return;
  event.stopImmediatePropagation();
  held.push(click);
};
const follow = (event) => {
  if (!isHeld || isRepeated) return;
  event.stopImmediatePropagation();
  event.preventDefault();  // a press gives the table the focus, which selects a cell
  if (event.type === "pointerup") setTimeout(() => { isHeld = false; });  // after its click
};
const listen = () => {
  window.addEventListener("pointerdown", down, true);
  for (const name of ["mousedown", "pointerup", "mouseup", "click"])
    window.addEventListener(name, follow, true);
};
"""
"""JavaScript: its ``listen`` loses no click on the header of a table while it is sorted."""
