"""The state of one browser session, as one typed object.

This is the only file that touches `st.session_state`. What a person typed is kept
as typed, also where it does not parse; results are kept with the input that made
them, and one that was made of another input is not shown as current.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import streamlit as st

from dispatch_core.asset_list import AssetRow
from dispatch_core.builder.query_form import QueryForm
from dispatch_core.dispatch import (
    DispatchPlan,
    assemble_plan,
    group_step,
    grouping_rules,
    locate_step,
    narrow_located,
    needed_fields,
)
from dispatch_core.errors import InvalidInput
from dispatch_core.find import FoundAssets, exclude_by_hand, find_assets
from dispatch_core.grouping import Grouped
from dispatch_core.insight.explain import Explanation
from dispatch_core.insight.why_not import WhyNot
from dispatch_core.locate import AssetFiles, Located
from dispatch_core.output.deliver import Delivery
from dispatch_core.parameter_sets.document import build_parameter_sets
from dispatch_core.parameter_sets.field_text import TableRow
from dispatch_core.parameter_sets.sweep import SweepMode
from dispatch_core.request import CheckedRequest, DispatchRequest, check_request, edit_request
from dispatch_core.text.strict_json import readable_json
from dispatch_core.types import Filter, JsonPath, Pipeline, Progress
from dispatch_core.views.columns import STANDARD, STANDARD_PATHS, read_columns
from dispatch_core.views.table import Cell, TableView
from pages.shared.state.browser_tab import ask_for_ids, keep_id, may_have_ids
from pages.shared.state.kept_sessions import KeptSessions
from pages.shared.state.services import (
    KEPT_SECONDS,
    current_connection,
    current_settings,
    executor,
    kept_sessions,
    open_sources,
    writing_executor,
)
from pages.shared.state.sign_in import current_user
from pages.shared.state.work import Work, start_work

EXAMPLE_QUERY = """{
  "data_description.project_name": "Thalamic Ephys Survey",
  "data_description.data_level": "derived"
}"""


QUERY, LIST = "Query", "List of ids"
"""The two ways to choose assets."""

DEFAULT_COLUMNS = tuple(column.title for column in STANDARD)
"""The columns of the asset table beside the name, to begin with."""

FORM, JSON = "Form", "JSON"
"""The two ways to see a query."""

ASSET_INPUTS = frozenset(("query", "list of ids", "grouping"))
"""The inputs that found assets depend on; the others are files' and parameters'."""

PLANNED_AT_ONCE = 5_000
"""Up to so many jobs are planned within a run of a page; more are planned beside it."""

MOST_ARRIVED = 1_000
"""So many assets are kept as they come, to be shown before all are listed."""

T = TypeVar("T")

Draft = tuple[JsonPath, tuple[str, ...]]
"""A field of the parameters' form: where its set is, and its path in that set."""

SETTLE_SECONDS = 0.35
"""Longer than the 200 ms after which the editor sends what was typed."""


