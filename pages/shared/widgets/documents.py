"""The documents of the folder `docs`, read in the app, also without a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from posixpath import normpath

import streamlit as st

from pages.shared.state.session import Session

FOLDER = Path(__file__).resolve().parents[3] / "docs"
"""The pages run from the checkout, which has the documents beside them."""

FIRST = ("running.md", "reference.md", "history.md", "accessibility.md")
"""The documents that the menu offers; the others are linked in them."""

_LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]*)(#[^)\s]*)?\)")
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the app shows it: Markdown without its title, and what it links to."""

    title: str
    text: str
    linked: tuple[str, ...]


@cache
def read_document(name: str) -> Document:
    """The document at the path `name` below `docs`, as it was when the server first read it.

    Links to web sites stay. Those to other documents become words, and their paths are in
    ``linked``; so do those to other files and to headings, which have no anchors in a dialog.
    """
    title, _, text = (FOLDER / name).read_text("utf-8").partition("\n")
    linked: dict[str, None] = {}

    def replaced(link: re.Match[str]) -> str:
        words, target = link[1], link[2]
        if "://" in target:
            return link[0]
        if not target:
            return words
        path = normpath(PurePosixPath(name).parent / target)
        if path.endswith(".md") and not path.startswith("..") and (FOLDER / path).is_file():
            linked[path] = None
        return f"**{words}**" if not words.startswith("`") else words

    shown = _LINK.sub(replaced, _COMMENT.sub("", text))
    return Document(title.removeprefix("# "), shown, tuple(linked))


def menu_of_documents(session: Session) -> None:
    """Show a button for each of the `FIRST` documents that the checkout has."""
    _buttons(session, FIRST, "document", _open_from_menu)


def _buttons(
    session: Session, names: tuple[str, ...], key: str, open_one: Callable[[Session, str], None]
) -> None:
    for name in names:
        if (FOLDER / name).is_file():
            st.button(
                read_document(name).title,
                icon=":material/description:",
                type="tertiary",
                on_click=open_one,
                args=(session, name),
                key=f"{key}-{name}",
            )


def _open_from_menu(session: Session, name: str) -> None:
    """Open a document, and draw the menu anew, closed: it would lie over the document."""
    number = session.views.help_number + 1
    session.keep_view(document=name, is_why_open=False, help_number=number)


def _open(session: Session, name: str) -> None:
    """Open a document in place of another one.

    Only the dialog is drawn then. The menu stays as it is: drawn anew when the dialog is closed,
    it would close below the next click.
    """
    session.keep_view(document=name)


def show_document(session: Session) -> None:
    """Show the chosen document until it is closed."""
    if session.views.document and not session.views.is_why_open:
        show = st.dialog("Help", width="large", on_dismiss=lambda: session.keep_view(document=""))(
            _show
        )
        show(session)


def _show(session: Session) -> None:
    found = read_document(session.views.document)
    st.markdown(f"## {found.title}")
    if found.linked:
        with st.container(horizontal=True, key="linked-documents"):
            _buttons(session, found.linked, "linked", _open)
    st.markdown(found.text)
