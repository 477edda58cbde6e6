"""The user: anonymous, signed in with OpenID Connect, or named by a proxy.

Sign-in is off until ``.streamlit/secrets.toml`` has a section ``[auth]`` (docs/deploy.md); then
no page is drawn before a user signs in. Behind a proxy that signs users in,
``server.trustedUserHeaders`` does the same with the name that the proxy sends.
"""

from __future__ import annotations

import streamlit as st

_NAMES = ("email", "preferred_username", "name", "sub")
"""The claims of OpenID Connect that may name a user, the best first."""


def current_user() -> str:
    """The name of the user who is signed in; ``""`` without sign-in."""
    user = st.user.to_dict()
    if user.get("is_logged_in") is False:
        return ""
    return next((str(user[name]) for name in _NAMES if user.get(name)), "")


def require_sign_in() -> None:
    """End the run with a sign-in button, if sign-in is set up and no user is signed in."""
    user = st.user.to_dict()
    if not user:
        return
    name = current_user()
    if not name:
        st.title("Job dispatch")
        _ask(can_sign_in="is_logged_in" in user)
        st.stop()
    with st.sidebar:
        st.text(f"Signed in as {name}")
        if user.get("is_logged_in"):
            st.button("Sign out", icon=":material/logout:", on_click=st.logout, key="sign-out")


def _ask(*, can_sign_in: bool) -> None:
    if can_sign_in:
        st.write("Sign in to select assets and dispatch jobs.")
        st.button(
            "Sign in", type="primary", icon=":material/login:", on_click=st.login, key="sign-in"
        )
    else:
        st.error(
            "The sign-in proxy did not send your name. Open the app at the proxy's address.",
            icon=":material/lock:",
        )
