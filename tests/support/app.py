"""The app without a browser, on the embedded demo.

`embedded_demo` gives a test the environment of a first visit, `fresh_clients` leaves no client
and no cache for the next test: pytest.mark.usefixtures("embedded_demo", "fresh_clients")
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.shared.state.session import Session

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def embedded_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOCDB_HOST", "DISPATCH_BUCKETS", "DISPATCH_DEMO_ASSETS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPATCH_OUTPUT_ROOT", str(tmp_path / "out"))
    monkeypatch.setenv("DISPATCH_STATE_ROOT", str(tmp_path / "state"))


@pytest.fixture
def fresh_clients() -> Iterator[None]:
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def open_app(link: str = "") -> AppTest:
    """The first page, with the text of a link in its address."""
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=30)
    if link:
        app.query_params["request"] = link
    return app.run()


def session_of(app: AppTest) -> Session:
    session: Session = app.session_state["dispatch"]
    return session
