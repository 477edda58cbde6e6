"""A replayed record says which jobs are new, which are gone, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dispatch_core as dispatch
from dispatch_core.api import Plan
from dispatch_core.earlier.drift import Drift
from tests.fakes import Buckets, Records, record

KEYS = ("a0/1.nwb", "a0/2.nwb", "a1/1.nwb", "a2/1.nwb")
SETS = {"distributed_parameters": [{"p": 1}, {"p": 2}]}
QUERY = {"location": {"$exists": True}}


class World:
    """Three assets with four files, which a test may change, and the record of their dispatch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = {name: record(name, k=name[0]) for name in ("a0", "a1", "a2")}
        self.keys = set(KEYS)
        self.denied: tuple[str, ...] = ()

    def plan(self, **options: Any) -> Plan:
        source = Records(list(self.records.values()))
        buckets = Buckets({"data": self.keys}, self.denied)
        return dispatch.plan(source=source, buckets=buckets, **options)

    def dispatch(self, **options: Any) -> dict[str, Any]:
        """Write a dispatch; its record."""
        options = {"query": QUERY, "file_extension": ".nwb", **options}
        self.plan(**options).write(self.folder / "out")
        saved: dict[str, Any] = json.loads((self.folder / "out.dispatch.json").read_text())
        return saved

    def drift(self, **options: Any) -> Drift:
        """What drifted since the record, with these changes of the request."""
        made = self.plan(request=self.folder / "out.dispatch.json", **options).drift
        assert made is not None
        return made


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def reasons(drift: Drift) -> list[tuple[str, str]]:
    return [(one.job.title, one.why) for one in drift.gone]


def counts(drift: Drift) -> tuple[int, int, int]:
    return drift.same, len(drift.new), len(drift.gone)


def test_the_same_source_has_no_drift(world: World) -> None:
    day = world.dispatch()["dispatched_at"][:10]

    drift = world.drift()

    assert str(drift) == f"no drift since {day}: the same 4 jobs"
    assert (drift.changed, drift.notes) == ((), ())


def test_a_saved_request_has_no_drift_to_tell(world: World) -> None:
    request = world.plan(query=QUERY).request

    assert world.plan(request=request.to_json()).drift is None
    assert world.plan(request=request).drift is None


def test_an_added_asset_is_new_and_a_removed_one_no_longer_matches(world: World) -> None:
    day = world.dispatch()["dispatched_at"][:10]
    world.records["b0"] = record("b0")
    world.keys.add("b0/1.nwb")
    del world.records["a2"]

    drift = world.drift()

    assert str(drift) == f"drift since {day}: 1 new, 1 gone"
    assert [job.assets[0].asset.name for job in drift.new] == ["b0"]
    assert reasons(drift) == [("a2", "the asset a2 no longer matches the query")]


def test_a_file_that_is_gone_is_named(world: World) -> None:
    world.dispatch()
    world.keys.remove("a0/2.nwb")

    drift = world.drift()

    assert counts(drift) == (3, 0, 1)
    assert reasons(drift) == [("a0", "the file s3://data/a0/2.nwb is not there any more")]


def test_an_asset_without_files_has_its_ledger_row(world: World) -> None:
    world.dispatch()
    world.keys.remove("a1/1.nwb")
    world.keys.add("a1/1.txt")

    ((title, why),) = reasons(world.drift())

    assert title == "a1"
    assert why.startswith("no_matching_file: Nothing under the location ends with '.nwb'")


def test_an_asset_that_cannot_be_listed_has_its_ledger_row(world: World) -> None:
    world.dispatch()
    world.denied = ("data/a1",)

    ((_, why),) = reasons(world.drift())

    assert why.startswith("access_denied: ")


def test_an_asset_excluded_by_hand_still_matches(world: World) -> None:
    world.dispatch()

    ((title, why),) = reasons(world.drift(excluded=["r-a2"]))

    assert (title, why[:18]) == ("a2", "excluded_by_hand: ")


def test_an_asset_that_moved_has_its_location(world: World) -> None:
    world.dispatch()
    world.records["a1"]["location"] = "s3://data/moved/a1"
    world.keys.add("moved/a1/1.nwb")

    assert reasons(world.drift()) == [("a1", "the asset a1 is now at s3://data/moved/a1")]


