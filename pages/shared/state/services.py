"""All clients and caches; each is bounded and keyed by source."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dispatch_core.connect import (
    SourceSettings,
    open_cluster,
    open_metadata_source,
    open_object_lister,
    open_results,
    require_chosen_demo,
    settings_from,
)
from dispatch_core.dispatch import missing_results
from dispatch_core.environment import platform
from dispatch_core.environment.env_file import load_env_file
from dispatch_core.environment.limits import KEPT_ROWS
from dispatch_core.errors import Issue, NothingFound
from dispatch_core.insight.advice import Advice, Translation, advise, translate
from dispatch_core.insight.date_fields import NotCompared, date_layouts, not_compared
from dispatch_core.insight.facets import Facet, FacetCounts, count_facet, unread_records
from dispatch_core.insight.fields import FieldCatalogue, sample_fields
from dispatch_core.insight.values import FieldValues, count_values
from dispatch_core.kept.links import KeptLinks
from dispatch_core.kept.saved_queries import SavedQueries
from dispatch_core.kept.store import Bounds, KeptTexts
from dispatch_core.listing.cluster import DaskCluster
from dispatch_core.processed.frame import LearnedFrame
from dispatch_core.processed.results import learn_frames
from dispatch_core.request import DispatchRequest
from dispatch_core.sources.protocols import MetadataSource, ObjectLister
from dispatch_core.sources.shared_answers import SharedAnswers
from dispatch_core.sources.turns import TURN
from dispatch_core.types import Filter, JsonValue, Pipeline, Progress, Record
from dispatch_core.views.links import read_links
from dispatch_core.views.request_link import MOST_BYTES
from pages.shared.state.answers import Answers
from pages.shared.state.drafts import Drafts
from pages.shared.state.kept_sessions import KeptSessions
from pages.shared.state.work import Work

_SESSION_SECONDS = 8 * 3600
"""How long a session is kept in memory, with its results, after it was last shown."""

_DRAFT_BOUNDS = Bounds(
    most=1_000, bytes_each=16_000_000, bytes_all=200_000_000, seconds=7 * 24 * 3600
)

_QUERY_BOUNDS = Bounds(
    most=2_000, bytes_each=2_000_000, bytes_all=200_000_000, seconds=366 * 24 * 3600
)
_LINK_BOUNDS = Bounds(
    most=2_000, bytes_each=MOST_BYTES, bytes_all=100_000_000, seconds=31 * 24 * 3600
)


@dataclass(frozen=True)
class Sources:
    """The metadata source, the object store and the cluster, opened once for all sessions."""

    metadata: MetadataSource
    objects: ObjectLister
    cluster: DaskCluster | None = None


@st.cache_resource(max_entries=1, show_spinner=False)
def read_env_file() -> bool:
    """Whether the folder of the app has a ``.env``, whose variables are then set."""
    return load_env_file()


def current_settings() -> SourceSettings:
    """The sources of this server, from its environment; the same for all sessions."""
    settings = settings_from(os.environ)
    require_chosen_demo(settings, os.environ)
    return settings


def output_root() -> Path:
    """The folder in which the app may write; a user gives only a name in it."""
    return platform.output_root(os.environ)


@st.cache_resource(max_entries=4, show_spinner=False)  # also opened outside the script thread
def open_sources(settings: SourceSettings) -> Sources:
    """The sources of `settings`; no request is sent yet.

    Sessions that send the same request at the same time share one answer.
    """
    records = SharedAnswers(open_metadata_source(settings))
    return Sources(records, open_object_lister(settings), open_cluster(settings))


@st.cache_resource(max_entries=4, show_spinner=False)  # also opened outside the script thread
def open_results_of(settings: SourceSettings, is_asked: bool) -> MetadataSource | None:
    """The records of processed jobs, or None; no request is sent yet."""
    return open_results(settings, is_asked=is_asked)


def is_checked(request: DispatchRequest) -> bool:
    """Whether the jobs of `request` are looked for in the results."""
    rule = request.skip_processed
    return current_settings().has_results if rule is None else rule != "no"


def results_for(request: DispatchRequest) -> MetadataSource:
    """The results in which the jobs of `request` are looked for.

    Raises
    ------
    InvalidInput
        No results are configured.
    """
    results = open_results_of(current_settings(), request.skip_processed is not None)
    if results is None:
        raise missing_results(request)
    return results


def ask_frames() -> Work[tuple[LearnedFrame, ...]]:
    """Every wrapper and version that has results, with counts."""
    settings = current_settings()

    def call(progress: Progress) -> tuple[LearnedFrame, ...]:
        results = open_results_of(settings, True)
        return () if results is None else learn_frames(results)

    return answers().ask(("frames", settings), call)


@st.cache_resource(max_entries=1)
def executor() -> Executor:
    """The thread pool for requests to the sources, for all sessions."""
    _share_the_interpreter()
    return ThreadPoolExecutor(max_workers=8, thread_name_prefix="questions")


def _share_the_interpreter() -> None:
    """Keep the pages quick while a thread of the pool computes (`turns`).

    A thread gives way after a millisecond instead of five. Python's garbage collector visits all
    objects whenever these have grown by a quarter, which halts every thread for half a second
    while a large plan is made; now only after a hundred times as many new objects.
    """
    sys.setswitchinterval(0.001)
    gc.set_threshold(700, 10, 1_000)


@st.cache_resource(max_entries=1, show_spinner=False)  # also asked at the end of the server
def writing_executor() -> Executor:
    """The thread pool for writing, so that a service that stalls delays no dispatch."""
    return ThreadPoolExecutor(max_workers=4, thread_name_prefix="writing")


@st.cache_data(max_entries=32, ttl=300, show_spinner="Reading the record")
def record_of(settings: SourceSettings, record_id: str) -> Record:
    """The whole record of an asset; raises `NothingFound` if it was deleted."""
    source = open_sources(settings).metadata
    records = source.find_page({"_id": record_id}, {}, 1)
    if not records:
        raise NothingFound(Issue("the record was deleted", source.label, "Find assets again"))
    return records[0]


def asset_links() -> dict[str, str]:
    """The URL templates of links to portals; in the demo they are shown but disabled."""
    return read_links(os.environ.get("DISPATCH_LINKS", ""))


@st.cache_resource(max_entries=1)
def kept_sessions() -> KeptSessions:
    """The sessions of all tabs; each is reached only with the id that its browser keeps."""
    return KeptSessions(
        is_connected,
        most=200,
        seconds=_SESSION_SECONDS,
        rows=KEPT_ROWS.most,
        turned_over=lambda: threading.Thread(target=collect_garbage, name="collect").start(),
    )


def collect_garbage() -> None:
    """Collect what ended sessions leave, while no other thread of the background computes."""
    with TURN.taken():
        gc.collect()


@st.cache_resource(max_entries=1)
def kept_drafts() -> Drafts:
    """The drafts of all tabs on disk, each found only with the id that its browser keeps."""
    return Drafts(_texts("drafts", _DRAFT_BOUNDS), _one_writer())


@st.cache_resource(max_entries=1)
def kept_links() -> KeptLinks:
    """The requests of short links, for all users of this server."""
    return KeptLinks(_texts("links", _LINK_BOUNDS))


@st.cache_resource(max_entries=1)
def saved_queries() -> SavedQueries:
    """The queries saved by name, each found only by its owner."""
    return SavedQueries(_texts("queries", _QUERY_BOUNDS))


def _texts(folder: str, bounds: Bounds) -> KeptTexts:
    return KeptTexts(platform.state_root(os.environ) / folder, bounds)


@st.cache_resource(max_entries=1, show_spinner=False)  # also asked at the end of the server
def _one_writer() -> Executor:
    """The thread that writes drafts; what waits for it is written before the server ends."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="drafts")


