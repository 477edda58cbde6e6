"""A control for `benchmarks.load`: an app that leaks data between sessions on purpose.

It has the usual defect: a value of one session in a cache that all sessions share. A
cross-talk check that passes on this app is broken.
"""

import streamlit as st


@st.cache_resource
def kept() -> dict[str, str]:
    """Return the one dictionary that all sessions share, which is the leak."""
    return {}


def main() -> None:
    """Draw the widgets that the load test uses, with the keys of the real app."""
    file = st.file_uploader("A request", key="load-0")
    if file is not None:
        kept()["request"] = file.getvalue().decode()
    st.button("Find", key="find")
    st.text(kept().get("request", "nothing yet"))


st.navigation([st.Page(main, title="Deliver", default=True)]).run()
