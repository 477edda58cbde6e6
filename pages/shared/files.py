"""The parts of the page Files."""

from __future__ import annotations

from typing import get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dispatch_core.choose import count_inputs
from dispatch_core.errors import InvalidInput
from dispatch_core.listing.wanted import count_extensions
from dispatch_core.locate import Located
from dispatch_core.steps import Steps
from dispatch_core.text.file_extension import (
    likeliest_first,
    read_extensions,
    split_extensions,
    written_extensions,
)
from dispatch_core.text.words import counted
from dispatch_core.types import (
    Exclusion,
    FileEntry,
    LocatedAsset,
    SeveralExtensions,
    SeveralFiles,
)
from dispatch_core.views.columns import count_endings, count_files, count_sizes
from dispatch_core.views.ledger_groups import held_extensions
from dispatch_core.views.table import Columns, table_text
from pages.shared.state.edits import add_extension, use_extensions
from pages.shared.state.session import Session
from pages.shared.state.steps import current_locate, located_before, set_count
from pages.shared.state.tab import widget_value
from pages.shared.state.views import CHARTS, TABLE
from pages.shared.widgets.charts import count_chart, order_chart
from pages.shared.widgets.ledger import ledger_table
from pages.shared.widgets.messages import escaped, show_error, show_warnings
from pages.shared.widgets.tables import download_csv, paged_table, small_table
from pages.shared.widgets.why_not import why_button

EXTENSIONS = [".nwb", ".nwb.zarr", ".zarr", ".ome.zarr", ".json", ".csv", ".mp4"]
_ARRIVING = 200
_OFFERED = 6
_WHICH: dict[SeveralExtensions, str] = {
    "first": "the first that an asset has",
    "all": "all of them",
}
_RULES: dict[SeveralFiles, str] = {
    "each": "one job for each file",
    "together": "one job for each asset, with all its files",
    "newest": "only the newest file",
    "largest": "only the largest file",
    "only_one": "exclude the asset",
}


def file_options(session: Session, steps: Steps) -> bool:
    """Edit the extensions and the rule for several files; True if the extensions are valid."""
    left, right = st.columns(2, vertical_alignment="top", gap="large")
    session.keep_typed(extension_text=_extensions(session, left))
    which = _which(session, steps, left)
    inside = left.checkbox(
        "Match inside matching stores too",
        session.request.nested_stores == "all",
        key=f"nested-{session.epoch}",
        help="Lists every chunk of every store: up to millions of keys for one asset.",
    )
    rule = _several_files(session, steps, right)
    try:
        wanted = written_extensions(read_extensions(session.typed.extension_text))
    except InvalidInput as error:
        session.refuse("file extension", error)
        show_error(error)
        return False
    session.accept("file extension")
    session.edit(
        file_extension=wanted,
        several_extensions=which,
        split_files=False if rule == "together" and not session.request.group_by else None,
        several_files=None if rule in ("each", "together") else rule,
        nested_stores="all" if inside else "outermost",
    )
    return True


def _extensions(session: Session, column: DeltaGenerator) -> str:
    """The chosen extensions as one text, in the order in which they were chosen."""
    now = split_extensions(session.typed.extension_text)
    chosen = column.multiselect(
        "Names end with",
        list(dict.fromkeys([*EXTENSIONS, *now])),
        now,
        accept_new_options=True,
        filter_mode="contains",
        select_all=False,
        placeholder="no files: whole assets",
        key=f"extension-{session.epoch}",
        help="Files and directory stores below the asset's location. Type any other ending. "
        "Several are an order of preference: the first one chosen comes first.",
    )
    items = [item for one in chosen for item in ([one] if one in now else split_extensions(one))]
    text = written_extensions(dict.fromkeys(items))
    if items != chosen:  # a list that was pasted: each of its items becomes a choice
        session.keep_typed(extension_text=text)
        session.reload_editors()
        st.rerun()
    return text


