"""A page that fails with a secret in its message, with the configuration of the app."""

import streamlit as st


def main() -> None:
    """Raise an unexpected error."""
    st.text("before")
    raise RuntimeError("s3cret in /srv/private/path")


st.navigation([st.Page(main, title="Failing", default=True)]).run()
