"""Jobs and parameter sets are counted before they are built, and the building can be stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.dispatch import plan_dispatch
from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.environment.limits import JOBS, LIMITS, PARAMETERS, SETS, SWEEP, Limit
from dispatch_core.errors import InvalidInput
from dispatch_core.jobs import MOST_JOB_ROWS, LocatedGroup, build_jobs
from dispatch_core.parameter_sets.document import merge_sets, parse_parameters
from dispatch_core.parameter_sets.edit import swept_sets
from dispatch_core.parameter_sets.sweep import SweptKey, read_values
from dispatch_core.request import edit_request, make_request
from dispatch_core.steps import begin_steps
from dispatch_core.types import FileEntry, LocatedAsset, Reason
from tests.fakes import Buckets, Records, asset, record
from tests.support.world import ROOT, clean_environment

SETS_20_000 = merge_sets({"distributed_parameters": [{"p": n} for n in range(20_000)]})
GROUPS_2_400 = [LocatedGroup((LocatedAsset(asset(f"a{n}")),)) for n in range(2_400)]


class Cancelled(Exception):
    """As the app's progress raises it."""


def sets(count: int) -> dict[str, Any]:
    return {"distributed_parameters": [{"p": n} for n in range(count)]}


def plan(assets: int, count: int, **fields: Any) -> DispatchPlan:
    source = Records([record(f"{number:05}") for number in range(assets)])
    request = make_request(query={}, parameters=sets(count), **fields)
    return plan_dispatch(request, source, Buckets())


@pytest.fixture
def peak() -> Iterator[list[int]]:
    """The most bytes that the test may take."""
    allowed = [30_000_000]
    tracemalloc.start()
    yield allowed
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < allowed[0], f"{taken:,} bytes"


@pytest.mark.usefixtures("peak")
def test_48_million_jobs_are_counted_and_none_is_built() -> None:
    def fail(step: str, done: int, total: int) -> None:
        raise AssertionError("a job is built")

    with pytest.raises(InvalidInput) as caught:
        build_jobs(GROUPS_2_400, SETS_20_000, split_files=True, progress=fail)

    (issue,) = caught.value.issues
    assert issue.what == (
        "2,400 inputs x 20,000 parameter sets would be 48,000,000 jobs, and the limit is 2,000,000"
    )
    assert "--max_number_of_tasks_dispatched" in issue.action
    assert "raise DISPATCH_MAX_JOBS" in issue.action


@pytest.mark.usefixtures("peak")
def test_the_cap_stops_the_building_of_48_million_jobs() -> None:
    calls: list[tuple[int, int]] = []

    def note(step: str, done: int, total: int) -> None:
        calls.append((done, total))

    built = build_jobs(GROUPS_2_400, SETS_20_000, split_files=True, cap=20_500, progress=note)

    assert len(built.jobs) == 20_500
    assert (built.inputs, built.assets, built.total) == (2_400, 2_400, 48_000_000)
    assert built.left == 48_000_000 - 20_500
    assert calls == [(done, 20_500) for done in range(0, 20_500, 1_000)]
    rows = built.exclusions
    assert len(rows) == 2_399  # every job of the first asset is built
    assert {row.reason for row in rows} == {Reason.OVER_THE_CAP}
    assert rows[0].message == "over the cap of 20,500 jobs: 19,500 of its 20,000 jobs"
    assert rows[1].message == "over the cap of 20,500 jobs: all its 20,000 jobs"
    assert [row.name for row in rows[:2]] == ["a1", "a2"]


def test_the_files_of_one_asset_are_counted_before_they_are_split() -> None:
    files = tuple(FileEntry(f"s3://data/a/{n}.nwb") for n in range(1_000))
    groups = [LocatedGroup((LocatedAsset(asset("a"), files), LocatedAsset(asset("b"), files)))]

    with pytest.raises(InvalidInput, match=r"2,000 inputs x 20,000 .* 40,000,000 jobs"):
        build_jobs(groups, SETS_20_000, split_files=True)
    built = build_jobs(groups, SETS_20_000, split_files=True, cap=10)
    assert [(row.name, row.message.partition(": ")[2]) for row in built.exclusions] == [
        ("a", "19,999,990 of its 20,000,000 jobs"),
        ("b", "all its 20,000,000 jobs"),
    ]
    assert build_jobs(groups, (), split_files=False).total == 1