def _which(session: Session, steps: Steps, column: DeltaGenerator) -> SeveralExtensions:
    """The rule for several extensions, with their order and how many assets have each."""
    extensions = split_extensions(session.typed.extension_text)
    if len(extensions) < 2:
        return "first"
    rules = list(get_args(SeveralExtensions))
    rule: SeveralExtensions = column.radio(
        "Of several extensions, use",
        rules,
        rules.index(session.request.several_extensions),
        format_func=_WHICH.__getitem__,
        horizontal=True,
        key=f"which-{session.epoch}",
        help="The files of the first extension that an asset has any of, in the order below; or "
        "the files of every extension.",
    )
    column.caption(_order(session, steps, extensions))
    return rule


def _order(session: Session, steps: Steps, extensions: tuple[str, ...]) -> str:
    """The extensions by number, each with its assets once the files are located."""
    located = steps.located
    is_counted = located is not None and extensions == steps.parts.extensions
    counts = (
        session.memo.remember_of(
            "extensions",
            located,
            extensions,
            lambda: count_extensions(located.located, extensions),
        )
        if located is not None and is_counted
        else {}
    )
    return "In this order: " + " · ".join(
        f"{number}. {escaped(one)}"
        + (f" ({counted(counts[one], 'asset')})" if one in counts else "")
        for number, one in enumerate(extensions, 1)
    )


def _several_files(session: Session, steps: Steps, column: DeltaGenerator) -> SeveralFiles:
    """The chosen rule for an asset with several matches; each rule shows its number of jobs."""
    request = session.request
    rules = list(get_args(SeveralFiles))
    if request.group_by:
        rules.remove("each")  # all files of a group are one job
    now = request.several_files
    if now not in ("newest", "largest", "only_one"):
        now = "each" if request.is_split else "together"
    rule: SeveralFiles = column.radio(
        "If an asset has several matching files",
        rules,
        rules.index(now),
        format_func=_RULES.__getitem__,
        captions=_effects(session, steps, rules),
        disabled=not session.typed.extension_text,
        key=f"several-{session.epoch}",
        help="If assets are grouped, all files of a group are one job.",
    )
    return rule


def _effects(session: Session, steps: Steps, rules: list[SeveralFiles]) -> list[str]:
    """The number of jobs that each rule makes; a dash while no files are located."""
    located, sets = steps.located, set_count(session, steps)
    if not located or not session.request.file_extension or session.request.group_by or not sets:
        return ["– jobs"] * len(rules)
    counts = session.memo.remember_of(
        "rules",
        located,
        None,
        lambda: {rule: count_inputs(located.located, rule) for rule in get_args(SeveralFiles)},
    )
    return [_effect(*counts[rule], sets) for rule in rules]


def _effect(inputs: int, excluded: int, sets: int) -> str:
    jobs = counted(inputs * sets, "job")
    return f"{jobs}, {counted(excluded, 'asset')} excluded" if excluded else jobs


def say_how_to_locate(session: Session, steps: Steps) -> None:
    """Say what to press if the files of the current request are not located."""
    if current_locate(session) is None and not located_before(session, steps):
        st.caption("Press **Locate files** to list the files of each asset; none is read.")


def say_nothing_is_listed() -> None:
    """Say what an empty extension means."""
    st.info(
        "Without an extension no file is listed: each job names its asset, and file_location "
        "is null.",
        icon=":material/info:",
    )


def arriving_files(session: Session) -> None:
    """Show the first files while the others are still being listed."""
    work = current_locate(session)
    if work is None or work.is_done:
        return

    @st.fragment(run_every=1.0)
    def show() -> None:
        assets = [one for one in list(session.work.arrived) if isinstance(one, LocatedAsset)]
        rows = _rows(tuple(assets))[:_ARRIVING]
        if rows:
            st.caption(f"The first {counted(len(rows), 'file')}, as they arrive")
            titles = ("Kind", "File", "Asset")
            small_table(
                [{title: _COLUMNS[title](row) for title in titles} for row in rows],
                key="arriving",
            )

    show()


def located_files(session: Session, steps: Steps) -> None:
    """Show the files and the assets without a usable one; those of an earlier request dimmed."""
    located, before = steps.located, located_before(session, steps)
    if located is not None:
        show_warnings(located.warnings)
        if session.request.file_extension:
            _files_found(session, located)
        if located.exclusions:
            _without_files(session, located.exclusions)
    elif before is not None:
        st.warning(
            "Out of date: the assets or the file options changed. Locate files again.",
            icon=":material/history:",
        )
        with st.container(key="stale-files"):
            _file_table(session, before)
    elif session.work.files_let_go:
        files = counted(session.work.files_let_go, "file")
        st.caption(f"To save memory, what was located before ({files}) is not shown meanwhile.")