@dataclass
class Session:
    """Texts as typed, the request as far as it is valid, and the work on it."""

    owner: str = ""
    source: str = QUERY
    query_text: str = EXAMPLE_QUERY
    list_text: str = ""
    list_name: str = ""
    list_rows: tuple[AssetRow, ...] = ()
    extension_text: str = ""
    parameters_text: str = ""
    schema_text: str = ""
    page: str = ""
    notice: str = ""
    epoch: int = 0
    query_view: str = FORM
    query_form: QueryForm | None = None
    form_text: str = ""
    conversion: tuple[str, ...] = ()
    converted_text: str = ""
    asked: dict[str, tuple[float, Any]] = field(default_factory=dict)
    parameter_view: str = "Form"
    parameters_before: str | None = None
    chosen_set: int = 0
    drafts: dict[Draft, str] = field(default_factory=dict)
    table_rows: dict[str, list[TableRow]] = field(default_factory=dict)
    sweep_rows: tuple[tuple[str, str], ...] = (("", ""), ("", ""))
    sweep_mode: SweepMode = "product"
    deferred: tuple[float, Callable[..., None], tuple[Any, ...]] | None = None
    target_name: str = "my-dispatch"
    input_errors: dict[str, InvalidInput] = field(default_factory=dict)
    request: DispatchRequest = field(default_factory=DispatchRequest)
    revision: int = 0
    found_work: Work[FoundAssets] | None = None
    located_work: Work[Located] | None = None
    arrived: list[AssetFiles] = field(default_factory=list)
    plan_work: Work[DispatchPlan] | None = None
    write_work: Work[Delivery] | None = None
    explain_work: Work[Explanation] | None = None
    why_work: Work[tuple[WhyNot, ...]] | None = None
    why_text: str = ""
    last_found: FoundAssets | None = None
    last_located: Located | None = None
    views: dict[str, TableView] = field(default_factory=dict)
    columns: tuple[str, ...] = DEFAULT_COLUMNS
    column_work: Work[dict[str, dict[str, Cell]]] | None = None
    asset_view: str = "Table"
    file_view: str = "Table"
    job_view: str = "jobs"
    seen: tuple[str, str] | None = None
    memo: dict[str, tuple[Hashable, Any]] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """About how many rows it holds: list rows, assets, files and jobs."""
        found, located = _result(self.found_work), _result(self.located_work)
        planned = _result(self.plan_work) or self.memo.get("plan", (None, None))[1]
        return (
            len(self.list_rows)
            + sum(len(one.assets) for one in (found, self.last_found) if one)
            + sum(len(one.located) for one in (located, self.last_located) if one)
            + (len(planned.jobs) if planned else 0)
        )

    def drop_results(self) -> None:
        """Forget what can be looked for again; what was typed, and a write, stay."""
        self.found_work = self.located_work = self.column_work = self.plan_work = None
        self.last_found = self.last_located = None
        self.arrived = []
        self.explain_work = self.why_work = None
        self.memo.clear()


def _result(work: Work[T] | None) -> T | None:
    return work.result if work is not None else None


_SESSION, _ID = "dispatch", "dispatch-id"


def begin_session() -> Session:
    """The session of this browser tab, the kept one after a reload; notes that it is shown.

    Ends the run while a browser that was here before is asked for its ids.
    """
    store: KeptSessions[Session] = kept_sessions()
    connection = current_connection()
    if _SESSION not in st.session_state:
        if may_have_ids() and not _is_asked_for_a_fresh_one():
            _resume(store, connection)
        else:
            _start(Session(owner=current_user()), store, connection)
    name = st.session_state[_ID]
    store.show(name, connection)
    keep_id(name, KEPT_SECONDS)
    return open_session()


def _is_asked_for_a_fresh_one() -> bool:
    """Whether a person gave up waiting; the button is shown by the style sheet, late."""
    return st.button("Opening what you had here. Start afresh instead", key="start-afresh")


def _resume(store: KeptSessions[Session], connection: str) -> None:
    ids = ask_for_ids()
    if ids is None:
        st.stop()
    user = current_user()
    resumed = store.resume(
        ids.own, ids.recent, connection, duplicate, lambda session: session.owner == user
    )
    if resumed is None:
        _start(Session(owner=user), store, connection)
    else:
        st.session_state[_ID], session = resumed
        st.session_state[_SESSION] = session
        reload_editors(session)
    st.rerun()


def _start(session: Session, store: KeptSessions[Session], connection: str) -> None:
    st.session_state[_SESSION] = session
    st.session_state[_ID] = store.add(session, connection)


def start_over() -> None:
    """Forget everything typed and found in this tab; what is being written goes on."""
    store: KeptSessions[Session] = kept_sessions()
    store.forget(st.session_state[_ID])
    epoch = open_session().epoch
    _start(Session(owner=current_user(), epoch=epoch + 1), store, current_connection())


def duplicate(session: Session) -> Session:
    """A copy that is edited apart from `session`; results and work are shared."""
    twin = copy.copy(session)
    for one in fields(session):
        value = getattr(session, one.name)
        if isinstance(value, dict | list):
            setattr(twin, one.name, copy.copy(value))
    return twin


def open_session() -> Session:
    """The session of this browser tab, as the frame began it."""
    session: Session = st.session_state[_SESSION]
    return session


def enter_page(session: Session, page: str) -> None:
    """Note the page; editors start afresh, from the kept text, on each visit."""
    if session.page != page:
        session.page = page
        reload_editors(session)


def reload_editors(session: Session) -> None:
    """Give editors a new key: the only way to make one show a text that it was not typed into."""
    session.epoch += 1
    session.table_rows.clear()


def first_value(key: str, value: str) -> str:
    """What a text input with this key starts with; "" in the run in which `put_widget` set it.

    Streamlit objects to a default beside a value that was set. In every other run the default
    is needed: a browser that was not sent an earlier run, because a click cut that run short,
    takes the widget's value from it, and sends it back as if it had been typed.
    """
    return "" if st.session_state.pop(f"{key}-put", False) else value