def test_other_files_of_a_job_are_named_by_the_job_that_replaces_it(world: World) -> None:
    world.dispatch(split_files=False)
    world.keys.add("a1/2.nwb")

    drift = world.drift()

    assert counts(drift) == (2, 1, 1)
    assert reasons(drift) == [("a1", f"now with other files: {drift.new[0].name}")]


def test_changed_parameters_explain_that_every_job_is_another(world: World) -> None:
    day = world.dispatch(parameters=SETS)["dispatched_at"][:10]

    drift = world.drift(parameters={"distributed_parameters": [{"p": 3}, {"p": 4}]})

    assert str(drift) == (
        f"drift since {day}: 8 new, 8 gone: with other values of parameters, every job is another"
    )
    told = [one.why for one in drift.gone]
    assert told == [f"now with other parameters: {job.name}" for job in drift.new]


def test_a_number_that_is_written_otherwise_is_another_parameter(world: World) -> None:
    world.dispatch(parameters={"analysis_parameter": {"p": 1}})

    drift = world.drift(parameters={"analysis_parameter": {"p": 1.0}})

    assert drift.changed == ("parameters",)
    assert {one.why.partition(":")[0] for one in drift.gone} == {"now with other parameters"}


def test_one_set_fewer_leaves_a_job_that_nothing_replaces(world: World) -> None:
    world.dispatch(parameters=SETS)

    drift = world.drift(parameters={"distributed_parameters": [{"p": 1}]})

    assert counts(drift) == (4, 0, 4)
    assert {one.why for one in drift.gone} == {"no job replaces it, with another parameters"}


def test_another_group_by_names_the_group_of_an_asset(world: World) -> None:
    world.dispatch()

    drift = world.drift(group_by="k")

    assert drift.changed == ("group_by",)
    assert "with other values of group_by, every job is another" in str(drift)
    assert {one.why for one in drift.gone} == {f"now in a group of 3 assets: {drift.new[0].name}"}


def test_another_extension_is_not_told_as_missing_files(world: World) -> None:
    world.dispatch()
    world.keys |= {"a0/1.zarr", "a1/1.zarr", "a2/1.zarr"}

    drift = world.drift(file_extension=".zarr")

    assert reasons(drift)[0] == (
        "a0",
        "s3://data/a0/1.nwb is not among the files with another file_extension",
    )


def test_a_rule_for_files_has_the_row_of_the_file(world: World) -> None:
    world.dispatch()

    drift = world.drift(several_files="largest")

    assert reasons(drift)[0][1].startswith("not_largest: ")


def test_another_query_is_named(world: World) -> None:
    world.dispatch()

    drift = world.drift(query={"name": {"$ne": "a2"}})

    assert reasons(drift) == [("a2", "the asset a2 does not match the changed query")]


def test_another_record_id_and_another_name_of_the_same_asset_are_seen(world: World) -> None:
    world.dispatch()
    world.records["a1"]["_id"] = "new-id"
    world.records["a2"]["name"] = "renamed"

    drift = world.drift()

    assert reasons(drift) == [
        ("a1", "the asset a1 now has the record id new-id"),
        ("a2", f"now with another asset name: {drift.new[1].name}"),
    ]


def test_another_asset_id_is_seen(world: World) -> None:
    world.dispatch()
    world.records["a1"]["external_links"] = {"Code Ocean": ["other"]}

    drift = world.drift()

    why = f"now with another asset id, location or group value: {drift.new[0].name}"
    assert reasons(drift) == [("a1", why)]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_number_of_tasks_dispatched": 3}, "over_the_cap: "),
        ({"only_jobs": []}, "not_chosen: "),
        ({"trial_first": 2}, "not_in_trial: "),
    ],
)
def test_a_job_that_the_request_excludes_has_its_ledger_row(
    world: World, options: dict[str, Any], reason: str
) -> None:
    world.dispatch()

    drift = world.drift(**options)

    assert drift.gone[-1].why.startswith(reason)


