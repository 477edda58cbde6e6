"""The steps of a session: the results for its current request, and the work under way.

A page calls `now` after its inputs are drawn, and passes the steps on. The slow steps run
outside the script thread; each `Work` has the key of its input, so that a result of
another input is never shown as current.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import TypeVar

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.earlier.before import stamp_of
from dispatch_core.equation import AssetAccount
from dispatch_core.errors import InvalidInput
from dispatch_core.find import FoundAssets
from dispatch_core.locate import AssetFiles, Located
from dispatch_core.output.deliver import Delivery
from dispatch_core.steps import Steps
from dispatch_core.types import Progress
from dispatch_core.views.columns import read_columns
from pages.shared.state.inputs import ASSET_INPUTS
from pages.shared.state.memo import Same
from pages.shared.state.services import (
    current_settings,
    executor,
    is_checked,
    open_sources,
    output_root,
    results_for,
    writing_executor,
)
from pages.shared.state.session import Session
from pages.shared.state.typed import EVERYTHING_QUERY, QUERY
from pages.shared.state.work import Work, result_of, start_work

T = TypeVar("T")

PLANNED_AT_ONCE = 5_000
"""Up to this many jobs are planned within a run of a page; more are planned in the background."""

MOST_ARRIVED = 1_000
"""The most assets that are shown before all files are listed."""

MOST_KEPT = 100_000
"""The most files of an earlier listing that are kept while other files are listed."""

_EXTENSION = "file extension"


def now(session: Session) -> Steps:
    """The steps of the current request, without those that an invalid input blocks.

    A plan with few jobs is made at once; a large one is made in the background, and is
    None until it is ready.
    """
    steps, errors = _with_results(session), session.inputs.errors
    if not errors.keys().isdisjoint(ASSET_INPUTS):
        return steps.without_found()
    if _EXTENSION in errors:
        return steps.without_located()
    if errors:
        return steps.without_plan()
    return _with_plan(session, steps)


def _requested(session: Session) -> Steps:
    """The kept steps, updated to the current request."""
    return _kept(session, session.work.steps.with_request(session.request))


def _with_results(session: Session) -> Steps:
    """The kept steps, with the results of the works on the same input."""
    steps = _requested(session)
    found = _result_for(session.work.found, _find_key(steps))
    if found is not None:
        steps = steps.with_found(found)
        if session.work.last_found is not None:
            session.keep_work(last_found=None)
    listed = _result_for(session.work.listed, _locate_key(steps))
    if listed is not None:
        steps = steps.with_listed(listed)
        if session.work.last_listed is not None or session.work.files_let_go:
            session.keep_work(last_listed=None, files_let_go=0)
    return _kept(session, steps)


def _result_for(work: Work[T] | None, key: Hashable) -> T | None:
    return work.result if work is not None and work.key == key else None


def _with_plan(session: Session, steps: Steps) -> Steps:
    if steps.plan is not None or steps.located is None or steps.error is not None:
        return steps
    label = open_sources(current_settings()).objects.label
    needs_check = steps.processed is None and is_checked(steps.request)
    is_slow = needs_check or steps.needs_before
    if not is_slow and _most_jobs(session, steps) <= PLANNED_AT_ONCE:
        with suppress(InvalidInput):  # over a limit: the work has the error, and a page shows it
            plan = steps.assemble(label)
            session.keep_work(plan=None)
            return _kept(session, steps.with_plan(plan))
    planned = _planned_apart(session, steps, label, needs_check)
    return steps if planned is None else _kept(session, planned)


def _most_jobs(session: Session, steps: Steps) -> int:
    """The number of jobs before any is excluded; fewer if assets are grouped."""
    assert steps.located is not None
    inputs = len(steps.located.located)
    if steps.request.is_split:
        inputs = sum(1 if one.files is None else len(one.files) for one in steps.located.located)
    return inputs * (set_count(session, steps) or 1)


def _planned_apart(session: Session, steps: Steps, label: str, needs_check: bool) -> Steps | None:
    work = session.work.plan
    if work is None or work.key is not steps:
        if work is not None:
            work.cancel()
        work = start_work(
            executor(), steps, lambda progress: _planned(steps, label, needs_check, progress)
        )
        session.keep_work(plan=work)
        work.wait(0.3)
    return work.result


def _planned(steps: Steps, label: str, needs_check: bool, progress: Progress) -> Steps:
    """The steps with their plan; first earlier dispatches and processed jobs, if asked for."""
    if steps.needs_before:
        steps = steps.with_before(steps.read_before(root=output_root(), progress=progress))
    if needs_check:
        results = results_for(steps.request)
        steps = steps.with_built(steps.built or steps.build(progress))
        steps = steps.with_processed(steps.check(results, progress))
    return steps.with_plan(steps.assemble(label, progress))


def plan_again(session: Session) -> None:
    """Forget a plan that failed, so that the next run makes it."""
    session.keep_work(plan=None)


def _kept(session: Session, steps: Steps) -> Steps:
    if steps is not session.work.steps:
        session.keep_work(steps=steps)
    return steps


def _find_key(steps: Steps) -> Hashable:
    return (current_settings(), steps.find_key)


def _locate_key(steps: Steps) -> Hashable:
    return (current_settings(), steps.locate_key)


def asset_account(session: Session, steps: Steps) -> AssetAccount | None:
    """The account of the assets, from which every page says how many; None before they are found.

    It is counted once for each result.
    """
    made = (steps.found, steps.grouped, steps.located, steps.chosen)
    return session.memo.remember("asset account", tuple(map(Same, made)), lambda: steps.account)


def set_count(session: Session, steps: Steps) -> int | None:
    """How many parameter sets there are, 1 without parameters; None while they are invalid."""
    sets = steps.parts.parameter_sets
    is_blocked = not session.inputs.errors.keys().isdisjoint(("parameters", "schema"))
    if is_blocked or isinstance(sets, InvalidInput):
        return None
    return 1 if steps.request.parameters is None else len(sets.sets)


def current_find(session: Session) -> Work[FoundAssets] | None:
    """The work on the assets of the current request."""
    work = session.work.found
    if work is None or work.key != _find_key(_requested(session)):
        return None
    return work if session.inputs.errors.keys().isdisjoint(ASSET_INPUTS) else None


def current_locate(session: Session) -> Work[Located] | None:
    """The work on the files of the current request."""
    work = session.work.listed
    if work is None or work.key != _locate_key(_requested(session)):
        return None
    return work if session.inputs.errors.keys().isdisjoint({*ASSET_INPUTS, _EXTENSION}) else None


def current_planning(session: Session) -> Work[Steps] | None:
    """The work on a plan that is under way or failed: a large one, or one with a check."""
    work = session.work.plan
    return work if work is not None and (not work.is_done or work.error) else None


def found_before(session: Session, steps: Steps) -> FoundAssets | None:
    """The assets found last, if they are out of date."""
    if steps.found is not None:
        return None
    return result_of(session.work.found) or session.work.last_found


def located_before(session: Session, steps: Steps) -> Located | None:
    """The files located last, if they are out of date."""
    if steps.located is not None:
        return None
    return result_of(session.work.listed) or session.work.last_listed


def is_selected(session: Session) -> bool:
    """Whether assets are chosen: by a list, or by a query with a condition or confirmed without."""
    request = session.request
    if request.query is None:
        return request.asset_rows is not None
    return bool(request.query) or session.views.means_all


def is_selection_typed(session: Session) -> bool:
    """Whether assets are chosen, or will be as soon as the page Assets reads its query."""
    typed, request = session.typed, session.request
    is_unread = typed.source == QUERY and request.query is None and request.asset_rows is None
    is_condition = typed.query_text.strip() not in ("", EVERYTHING_QUERY)
    return is_selected(session) or (is_unread and is_condition)


def start_find(session: Session) -> None:
    """Start the search for assets, unless it is done or running."""
    steps = _requested(session)
    key, work = _find_key(steps), session.work.found
    if work is not None and work.key == key and not (work.is_done and work.error):
        return
    source = open_sources(current_settings()).metadata
    session.keep_work(
        last_found=result_of(work) or session.work.last_found,
        found=start_work(executor(), key, lambda progress: steps.find(source, progress)),
    )


def find_again(session: Session) -> None:
    """Find the assets as they are now, also if the request was found before."""
    last = result_of(session.work.found) or session.work.last_found
    session.keep_work(found=None, last_found=last, steps=session.work.steps.without_found())
    start_find(session)


def read_before_again(session: Session) -> None:
    """Forget the earlier dispatches if there are others now; the next plan reads them."""
    steps = session.work.steps
    if steps.before is not None and steps.before.stamp != stamp_of(steps.request.not_in):
        session.keep_work(steps=steps.without_before())


def start_locate(session: Session) -> None:
    """Start the listing of files of the grouped assets, unless it is done or running."""
    steps = now(session)
    key, work = _locate_key(steps), session.work.listed
    if steps.grouped is None or steps.located is not None:
        return
    if work is not None and work.key == key and not work.is_done:
        return
    arrived = list[AssetFiles]()
    last = result_of(work)
    if last is not None:
        _keep_for_now(session, last)
    session.keep_work(
        arrived=arrived,
        listed=start_work(executor(), key, _listing(steps, arrived)),
    )


def _keep_for_now(session: Session, last: Located) -> None:
    """Keep what was located last until the next listing ends, if it is not very large.

    Else it is let go before that begins, as rows of tables and as a plan, too: 870,000 files
    and their jobs take 500 MB.
    """
    files = sum(len(one.files or ()) for one in last.located)
    if files <= MOST_KEPT:
        session.keep_work(last_listed=last, files_let_go=0)
        return
    session.keep_work(last_listed=None, files_let_go=files)
    session.memo.clear()
    plan_again(session)  # the work on the plan has the jobs of these files


def _listing(steps: Steps, arrived: list[AssetFiles]) -> Callable[[Progress], Located]:
    sources = open_sources(current_settings())

    def keep(results: Sequence[AssetFiles]) -> None:
        arrived.extend(results[: MOST_ARRIVED - len(arrived)])

    return lambda progress: steps.list_files(sources.objects, progress, sources.cluster, keep)


def start_columns(session: Session, found: FoundAssets, paths: frozenset[str]) -> None:
    """Start to read these paths of the found assets, unless that is done or running."""
    key, work = (Same(found), paths), session.work.columns
    if work is not None and work.key == key:
        return
    source = open_sources(current_settings()).metadata
    ids = [asset.record_id for asset in found.assets]
    session.keep_work(
        columns=start_work(
            executor(), key, lambda progress: read_columns(source, ids, paths, progress)
        )
    )


def start_write(
    session: Session, key: Hashable, write: Callable[[Progress], Delivery]
) -> Work[Delivery]:
    """The write in the background; a second click with the same key joins the first."""
    work = session.work.write
    if work is None or work.key != key or work.is_done:
        work = start_work(writing_executor(), key, write)
        session.keep_work(write=work)
    return work


def see_plan(session: Session, plan: DispatchPlan) -> None:
    """Note that this plan was shown: only a plan that was seen is written."""
    session.keep_view(seen=(plan.fingerprint, plan.equation.short, plan.equation.jobs))