def put_widget(key: str, value: Any) -> None:
    """Set what a widget shows, from the callback of another one."""
    st.session_state[key] = value
    st.session_state[f"{key}-put"] = True


def take_query(session: Session, query: Filter | Pipeline) -> None:
    """Make `query` the one query, as if it had been typed."""
    put_query_text(session, readable_json(query))
    edit(session, query=query, asset_rows=None)


def widget_value(key: str) -> Any:
    """What a widget shows now, for its own callback."""
    return st.session_state.get(key)


def put_query_text(session: Session, text: str) -> None:
    """Make `text` the text of the query, as if it had been typed."""
    session.query_text = text
    reload_editors(session)


def edit(session: Session, **changes: Any) -> None:
    """Change the request; raises `InvalidInput`, and then nothing is changed."""
    request = session.request
    changed = {
        name: value
        for name, value in changes.items()
        if not _is_same(getattr(request, name), value)
    }
    if changed:
        _take_over(session, edit_request(request, **changed))


def _take_over(session: Session, request: DispatchRequest) -> None:
    session.request = request
    session.revision += 1


def _is_same(one: Any, other: Any) -> bool:
    """Equality that tells true from 1 and one order of keys from another, as MongoDB does."""
    if isinstance(one, dict | list) and isinstance(other, dict | list):
        return json.dumps(one) == json.dumps(other)
    return bool(one == other)


def _check(session: Session) -> CheckedRequest | InvalidInput:
    def make() -> CheckedRequest | InvalidInput:
        try:
            return check_request(session.request)
        except InvalidInput as error:
            return error

    return remembered(session, "checked", session.revision, make)


def refusal(session: Session) -> InvalidInput | None:
    """What is wrong with the request as a whole, or None."""
    result = _check(session)
    return result if isinstance(result, InvalidInput) else None


def set_count(session: Session) -> int | None:
    """How many parameter sets there are, 1 without parameters; None while they do not hold."""
    if not session.input_errors.keys().isdisjoint(("parameters", "schema")):
        return None
    document = session.request.parameters
    if document is None:
        return 1
    return remembered(
        session, "set count", session.revision, lambda: len(build_parameter_sets(document).sets)
    )


def refuse_input(session: Session, name: str, error: InvalidInput) -> None:
    """Block the request with `error` of the input `name`; what was typed stays."""
    session.input_errors[name] = error


def accept_input(session: Session, name: str) -> None:
    """The input `name` is well formed."""
    session.input_errors.pop(name, None)
    if name in ("query", "list of ids"):  # only the one that is chosen counts
        session.input_errors.pop("query", None)
        session.input_errors.pop("list of ids", None)


def load(session: Session, request: DispatchRequest) -> None:
    """Take over a saved request; raises `InvalidInput` where it does not hold."""
    check_request(request)
    _take_over(session, request)
    session.input_errors.clear()
    session.source = QUERY if request.asset_rows is None else LIST
    if request.query is not None:
        session.query_text = json.dumps(request.query, indent=2, ensure_ascii=False)
    if request.asset_rows is not None:
        keep_list(session, "saved request", request.asset_rows)
    session.extension_text = request.file_extension
    session.parameters_text = _as_text(request.parameters)
    session.drafts.clear()
    session.schema_text = _as_text(request.parameters_schema)
    reload_editors(session)


def keep_list(session: Session, name: str, rows: tuple[AssetRow, ...]) -> None:
    """Keep the rows of a file, which an upload widget forgets when its page is left."""
    session.list_name, session.list_rows = name, rows
    reload_editors(session)


def forget_list(session: Session) -> None:
    """Make room for another list."""
    keep_list(session, "", ())


def _as_text(value: Any) -> str:
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)


# Found, grouped, located, planned: each with the input that made it


def find_key(session: Session) -> Hashable:
    """What the found assets depend on; as text, because 1 and true are not one filter."""

    def make() -> Hashable:
        request = session.request
        fields = tuple(sorted(set(needed_fields(request)) - set(STANDARD_PATHS)))
        query = request.model_dump_json(include={"query"})
        return (current_settings(), query, request.asset_rows, fields)

    return remembered(session, "find key", session.revision, make)


