"""Clients and caches: the one place that holds them, always bounded and keyed by source."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dispatch_core.cluster import DaskCluster
from dispatch_core.connect import (
    SourceSettings,
    open_cluster,
    open_metadata_source,
    open_object_lister,
    settings_from,
)
from dispatch_core.errors import Issue, NothingFound
from dispatch_core.links import read_links
from dispatch_core.shared_answers import SharedAnswers
from dispatch_core.sources import MetadataSource, ObjectLister
from dispatch_core.types import Record
from pages.shared.kept_sessions import KeptSessions

KEPT_SECONDS = 8 * 3600
"""How long a session is kept after it was last shown."""


@dataclass(frozen=True)
class Sources:
    """Both ends of a dispatch, and where files are located, opened once for all sessions."""

    metadata: MetadataSource
    objects: ObjectLister
    cluster: DaskCluster | None = None


def current_settings() -> SourceSettings:
    """Where this server reads from: its environment, the same for everybody."""
    return settings_from(os.environ)


def output_root() -> Path:
    """The folder below which the app may write; people choose only a name in it."""
    return Path(os.environ.get("DISPATCH_OUTPUT_ROOT") or "dispatches").resolve()


@st.cache_resource(max_entries=4, show_spinner="Opening the catalogue")
def open_sources(settings: SourceSettings) -> Sources:
    """The sources of `settings`; nothing is asked of a remote one yet.

    Sessions that ask the same at the same time share one answer.
    """
    records = SharedAnswers(open_metadata_source(settings))
    return Sources(records, open_object_lister(settings), open_cluster(settings))


@st.cache_resource(max_entries=1)
def executor() -> Executor:
    """Where work that lasts runs, for all sessions."""
    return ThreadPoolExecutor(max_workers=4, thread_name_prefix="dispatch")


@st.cache_data(max_entries=16, ttl=300, show_spinner=False)
def count_of_collection(settings: SourceSettings) -> int:
    """How many records the collection holds."""
    return open_sources(settings).metadata.count({})


@st.cache_data(max_entries=32, ttl=300, show_spinner="Reading the record")
def record_of(settings: SourceSettings, record_id: str) -> Record:
    """The whole record of an asset; raises `NothingFound` where it is gone."""
    source = open_sources(settings).metadata
    records = source.find_page({"_id": record_id}, {}, 1)
    if not records:
        raise NothingFound(Issue("the record is no longer there", source.label, "Find again"))
    return records[0]


def asset_links() -> dict[str, str]:
    """Address templates of the links out; in the demo they are shown and lead nowhere."""
    return read_links(os.environ.get("DISPATCH_LINKS", ""))


@st.cache_resource(max_entries=1)
def kept_sessions() -> KeptSessions[Any]:
    """The sessions of all tabs; each is reached only with the id that its browser keeps."""
    return KeptSessions(is_connected, most=200, seconds=KEPT_SECONDS, rows=1_000_000)


def current_connection() -> str:
    """Streamlit's own id of the connection that this run is for."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def is_connected(connection: str) -> bool:
    """Whether a browser is at the other end of it now."""
    return Runtime.exists() and Runtime.instance().is_active_session(connection)
