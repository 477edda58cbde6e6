"""Keeps the text that is typed into a table cell while the page is busy."""

from __future__ import annotations

from pages.shared.state.scripts import run_script

# The grid inside st.data_editor starts a timer of 0 ms for every key pressed in a cell. The timer
# closes the cell if Tab or Enter was pressed in the meantime, and it saves the text only if it is
# the timer of that last key. While the page redraws, timers wait and keys do not: the timer of the
# last letter then runs after Tab was pressed, and closes the cell without its text. The grid does
# nothing else with these keys, so they stop here; the browser still types their letters.
_SCRIPT = """
const closing = new Set(["Tab", "Enter", "Escape"]);
const stop = (event) => {
  const isInCell = event.target instanceof Element && event.target.matches(".gdg-input");
  if (isInCell && !closing.has(event.key)) event.stopPropagation();
};
export default function () {
  window.addEventListener("keydown", stop, true);
  return () => window.removeEventListener("keydown", stop, true);
}
"""


def keep_cell_text() -> None:
    """Make tables of this page keep what is typed into their cells, however busy the page is."""
    run_script("cell-typing", _SCRIPT)