def _without_parameters(session: Session) -> CheckedRequest:
    """Assets are found and files located also while the parameters are being corrected."""
    return check_request(edit_request(session.request, parameters=None, parameters_schema=None))


def start_find(session: Session) -> None:
    """Look for the assets of the request, unless that is already under way."""
    key = find_key(session)
    work = session.found_work
    if work is not None and work.key == key and not (work.is_done and work.error):
        return
    source = open_sources(current_settings()).metadata
    checked_request = _without_parameters(session)
    request = checked_request.request
    session.last_found = _result(work) or session.last_found
    session.found_work = start_work(
        executor(),
        key,
        lambda progress: find_assets(
            source,
            checked_request.query,
            request.asset_rows,
            fields=(*needed_fields(request), *STANDARD_PATHS),
            progress=progress,
        ),
    )


def start_columns(session: Session, record_ids: Sequence[str], paths: frozenset[str]) -> None:
    """Read these paths of the found assets, unless that is already under way."""
    key = (find_key(session), paths)
    work = session.column_work
    if work is not None and work.key == key:
        return
    source = open_sources(current_settings()).metadata
    session.column_work = start_work(
        executor(), key, lambda progress: read_columns(source, record_ids, paths, progress)
    )


def ask(session: Session, what: str, value: Any = None) -> None:
    """Note that something was pressed; as a callback, which nothing can interrupt."""
    session.asked[what] = time.monotonic(), value


def settled(session: Session) -> dict[str, Any]:
    """What was asked for, once the editor has sent what was typed before it.

    Until then the run ends here and starts again: a button that acts at once would act
    on the text before, and an editor that goes at once would take the text with it.
    What is asked for stays until `answered`, so it has to be safe to do twice.
    """
    if session.asked and session.source == QUERY and session.query_view == JSON:
        waited = time.monotonic() - max(since for since, _ in session.asked.values())
        if waited < SETTLE_SECONDS:
            time.sleep(SETTLE_SECONDS - waited)
            st.rerun()
    return {what: value for what, (_, value) in session.asked.items()}


def answered(session: Session, *what: str) -> None:
    """This is done; what else was asked for is not yet."""
    for one in what:
        session.asked.pop(one, None)


def act(session: Session, is_settled: bool, action: Callable[..., None], *arguments: Any) -> None:
    """Do `action` of a button; beside an editor, once that has sent what was typed before."""
    if is_settled:
        action(session, *arguments)
    else:
        session.deferred = (time.monotonic(), action, arguments)


def act_when_settled(session: Session) -> None:
    """Do what a button beside an editor asked for, on the text as it was at the click."""
    if session.deferred is None:
        return
    asked, action, arguments = session.deferred
    waited = time.monotonic() - asked
    if waited < SETTLE_SECONDS:
        time.sleep(SETTLE_SECONDS - waited)
        st.rerun()
    session.deferred = None
    action(session, *arguments)
    st.rerun()


def current_find(session: Session) -> Work[FoundAssets] | None:
    """The work on the assets of the request as it is now."""
    work = session.found_work
    if work is None or work.key != find_key(session):
        return None
    return work if session.input_errors.keys().isdisjoint(ASSET_INPUTS) else None


def current_locate(session: Session) -> Work[Located] | None:
    """The work on the files of the request as it is now."""
    work = session.located_work
    if work is None or work.key != locate_key(session) or "file extension" in session.input_errors:
        return None
    return work if current_find(session) else None


def see_plan(session: Session, plan: DispatchPlan) -> None:
    """Note that this plan was on the screen: only a plan that was seen is written."""
    session.seen = (plan.fingerprint, str(plan.equation))


def press_write(session: Session, write: Callable[[str], None]) -> None:
    """Call `write` with the name of the folder as it is typed now.

    The callback of a button: unlike the script, which the next click ends in the middle,
    nothing interrupts it, so a press is never lost.
    """
    session.target_name = str(st.session_state.get("target", session.target_name))
    write(session.target_name)


def start_write(
    session: Session, key: Hashable, write: Callable[[Progress], Delivery]
) -> Work[Delivery]:
    """Write in the background; a second click on the same plan and place joins the first."""
    work = session.write_work
    if work is None or work.key != key or work.is_done:
        session.write_work = work = start_work(writing_executor(), key, write)
    return work


