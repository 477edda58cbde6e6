"""The few rules of style that the app adds to its theme."""

import streamlit as st

_STYLE = """
<style>
/* holds no text: it talks to the browser of the tab */
.st-key-browser-tab { display: none; }
/* a browser that does not answer leaves a way out, after a while */
.st-key-start-afresh { opacity: 0; animation: appear 0.2s linear 4s forwards; }
@keyframes appear { to { opacity: 1; } }
[data-testid="stMainBlockContainer"] { padding-top: 3.5rem; padding-bottom: 4rem; }
@media (max-width: 1200px) {
  [data-testid="stMainBlockContainer"] { padding-left: 2rem; padding-right: 2rem; }
}
/* results of another choice than the present one; a line above them says so */
[class*="st-key-stale-"] [data-testid="stDataFrame"],
[class*="st-key-stale-"] [data-testid="stVegaLiteChart"] { opacity: 0.55; }
</style>
"""


def use_style() -> None:
    """Add them to this page."""
    st.html(_STYLE)
