"""A page that fails with a secret in its message, under the app's own configuration."""

import streamlit as st


def main() -> None:
    """Fail as a bug would."""
    st.text("before")
    raise RuntimeError("s3cret in /srv/private/path")


st.navigation([st.Page(main, title="Failing", default=True)]).run()
