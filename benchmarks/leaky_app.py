"""A control for `benchmarks.load`: an app that shows everybody what the last person gave it.

The fault is the usual one: a value that belongs to one person in a cache that
belongs to all. A cross-talk check that passes here checks nothing.
"""

import streamlit as st


@st.cache_resource
def kept() -> dict[str, str]:
    """One dictionary for every session: the leak."""
    return {}


def main() -> None:
    """The widgets that the load presses, by the keys of the real app."""
    file = st.file_uploader("A request", key="load-0")
    if file is not None:
        kept()["request"] = file.getvalue().decode()
    st.button("Find", key="find")
    st.text(kept().get("request", "nothing yet"))


st.navigation([st.Page(main, title="Deliver", default=True)]).run()
