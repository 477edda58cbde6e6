"""The user: anonymous, signed in with OpenID Connect, or named by a proxy.

Sign-in is off until ``.streamlit/secrets.toml`` has a section ``[auth]`` (docs/deploy.md); then
no page is drawn before a user signs in. Behind a proxy that signs users in,
``server.trustedUserHeaders`` does the same with the name that the proxy sends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st
from starlette.requests import Request
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import gather_user_info

_NAMES = ("email", "preferred_username", "name", "sub")
"""The claims of OpenID Connect that may name a user, the best first."""


def current_user() -> str:
    """The name of the user who is signed in; ``""`` without sign-in."""
    return _name_of(st.user.to_dict())


def user_of_request(request: Request) -> str:
    """The name of the user whose browser sent a plain request; as `current_user` in a run.

    Streamlit reads the same cookie and the same headers when a tab connects.
    """

    def signed(name: str) -> bytes | None:
        text = request.cookies.get(name)
        secret = get_cookie_secret()
        return None if text is None else decode_signed_value(secret, name, text.encode("latin-1"))

    cookie = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    return _name_of({**json.loads(cookie or b"{}"), **gather_user_info(request.headers)})


def _name_of(user: Mapping[str, Any]) -> str:
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