def _files_found(session: Session, located: Located) -> None:
    count = len(_file_rows(session, located))
    line = st.container(horizontal=True, vertical_alignment="center")
    line.header(
        f"{counted(count, 'file')} in {counted(len(located.located), 'asset')}", width="content"
    )
    with line:
        why_button(session)
    line.space("stretch")
    view = line.segmented_control(
        "View",
        [TABLE, CHARTS],
        default=session.views.file_view,
        required=True,
        label_visibility="collapsed",
        key=f"file-view-{session.epoch}",
    )
    session.keep_view(file_view=view)
    st.caption(
        f"{counted(located.requests, 'request')}, {counted(located.keys_listed, 'key')} listed; "
        "the content of a directory store is not listed, so its size is unknown"
    )
    if view == CHARTS:
        _file_charts(session, located)
    else:
        _file_table(session, located)


_COLUMNS: Columns = {
    "Kind": lambda row: "store" if row[1].kind == "directory" else "file",
    "Size": lambda row: row[1].size,
    "File": lambda row: row[1].location.removeprefix(row[0].location.rstrip("/") + "/"),
    "Asset": lambda row: row[0].name,
    "Written": lambda row: row[1].modified,
    "Location": lambda row: row[1].location,
}


def _file_table(session: Session, located: Located) -> None:
    """Show each file with its asset, its size and whether it is a directory store."""
    rows = _file_rows(session, located)
    size = st.column_config.NumberColumn("Size", format="bytes")
    paged_table(rows, _COLUMNS, "files", column_config={"Size": size})
    download_csv(f"Download all {len(rows):,} as CSV", lambda: table_text(rows, _COLUMNS), "files")


def _file_rows(session: Session, located: Located) -> list[tuple[object, FileEntry]]:
    return session.memo.remember_of("file rows", located, None, lambda: _rows(located.located))


def _rows(located: tuple[LocatedAsset, ...]) -> list[tuple[object, FileEntry]]:
    return [(one.asset, file) for one in located for file in one.files or ()]


def _file_charts(session: Session, located: Located) -> None:
    files = [file for _, file in _file_rows(session, located)]
    sizes, endings, numbers = session.memo.remember_of(
        "file charts",
        located,
        None,
        lambda: (count_sizes(files), count_endings(files), count_files(located.located)),
    )
    left, right = st.columns(2)
    with left:
        count_chart(sizes, "By size", "files", "chart-sizes")
    with right:
        count_chart(endings, "By ending", "files", "chart-endings")
    order_chart(numbers, "Files in an asset", "assets", "chart-numbers")


def _without_files(session: Session, exclusions: tuple[Exclusion, ...]) -> None:
    """Show the assets without a usable file, and buttons for the extensions they have."""
    line = st.container(horizontal=True, vertical_alignment="center")
    line.header(f"{counted(len(exclusions), 'asset')} without a usable file", width="content")
    with line:
        why_button(session, "why-no-file")
    held = session.memo.remember_of("held", exclusions, None, lambda: held_extensions(exclusions))
    if held:
        wanted = split_extensions(session.request.file_extension)
        _offer_extensions(session, likeliest_first(held, wanted)[:_OFFERED])
    ledger_table(exclusions, "files-ledger")


def _offer_extensions(session: Session, held: list[tuple[str, int]]) -> None:
    """Offer to add an extension that these assets have, or to use it instead of the others."""
    line = st.container(horizontal=True, vertical_alignment="center")
    line.caption("They have:", width="content")
    for extension, assets in held:
        line.button(
            f"Add {escaped(extension)} ({counted(assets, 'asset')})",
            key=f"use-{extension}",
            help="For the assets without the extensions above; all others keep their files",
            on_click=add_extension,
            args=(session, extension),
        )
    line.menu_button(
        "Use only",
        [extension for extension, _ in held],
        key="use-only",
        help="Search for this extension instead of those above",
        on_click=lambda: _use_only(session, widget_value("use-only")),
        type="tertiary",
    )


def _use_only(session: Session, extension: str | None) -> None:
    if extension:
        use_extensions(session, (extension,))
