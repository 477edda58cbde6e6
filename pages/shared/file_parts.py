"""The parts of the page Files."""

from __future__ import annotations

import streamlit as st

from dispatch_core.errors import InvalidInput
from dispatch_core.file_extension import check_extension
from dispatch_core.locate import Located
from pages.shared import session as state
from pages.shared.components import ledger_table, paged_table, show_error, show_warnings
from pages.shared.session import Session

EXTENSIONS = [".nwb", ".nwb.zarr", ".zarr", ".ome.zarr", ".json", ".csv", ".mp4"]
_ONE_EACH, _TOGETHER = "one job for each file", "one job for each asset"


def file_options(session: Session) -> bool:
    """Extension, split or group, nested stores; True where the extension may be asked for."""
    request = session.request
    extension, split = st.columns(2, vertical_alignment="top")
    known = list(dict.fromkeys([*EXTENSIONS, *filter(None, [session.extension_text])]))
    chosen = extension.selectbox(
        "Names end with",
        known,
        index=known.index(session.extension_text) if session.extension_text else None,
        accept_new_options=True,
        placeholder="no files: whole assets",
        key=f"extension-{session.epoch}",
        help="Files and directory stores below the asset's location. Any other ending: type it, "
        "then press Enter.",
    )
    how = split.radio(
        "More than one file in an asset",
        [_ONE_EACH, _TOGETHER],
        index=0 if request.is_split else 1,
        disabled=bool(request.group_by),
        key=f"split-{session.epoch}",
        help="Where assets are grouped, all files of a group are one job.",
    )
    inside = extension.checkbox(
        "Match inside matching stores too",
        request.nested_stores == "all",
        key=f"nested-{session.epoch}",
        help="Lists every chunk of every store: up to millions of keys for one asset.",
    )
    session.extension_text = chosen or ""
    try:
        wanted = check_extension(session.extension_text)
    except InvalidInput as error:
        state.refuse_input(session, "file extension", error)
        show_error(error)
        return False
    state.accept_input(session, "file extension")
    state.edit(
        session,
        file_extension=wanted,
        split_files=None if request.group_by else how == _ONE_EACH,
        several_files=None
        if request.several_files in ("each", "together")
        else request.several_files,
        nested_stores="all" if inside else "outermost",
    )
    return True


def say_how_to_locate(session: Session) -> None:
    """What to press, and that what was located before is no longer shown."""
    if state.current_locate(session) is None:
        what = "The choice changed since. " if session.located_work else ""
        st.caption(f"{what}Press **Locate files** to see the files of each asset.")


def say_nothing_is_listed() -> None:
    """What an empty extension means."""
    st.info(
        "Without an extension nothing is listed: each job names its asset, and file_location "
        "is null.",
        icon=":material/info:",
    )


def located_files(session: Session) -> None:
    """The files, and the assets without a usable one, where they are located."""
    located = state.located(session)
    if located is None:
        return
    show_warnings(located.warnings)
    if session.request.file_extension:
        _file_table(session, located)
    if located.exclusions:
        st.subheader(f"{len(located.exclusions):,} assets without a usable file")
        ledger_table(located.exclusions, "files-ledger")
    st.page_link(
        "pages/plan/parameters.py", label="Next: parameters", icon=":material/arrow_forward:"
    )


def _file_table(session: Session, located: Located) -> None:
    """Each file with its asset, its size and whether it is a directory store, which has none."""
    rows = state.remembered(
        session,
        "file rows",
        state.locate_key(session),
        lambda: [(one.asset, file) for one in located.located for file in one.files or ()],
    )
    st.subheader(f"{len(rows):,} files in {len(located.located):,} assets")
    st.caption(f"{located.requests:,} requests, {located.keys_listed:,} keys listed")
    columns = {
        "Kind": lambda row: "store" if row[1].kind == "directory" else "file",
        "Size": lambda row: row[1].size,
        "File": lambda row: row[1].location.removeprefix(row[0].location.rstrip("/") + "/"),
        "Asset": lambda row: row[0].name,
        "Location": lambda row: row[1].location,
    }
    paged_table(rows, columns, "files", column_config=_COLUMNS)


_COLUMNS = {"Size": st.column_config.NumberColumn("Size", format="bytes")}