def test_a_few_jobs_over_the_cap_have_a_row_each() -> None:
    built = build_jobs(GROUPS_2_400[:5], SETS_20_000[:100], split_files=True, cap=10)

    assert MOST_JOB_ROWS > 500
    assert (len(built.jobs), built.left, built.stop) == (500, 0, None)


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if ten jobs were many."""
    monkeypatch.setattr("dispatch_core.jobs.MOST_JOB_ROWS", 10)


@pytest.mark.usefixtures("few_rows")
def test_a_plan_that_stops_at_the_cap_has_the_jobs_and_the_equation_of_a_whole_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = plan(6, 5, max_number_of_tasks_dispatched=7)
    monkeypatch.setattr("dispatch_core.jobs.MOST_JOB_ROWS", 1_000)
    whole = plan(6, 5, max_number_of_tasks_dispatched=7)

    assert stopped.jobs == whole.jobs
    assert stopped.fingerprint == whole.fingerprint
    assert stopped.warnings == whole.warnings
    assert str(stopped.equation).split(";")[0] == str(whole.equation).split(";")[0]
    assert stopped.capped == whole.capped == 23
    names = {row.name for row in whole.exclusions}
    assert {row.name for row in stopped.exclusions} == names
    assert len(stopped.exclusions) == len(names)


@pytest.mark.usefixtures("few_rows")
def test_the_building_does_not_stop_where_another_rule_excludes_jobs_first() -> None:
    last = plan(6, 5).jobs[-1].name

    chosen = plan(6, 5, max_number_of_tasks_dispatched=1, only_jobs=(last,))

    assert [job.name for job in chosen.jobs] == [last]
    assert chosen.capped == 0


@pytest.mark.usefixtures("few_rows")
def test_another_cap_builds_again_only_if_the_building_stopped() -> None:
    source = Records([record(f"{number:05}") for number in range(6)])
    steps = begin_steps(make_request(query={}, parameters=sets(5)))
    steps = steps.with_found(steps.find(source))
    whole = steps.with_built(steps.build())

    def capped(most: int | None) -> Any:
        changed = edit_request(whole.request, max_number_of_tasks_dispatched=most)
        return whole.with_request(changed)

    assert capped(25).built is whole.built
    assert capped(5).built is None
    stopped = capped(5).with_built(capped(5).build())
    assert len(stopped.built.jobs) == 5
    assert stopped.with_request(edit_request(stopped.request, on_missing="fail")).built is not None
    assert stopped.with_request(
        edit_request(stopped.request, max_number_of_tasks_dispatched=None)
    ).built is None  # fmt: skip


@pytest.mark.parametrize("step", ["jobs", "plan"])
def test_planning_is_cancelled_within_a_thousand_jobs(step: str) -> None:
    done: list[int] = []

    def cancel(name: str, at: int, total: int) -> None:
        done.append(at)
        if name == step and at >= 2_000:
            raise Cancelled

    source = Records([record(f"{number:05}") for number in range(20)])
    request = make_request(query={}, parameters=sets(300))
    with pytest.raises(Cancelled):
        plan_dispatch(request, source, Buckets(), cancel)
    assert done[-1] == 2_000


def test_a_lower_limit_is_said_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "analysis_parameters.json").write_text(json.dumps(sets(20)))
    ran = command(tmp_path, environment={JOBS.variable: "1000"})

    out, error = ran.communicate(timeout=120)

    assert ran.returncode == 2, error
    assert "20 parameter sets would be" in error
    assert "the limit is 1,000" in error
    assert "Nothing" not in out


def test_ctrl_c_ends_the_planning_of_a_command(tmp_path: Path) -> None:
    """At the first job of millions, the program is interrupted as by Ctrl-C."""
    (tmp_path / "analysis_parameters.json").write_text(json.dumps(sets(20_000)))
    ran = command(tmp_path, environment={JOBS.variable: "100000000"}, begins="print('BUILDING')")
    assert ran.stdout is not None
    for line in ran.stdout:
        if line.startswith("BUILDING"):
            break

    ran.send_signal(signal.SIGINT)
    _, error = ran.communicate(timeout=60)

    assert ran.returncode == 130, error
    assert "interrupted; no partial output is left" in error


def command(
    folder: Path, environment: dict[str, str], begins: str = "pass"
) -> subprocess.Popen[str]:
    """The command line over the demo, which runs `begins` as it makes the first job."""
    program = f"""if True:
        import sys
        from dispatch_core import cli, jobs
        make = jobs.make_jobs
        def noted(*given):
            jobs.make_jobs = make
            {begins}
            sys.stdout.flush()
            yield from make(*given)
        jobs.make_jobs = noted
        sys.exit(cli.main(["--plan", "--docdb_query={{}}", "--input_directory={folder}"]))
    """
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=clean_environment() | environment,
    )


@pytest.mark.more
@pytest.mark.usefixtures("peak")
def test_fixed_parameters_are_counted_before_each_set_gets_a_copy() -> None:
    document = {
        "fixed_parameters": {f"key_{n}": n for n in range(20_000)},
        "distributed_parameters": [{"p": n} for n in range(5_000)],
    }

    with pytest.raises(InvalidInput) as caught:
        parse_parameters(json.dumps(document))

    (issue,) = caught.value.issues
    assert "5,000 sets with 20,000 fixed parameters each would take" in issue.what
    assert issue.what.endswith("the limit is 256 MB")
    assert SETS.variable in issue.action


@pytest.mark.usefixtures("peak")
def test_a_sweep_is_counted_before_its_sets_are_copied() -> None:
    text = json.dumps({"distributed_parameters": [{"kernel": "x" * 100_000}]})
    seeds = SweptKey(("seed",), tuple(range(1_000)))

    with pytest.raises(InvalidInput) as caught:
        swept_sets(text, [seeds], "product", [0])
    (issue,) = caught.value.issues
    assert issue.what.startswith("1,000 parameter sets would take 100.")
    assert issue.what.endswith("the limit is 16 MB")
    assert PARAMETERS.variable in issue.action

    large = SweptKey(("kernel",), tuple("x" * 100_000 for _ in range(10)))
    with pytest.raises(InvalidInput, match="would take"):
        swept_sets("{}", [SweptKey(("seed",), tuple(range(100))), large], "product")


@pytest.mark.usefixtures("peak")
@pytest.mark.parametrize("text", ["0 to 1e9 step 1", "range(10**9)", f"[{'1,' * 9_999}1]"])
def test_a_range_is_counted_before_it_is_made(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_values(text)


def test_a_sweep_of_more_sets_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=f"the limit is 2,000.*raise {SWEEP.variable}"):
        read_values("1 to 3000 step 1")
    monkeypatch.setenv(SWEEP.variable, "3000")
    assert len(read_values("1 to 3000 step 1")) == 3_000


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.variable)
def test_a_limit_is_read_from_its_variable(limit: Limit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limit.variable, " ")
    assert limit.most == limit.default * (1_000_000 if limit.in_megabytes else 1)
    monkeypatch.setenv(limit.variable, "7")
    assert limit.text == ("7 MB" if limit.in_megabytes else "7")
    assert limit.most == (7_000_000 if limit.in_megabytes else 7)
    for wrong in ("0", "-1", "1.5", "many", "9" * 30, "٣"):
        monkeypatch.setenv(limit.variable, wrong)
        with pytest.raises(InvalidInput, match=f"{limit.variable}: .* is not a limit. Write a"):
            _ = limit.most