def found(session: Session) -> FoundAssets | None:
    """The assets of the request as it is now, without those taken out; None if not asked."""
    work = current_find(session)
    if work is None or work.result is None:
        return None
    result, excluded = work.result, session.request.excluded
    return remembered(
        session, "found", (work.key, excluded), lambda: exclude_by_hand(result, excluded)
    )


def found_before(session: Session) -> FoundAssets | None:
    """The assets found last, where they are not those of the request as it is now."""
    if found(session) is not None:
        return None
    return _result(session.found_work) or session.last_found


def located_before(session: Session) -> Located | None:
    """The files located last, where they are not those of the request as it is now."""
    if located(session) is not None:
        return None
    return _result(session.located_work) or session.last_located


def grouped(session: Session) -> Grouped | None:
    """The groups of the found assets."""
    assets = found(session)
    if assets is None:
        return None
    request = session.request
    key = (find_key(session), request.excluded, grouping_rules(request), request.trial)
    return remembered(session, "grouped", key, lambda: group_step(request, assets))


def locate_key(session: Session) -> Hashable:
    """What the files of an asset depend on; which assets are in is a choice among them."""
    request = session.request
    return (find_key(session), request.file_extension, request.nested_stores)


def start_locate(session: Session) -> None:
    """List the files of the grouped assets, unless that is done or under way."""
    groups = grouped(session)
    key = locate_key(session)
    work = session.located_work
    if groups is None or located(session) is not None:
        return
    if work is not None and work.key == key and not work.is_done:
        return
    request = _without_parameters(session)
    sources = open_sources(current_settings())
    session.last_located = _result(work) or session.last_located
    session.arrived = arrived = list[AssetFiles]()

    def keep(answers: Sequence[AssetFiles]) -> None:
        arrived.extend(answers[: MOST_ARRIVED - len(arrived)])

    session.located_work = start_work(
        executor(),
        key,
        lambda progress: locate_step(
            request, groups, sources.objects, progress, sources.cluster, found=keep
        ),
    )


def located(session: Session) -> Located | None:
    """The files of the request as it is now; without an extension there is nothing to list."""
    groups = grouped(session)
    if groups is None:
        return None
    if session.request.file_extension or "file extension" in session.input_errors:
        work = current_locate(session)
        listed = work.result if work is not None else None
        if listed is None:
            return None
        return remembered_of(
            session, "located", groups, work, lambda: narrow_located(listed, groups)
        )
    return remembered_of(
        session,
        "located",
        groups,
        locate_key(session),
        lambda: locate_step(
            _without_parameters(session), groups, open_sources(current_settings()).objects
        ),
    )


def plan(session: Session) -> DispatchPlan | None:
    """The plan of the request as it is now, or None while a step of it is missing.

    A large one is made in the background, and is None until it is there.
    """
    request, assets = _check(session), found(session)
    groups, files = grouped(session), located(session)
    if session.input_errors or isinstance(request, InvalidInput):
        return None
    if assets is None or groups is None or files is None:
        return None
    label = open_sources(current_settings()).objects.label
    key = (session.revision, _Same(files))

    def make() -> DispatchPlan:
        return assemble_plan(request, assets, groups, files, label)

    sets = len(request.parameter_sets.sets) or 1
    if len(files.located) * sets <= PLANNED_AT_ONCE:
        session.plan_work = None
        return remembered(session, "plan", key, make)
    return _planned_apart(session, key, make)


def _planned_apart(
    session: Session, key: Hashable, make: Callable[[], DispatchPlan]
) -> DispatchPlan | None:
    work = session.plan_work
    if work is None or work.key != key:
        session.plan_work = work = start_work(executor(), key, lambda progress: make())
        work.wait(0.3)
    return work.result


def current_planning(session: Session) -> Work[DispatchPlan] | None:
    """The work on a large plan that is under way or failed."""
    work = session.plan_work
    return work if work is not None and (not work.is_done or work.error) else None


def remembered(session: Session, name: str, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gave for `key`; one value for each `name` is kept."""
    if name not in session.memo or session.memo[name][0] != key:
        session.memo[name] = (key, make())
    value: T = session.memo[name][1]
    return value


class _Same:
    """Equal to another one only where both hold the very same object."""

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._held is self._held

    def __hash__(self) -> int:
        return id(self._held)


def remembered_of(
    session: Session, name: str, rows: object, key: Hashable, make: Callable[[], T]
) -> T:
    """What `make` gave for these very `rows` and `key`: comparing many rows would cost more."""
    return remembered(session, name, (_Same(rows), key), make)