def test_a_job_dispatched_before_has_its_ledger_row(world: World) -> None:
    world.dispatch()

    drift = world.drift(not_in=world.folder / "out")

    assert counts(drift) == (0, 0, 4)
    assert {one.why.rpartition(" of ")[0] for one in drift.gone} == {
        f"dispatched_before: it is in {world.folder / 'out'}"
    }
    assert str(drift).endswith(": 0 new, 4 gone, with other values of not_in")


def test_other_workers_and_another_format_do_not_drift(world: World) -> None:
    world.dispatch()

    drift = world.drift(num_parallel_workers=2, job_format="pipeline")

    assert (counts(drift), drift.changed) == ((4, 0, 0), ())


def test_another_source_is_a_note(world: World) -> None:
    saved = world.dispatch()
    saved["source"] = "gateway elsewhere"
    (world.folder / "out.dispatch.json").write_text(json.dumps(saved))

    drift = world.drift()

    note = "the source is records in memory, and that of the record gateway elsewhere"
    assert drift.notes == (note,)


def test_an_old_record_reads_its_folder_and_says_if_it_cannot(world: World) -> None:
    saved = world.dispatch()
    old = {key: value for key, value in saved.items() if key not in ("jobs", "assets")}
    (world.folder / "out.dispatch.json").write_text(json.dumps({**old, "record": 1}))
    world.keys.remove("a0/2.nwb")

    known = world.drift()
    (world.folder / "out").rename(world.folder / "elsewhere")
    unknown = world.drift()

    assert reasons(known) == [("a0", "the file s3://data/a0/2.nwb is not there any more")]
    assert str(unknown) == f"drift since {saved['dispatched_at'][:10]}: unknown"
    assert unknown.notes == ("the record is of an older version, without known jobs",)


def test_a_record_of_a_later_version_is_named_as_such(world: World) -> None:
    saved = {**world.dispatch(), "record": 9, "jobs": {"a": "other layout"}}
    (world.folder / "out.dispatch.json").write_text(json.dumps(saved))
    (world.folder / "out").rename(world.folder / "elsewhere")

    drift = world.drift()

    assert drift.notes == ("the record is of a later version, without known jobs",)


def test_a_damaged_row_of_the_record_stops_no_replay(world: World) -> None:
    saved = world.dispatch()
    saved["jobs"][0] = ["x"]
    (world.folder / "out.dispatch.json").write_text(json.dumps(saved))

    drift = world.drift()

    assert (drift.is_known, len(drift.notes)) == (False, 1)
    assert "a row of jobs is not [name, record ids, files]" in drift.notes[0]


def test_jobs_of_another_program_are_compared_by_their_work(world: World) -> None:
    saved = world.dispatch(parameters={"analysis_parameter": {"p": 1}})
    del saved["jobs"]
    (world.folder / "out.dispatch.json").write_text(json.dumps(saved))
    for number, file in enumerate(sorted((world.folder / "out").rglob("*.json"))):
        job = json.loads(file.read_text())
        kept = ("s3_location", "file_location", "distributed_parameters")
        file.write_text(json.dumps({key: job[key] for key in kept}))
        file.rename(file.with_name(f"job-{number}.json"))
    del world.records["a2"]

    drift = world.drift()

    assert counts(drift) == (3, 0, 1)
    assert reasons(drift) == [
        ("s3://data/a2", "the asset s3://data/a2 no longer matches the query")
    ]


def test_the_new_record_has_every_job_that_drifted(world: World, tmp_path: Path) -> None:
    world.dispatch()
    world.records["b0"] = record("b0")
    world.keys |= {"b0/1.nwb"}
    del world.records["a2"]
    plan = world.plan(request=world.folder / "out.dispatch.json")

    plan.write(tmp_path / "again")

    saved = json.loads((tmp_path / "again.dispatch.json").read_text())["drift"]
    assert (saved["same"], saved["new"]) == (3, [plan.drift.new[0].name])
    assert [(one["assets"], one["why"]) for one in saved["gone"]] == [
        (["a2"], "the asset a2 no longer matches the query")
    ]
    assert str(plan.drift) in plan._repr_html_()
