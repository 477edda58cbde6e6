"""The style rules that the app adds to its theme, in place before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.shared.state.scripts import key_of_script, run_script
from pages.shared.state.tab import noted, widget_value

_STYLE = """
/* scripts that draw nothing */
.st-key-browser-tab, .st-key-browser-question, .st-key-address, .st-key-cell-typing,
.st-key-keeping { display: none; }
[data-testid="stLayoutWrapper"]:has(> :is(.st-key-style, .st-key-fetch)) { display: none; }
/* shown after 4 s, if the browser does not answer */
.st-key-start-afresh { opacity: 0; animation: appear 0.2s linear 4s forwards; }
@keyframes appear { to { opacity: 1; } }
[data-testid="stMainBlockContainer"] { padding-top: 0.75rem; }
/* What a run has not drawn again turns pale, as an animation: Streamlit makes it a transition that
   can stop without an event, and a menu opened with a key takes the focus when all have ended. */
[data-testid="stElementContainer"] { transition: none !important; }
[data-testid="stExpander"] summary > span { transition: none !important; opacity: 1 !important; }
[data-testid="stElementContainer"][data-stale="true"] {
  opacity: 1; animation: turn-pale 1s ease-in 0.5s forwards; }
@keyframes turn-pale { to { opacity: 0.33; } }
/* the title is in the line of Streamlit's own menu, which stays usable at its right */
[data-testid="stHeader"] { background: transparent; height: 3rem; min-height: 3rem; }
[data-testid="stHeader"], [data-testid="stToolbar"] { pointer-events: none; }
[data-testid="stHeader"] button, [data-testid="stHeader"] a { pointer-events: auto; }
[data-testid="stLayoutWrapper"]:has(> .st-key-header) { height: 2.5rem; }
.st-key-header { padding-right: 2.5rem; height: 2.5rem; }
[data-testid="stSidebar"][data-collapsed="true"] ~ * .st-key-header { padding-left: 2rem; }
/* Streamlit's own colour has a contrast of 3.6 in the dark theme */
button[kind="tertiary"]:not(:disabled):is(:hover, :focus, :active, [aria-expanded="true"]) {
  color: inherit;
}
/* the last line of the page */
[data-testid="stBottomBlockContainer"] { padding-top: 0.5rem; padding-bottom: 0.75rem; }
[data-testid="stBottom"] > div { border-top: 1px solid rgba(128, 128, 128, 0.25); }
.st-key-bottom-line { flex-wrap: nowrap; min-height: 2.5rem; }
.st-key-bottom-line button { white-space: nowrap; }
[data-testid="stHeading"] h2 { font-size: 1.75rem; }  /* the size of h3 */
.st-key-header h1 { font-size: 1.5rem; padding: 0; line-height: 2.25rem; }
/* The side bar lies over the page, which keeps its place while the side bar appears. */
@media (min-width: 769px) {
  .job-dispatch-over section[data-testid="stSidebar"] {
    position: fixed !important; height: 100vh !important;
  }
  .job-dispatch-over [data-testid="stSidebar"][data-collapsed="false"] {
    width: 18.75rem !important;
  }
  .job-dispatch-over [data-testid="stSidebar"][data-collapsed="false"]
    ~ * :is([data-testid="stMainBlockContainer"], [data-testid="stBottomBlockContainer"]) {
    padding-left: calc(18.75rem + 3rem); padding-right: 3rem;
  }
  [data-testid="stSidebarResizeHandle"] { display: none; }
}
/* the keyboard does not reach what is out of sight, and reaches the button that closes the bar */
[data-testid="stSidebar"][data-collapsed="true"] { visibility: hidden; }
[data-testid="stSidebarHeader"] [data-testid="stSidebarCollapseButton"] { visibility: visible; }
/* the navigation arrives a moment after what is below it */
[data-testid="stSidebarContent"]:not(:has([data-testid="stSidebarNav"]))
  [data-testid="stSidebarUserContent"] { display: none; }