def finish_writing() -> None:
    """Wait until every dispatch and every draft is written; neither is begun afterwards."""
    for pool in (writing_executor(), _one_writer()):
        pool.shutdown()


def current_connection() -> str:
    """Streamlit's own id of the connection that this run is for."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def is_connected(connection: str) -> bool:
    """Whether a browser is connected to it now."""
    return Runtime.exists() and Runtime.instance().is_active_session(connection)


@st.cache_resource(max_entries=1)
def answers() -> Answers:
    """Recent answers about the collection, for all sessions.

    They have a thread pool of their own, so that a long dispatch delays no suggestion.
    """
    pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="question")
    return Answers(pool, most=256, seconds=600, seconds_failed=20)


def ask_fields() -> Work[FieldCatalogue]:
    """The fields of the source."""
    settings = current_settings()

    def call(progress: Progress) -> FieldCatalogue:
        return sample_fields(open_sources(settings).metadata, progress=progress)

    return answers().ask(("fields", settings), call)


def ask_values(path: str, fields: FieldCatalogue, search: str = "") -> Work[FieldValues]:
    """The values of one field, with counts; only those that contain `search`."""
    settings = current_settings()

    def call(progress: Progress) -> FieldValues:
        return count_values(open_sources(settings).metadata, path, fields, search=search)

    return answers().ask(("values", settings, path, search), call)


def ask_date_layouts(path: str) -> Work[tuple[str, ...] | None]:
    """The layouts in which a field writes its dates; see `date_layouts`."""
    settings = current_settings()

    def call(progress: Progress) -> tuple[str, ...] | None:
        return date_layouts(open_sources(settings).metadata, path)

    return answers().ask(("date layouts", settings, path), call)


def ask_not_compared(path: str, layouts: tuple[str, ...], within: str = "") -> Work[NotCompared]:
    """The records whose date a condition in these layouts does not compare."""
    settings = current_settings()

    def call(progress: Progress) -> NotCompared:
        return not_compared(open_sources(settings).metadata, path, layouts, within=within)

    return answers().ask(("not compared", settings, path, layouts, within), call)


def ask_facet(
    rest: Filter,
    fields: FieldCatalogue,
    facet: Facet,
    chosen: tuple[JsonValue, ...],
    search: str = "",
) -> Work[FacetCounts]:
    """The counts of one facet in the records that match `rest`."""
    settings = current_settings()

    def call(progress: Progress) -> FacetCounts:
        source = open_sources(settings).metadata
        return count_facet(source, fields, rest, facet, chosen, search=search)

    return answers().ask(("facet", settings, facet.paths, search, json.dumps(rest)), call)


def ask_count(query: Filter) -> Work[int]:
    """How many records match a filter."""
    settings = current_settings()

    def call(progress: Progress) -> int:
        return open_sources(settings).metadata.count(query)

    return answers().ask(("count", settings, json.dumps(query)), call)


def ask_unread(rest: Filter, fields: FieldCatalogue, facet: FacetCounts) -> Work[NotCompared]:
    """The records matching `rest` that no value of a facet counts."""
    settings = current_settings()

    def call(progress: Progress) -> NotCompared:
        return unread_records(open_sources(settings).metadata, fields, rest, facet)

    key = ("unread", settings, facet.facet.name, facet.unread, json.dumps(rest))
    return answers().ask(key, call)


def ask_advice(query: Filter | Pipeline, fields: FieldCatalogue) -> Work[tuple[Advice, ...]]:
    """Advice on a query."""
    settings = current_settings()

    def call(progress: Progress) -> tuple[Advice, ...]:
        return advise(open_sources(settings).metadata, query, fields, progress)

    return answers().ask(("advice", settings, json.dumps(query)), call)


def ask_translations(query: Filter) -> Work[tuple[Translation, ...]]:
    """A query in the spelling of either schema, with counts."""
    settings = current_settings()

    def call(progress: Progress) -> tuple[Translation, ...]:
        return translate(open_sources(settings).metadata, query)

    return answers().ask(("translations", settings, json.dumps(query)), call)