/* help in the line of the title, where there is room for it */
@media (max-width: 1280px) { .st-key-welcome { display: none; } }
.st-key-header, .st-key-welcome { flex-wrap: nowrap; }
[data-testid="stLayoutWrapper"]:has(> .st-key-welcome) { min-width: 0; overflow: hidden; }
.st-key-welcome, .st-key-header p { white-space: nowrap; }
.st-key-welcome button { min-height: 0; padding: 0; }
.st-key-welcome button p { font-size: 0.875rem; text-decoration: underline; }
[data-testid="stSidebarHeader"] { height: 2.5rem; padding-top: 0.5rem; margin-bottom: 0; }
[data-testid="stSidebarUserContent"] { padding-top: 0; padding-bottom: 1rem; }
[data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"] { gap: 0.5rem; }
/* the side bar of a plan fits in a window of 900 pixels, with Help and Start over */
[data-testid="stLayoutWrapper"]:has(> :is(.st-key-browser-tab, .st-key-keeping, .st-key-address)) {
  display: none; }
[data-testid="stSidebarNavSeparator"] { margin: 0.5rem 0; padding: 0; }
.st-key-equation { padding: 0.5rem 0.75rem; }
.st-key-equation p { line-height: 1.4; }
.st-key-equation [data-testid="stAlertContainer"] { padding: 0.25rem 0.5rem; min-height: 0; }
.st-key-see-excluded button, .st-key-foot button { min-height: 1.75rem; padding: 0; }
@media (max-width: 1200px) {
  [class*="st-key-row-"] [data-testid="stColumn"]:not(:has([data-testid="stElementContainer"])) {
    display: none;
  }
  [data-testid="stMainBlockContainer"], [data-testid="stBottomBlockContainer"] {
    padding-left: 2rem; padding-right: 2rem;
  }
}
/* what the keyboard reaches is scrolled into sight between the first line and the last */
[data-testid="stMain"] { scroll-padding: 3rem 0 5rem; }
/* Narrow windows, and wide ones with large letters: lines break, nothing is cut off. */
[data-testid="stRadioGroup"], [data-testid="stButtonGroup"] [role="radiogroup"] {
  flex-wrap: wrap; }
@media (max-width: 768px) {
  /* beside what scrolls below it */
  [data-testid="stExpandSidebarButton"] { position: fixed; left: 0.1rem; top: 0.6rem; }
}
@media (max-width: 600px) {
  [data-testid="stLayoutWrapper"]:has(> .st-key-header), .st-key-header { height: auto; }
  .st-key-header, .st-key-toolbar, .st-key-bottom-line { flex-wrap: wrap; }
  .st-key-header { padding-right: 0; row-gap: 0; }
  .st-key-header > :has(.stVerticalSpace) { display: none; }
  .st-key-bottom-line > :has(.st-key-what-this-is) { flex: 1 0 100%; }
}
/* code in a document breaks its lines: the keyboard does not reach what scrolls inside */
[data-testid="stDialog"] [data-testid="stMarkdownPre"] :is(pre, code) {
  white-space: pre-wrap !important; overflow-wrap: anywhere; }
[data-testid="stPopoverBody"] { max-width: calc(100vw - 1rem); }
[data-testid="stPopoverBody"] [data-testid="stLayoutWrapper"],
[data-testid="stPopoverBody"] [data-testid="stVerticalBlock"] { max-width: 100%; }
/* the query as chips: words and a cross, which has a name for screen readers */
[class*="st-key-chip-"] button { min-height: 2rem; padding-top: 0.1rem; padding-bottom: 0.1rem; }
[class*="st-key-chip-edit-"] button { border-radius: 1rem 0 0 1rem; border-right: none; }
[class*="st-key-chip-remove-"] button {
  border-radius: 0 1rem 1rem 0; padding-left: 0.4rem; padding-right: 0.5rem; }
/* an icon alone, whose name is for screen readers */
:is([class*="st-key-chip-remove-"], [class*="st-key-tools-"], [class*="st-key-search-now-"],
  [class*="st-key-value-"][class*="-known"], [class*="-calendar-menu"])
  button [data-testid="stMarkdownContainer"] {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
[class*="st-key-tools-"] button div[aria-hidden="true"] { display: none; }
/* a list of ids has no examples, and the views stay where they are */
.st-key-choice { min-height: 2.5rem; }
/* results of an earlier request; a line above them says so */
[class*="st-key-stale-"] [data-testid="stDataFrame"],
[class*="st-key-stale-"] [data-testid="stVegaLiteChart"] { opacity: 0.55; }
/* a row of the query wraps in a narrow window rather than cut its labels */
[class*="st-key-row-"] [data-testid="stHorizontalBlock"] { flex-wrap: wrap; row-gap: 0.25rem; }
[class*="st-key-row-"] [data-testid="stColumn"]:nth-child(1) { flex: 5 1 12rem; }
[class*="st-key-row-"] [data-testid="stColumn"]:nth-child(2) { flex: 1 1 9rem; }
[class*="st-key-row-"] [data-testid="stColumn"]:nth-child(3) { flex: 0 1 7.5rem; }
[class*="st-key-row-"] [data-testid="stColumn"]:nth-child(4) { flex: 4 1 9.5rem; }
/* its menu stays at the end of its first line */
[class*="st-key-row-"] [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]) {
  position: relative; padding-right: 4.25rem; }
[class*="st-key-row-"] [data-testid="stColumn"]:nth-child(5) {
  position: absolute; right: 0; width: 3.25rem; min-width: 0; }
[class*="st-key-row-"] [data-testid="stCaptionContainer"] { padding-top: 0.5rem; }
/* the record of the selected row beside the table; below it in a narrow window */
[data-testid="stLayoutWrapper"]:has(> .st-key-asset-table) { flex: 3 1 24rem; min-width: 0; }
[data-testid="stLayoutWrapper"]:has(> .st-key-asset-record) { flex: 2 1 22rem; min-width: 0; }
.st-key-asset-record { max-height: 36rem; overflow-y: auto; }
/* the facts in the heading break their line before the buttons do */
.st-key-asset-heading > :has([data-testid="stCaptionContainer"]) { flex: 1 1 14rem; min-width: 0; }
/* what a selection offers above its table does not move it */
[class*="st-key-above-"] { min-height: 2.5rem; }
/* these would act on the page of rows that is shown; ours act on all rows */
[data-testid="stElementToolbarButton"]:has(button[aria-label="Download as CSV"]),
[data-testid="stElementToolbarButton"]:has(button[aria-label="Search"]),
[data-testid="stDataFrameColumnMenu"] [role="menuitem"]:nth-child(2):has(+ * + :not([role])),
[data-testid="stDataFrameColumnMenu"] [role="menuitem"]:nth-child(3):has(+ :not([role])),
[data-testid="stDataFrameColumnMenu"] [role="menuitem"]:nth-child(3) + :not([role]) {
  display: none; }
/* colours that the theme cannot set, with a contrast of 4.5 or more */
button[kind="primary"]:not(:disabled) { color: light-dark(#ffffff, #08202b) !important; }
.token.string { color: light-dark(#116329, #3dd56d) !important; }
.token:is(.number, .boolean) { color: light-dark(#00605a, #7defe1) !important; }
.token:is(.parameter, .variable, .property) { color: light-dark(#00607d, #67d4f1) !important; }
"""


_SCRIPT = """
export default function ({ data, setStateValue }) {
  const id = "job-dispatch-style";
  const style = document.getElementById(id) || document.createElement("style");
  // a side bar that is there already stays beside the page
  if (!style.id && !document.querySelector('[data-testid="stSidebar"]'))
    document.documentElement.classList.add("job-dispatch-over");
  style.id = id;
  style.textContent = data.rules;
  document.head.append(style);
  if (data.isAwaited) setStateValue("applied", true);
}
"""


_STYLED = "styled"
_NAME, _ANSWER = "style", "applied"


def use_style(*, was_styled: bool) -> None:
    """Send the style rules; ends the run if it began without them.

    What is drawn before its style moves when the style arrives, and readers lose their place.
    The browser's answer that it has the rules starts a new run.
    """
    data = {"rules": _STYLE, "isAwaited": not was_styled}
    is_applied = run_script(_NAME, _SCRIPT, data, answer=_ANSWER)
    noted(_STYLED, bool(is_applied))
    if not was_styled:
        st.rerun() if is_styled() else st.stop()


def is_styled() -> bool:
    """Whether the browser has the style rules; other clients do not answer, and need none."""
    sent = widget_value(key_of_script(_NAME))
    is_applied = isinstance(sent, Mapping) and bool(sent.get(_ANSWER))
    return noted(_STYLED, is_applied) or not _is_browser()


def _is_browser() -> bool:
    return "Mozilla" in st.context.headers.get("User-Agent", "")
