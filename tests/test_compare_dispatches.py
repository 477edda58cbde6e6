"""`compare`: two dispatches as sets of jobs, from any program and in any form."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.earlier import compare as module
from dispatch_core.earlier.compare import Compared, compare_dispatches, compare_paths
from dispatch_core.earlier.jobs import JobReader
from dispatch_core.earlier.read import earlier_of_jobs, read_earlier
from tests.support.dispatches import document, fill_folder, planned

Jobs = Mapping[str, Any]


def compared(tmp_path: Path, old: Jobs, new: Jobs) -> Compared:
    """The comparison of two folders of jobs of another program."""
    for name, jobs in (("old", old), ("new", new)):
        (tmp_path / name).mkdir()
        fill_folder(tmp_path / name, {f"0/{path}.json": job for path, job in jobs.items()})
    return compare_paths(tmp_path / "old", tmp_path / "new")


def counts(one: Compared) -> tuple[int, int, int, int]:
    """How many jobs are new, gone, changed and the same."""
    return len(one.new), len(one.gone), len(one.changed), len(one.same)


def differences(one: Compared) -> list[list[str]]:
    """What changed in each pair, in words."""
    return [list(map(str, pair.values or ())) for pair in one.changed]


def test_a_folder_its_zip_its_record_and_its_plan_are_equal(tmp_path: Path) -> None:
    made = planned()
    made.write(tmp_path / "out")
    made.write_zip(tmp_path / "out.zip")
    forms = [read_earlier(tmp_path / name) for name in ("out", "out.zip", "out.dispatch.json")]
    forms.append(earlier_of_jobs("the plan", made._planned.jobs))

    found = [compare_dispatches(old, new) for old in forms for new in forms]

    assert [counts(one) for one in found] == [(0, 0, 0, 6)] * 16
    assert all(one.is_equal for one in found)
    assert {one.notes for one in found} == {()}


def test_other_parameters_are_pairs_with_their_dotted_keys(tmp_path: Path) -> None:
    before = {"a": 1, "filter": {"low": 1, "high": 2}, "list": [1, 2], "gone": None}
    after = {"a": 1, "filter": {"low": 1.5, "new": {}}, "list": [1, 3], "x.y": True}
    planned(parameters={"analysis_parameter": before}).write(tmp_path / "old")
    planned(parameters={"analysis_parameter": after}).write(tmp_path / "new")

    found = compare_paths(tmp_path / "old", tmp_path / "new")

    assert counts(found) == (0, 0, 3, 0)
    assert not found.is_equal
    assert {pair.kind for pair in found.changed} == {"parameters"}
    assert differences(found)[0] == [
        "filter.high: 2 -> (absent)",
        "filter.low: 1 -> 1.5",
        "gone: null -> (absent)",
        "list: [1,2] -> [1,3]",
        "filter.new: (absent) -> {}",
        '"x.y": (absent) -> true',
    ]
    assert found.changed[0].to_json()["values"][:3] == [
        {"key": "filter.high", "old": 2},
        {"key": "filter.low", "old": 1, "new": 1.5},
        {"key": "gone", "old": None},
    ]


def test_the_most_similar_sets_of_a_sweep_are_pairs(tmp_path: Path) -> None:
    old = {"distributed_parameters": [{"a": n, "b": 1} for n in (1, 2, 3)]}
    new = {"distributed_parameters": [{"a": n, "b": 2} for n in (3, 1, 2)]}
    planned(parameters=old).write(tmp_path / "old")
    planned(parameters=new).write(tmp_path / "new")

    found = compare_paths(tmp_path / "old", tmp_path / "new")

    assert counts(found) == (0, 0, 9, 0)
    assert differences(found) == [["b: 1 -> 2"]] * 9


def test_very_many_sets_are_paired_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_CHOICES", 3)
    old = {str(n): document(distributed_parameters={"a": n}) for n in range(2)}
    new = {str(n): document(distributed_parameters={"b": n}) for n in range(2)}

    found = compared(tmp_path, old, new)

    assert counts(found) == (0, 0, 2, 0)


def test_other_files_of_one_asset_are_pairs(tmp_path: Path) -> None:
    old = {"x": document("a0", "1.nwb"), "y": document("a1", "1.nwb")}
    new = {"x": document("a0", "2.nwb"), "y": document("a1", "1.nwb"), "z": document("a2")}

    found = compared(tmp_path, old, new)

    assert counts(found) == (1, 0, 1, 1)
    assert found.changed[0].kind == "files"
    assert differences(found) == [
        ['file_location: ["s3://data/a0/1.nwb"] -> ["s3://data/a0/2.nwb"]']
    ]


def test_another_id_of_the_same_asset_is_a_pair_of_its_own_kind(tmp_path: Path) -> None:
    planned().write(tmp_path / "old")
    made = planned()._planned.jobs
    renamed = earlier_of_jobs("new", made)
    text = json.dumps({"label": "x"})
    changed = [replace(job, name=f"other {job.name}", group=text) for job in renamed.jobs]

    found = compare_dispatches(
        read_earlier(tmp_path / "old"), replace(renamed, jobs=tuple(changed))
    )

    assert counts(found) == (0, 0, 6, 0)
    assert {pair.kind for pair in found.changed} == {"assets"}
    assert differences(found)[0] == ['group_metadata: (absent) -> {"label": "x"}']


def test_files_under_random_names_are_compared_by_their_work(tmp_path: Path) -> None:
    old = {"x": document("a0", distributed_parameters={"a": 1, "b": 2}), "y": document("a1")}
    new = {"p": document("a1"), "q": document("a0", distributed_parameters=[{"b": 2.0, "a": 1}])}

    found = compared(tmp_path, old, new)

    assert counts(found) == (0, 0, 0, 2)
    assert found.is_equal


def test_ours_under_a_random_name_is_the_same_by_its_work_and_said_so(tmp_path: Path) -> None:
    planned().write(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    for number, file in enumerate(sorted((tmp_path / "new").glob("*/*.json"))[:2]):
        file.rename(file.with_name(f"{number}.json"))

    found = compare_paths(tmp_path / "old", tmp_path / "new")

    assert counts(found) == (0, 0, 0, 6)
    assert found.is_equal
    assert found.notes == (
        "2 of the same jobs are in files with other names: the work is the same",
    )


def test_other_workers_format_and_query_are_equal_and_said_so(tmp_path: Path) -> None:
    planned(num_parallel_workers=3).write(tmp_path / "old")
    other = planned(num_parallel_workers=2, job_format="pipeline", fixed_parameters="merged")
    other.write(tmp_path / "new")
    for file in (tmp_path / "new").glob("*/*.json"):
        job = json.loads(file.read_bytes())
        file.write_text(json.dumps({**job, "query": "another"}))

    found = compare_paths(tmp_path / "old", tmp_path / "new")

    assert found.is_equal
    assert found.notes == (
        "3 of the same jobs are in another worker folder",
        "6 of the same jobs are in another format: distributed_parameters list -> object",
        "6 of the same jobs are found by another query",
    )


def test_a_job_twice_on_one_side_is_not_equal_and_is_named(tmp_path: Path) -> None:
    planned().write(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    first = next((tmp_path / "new" / "0").iterdir())
    shutil.copy(first, tmp_path / "new" / "1" / first.name)
    shutil.copy(first, tmp_path / "new" / "1" / "copy.json")

    found = compare_paths(tmp_path / "old", tmp_path / "new")

    assert counts(found) == (0, 0, 0, 6)
    assert not found.is_equal
    assert [job.path for job in found.sides[1].repeated] == [f"1/{first.name}", "1/copy.json"]


def test_what_is_not_a_job_is_named_and_not_compared(tmp_path: Path) -> None:
    found = compared(tmp_path, {"x": document()}, {"x": document(), "y": b"{", "z": {"a": 1}})

    assert found.is_equal
    assert [issue.where for issue in found.sides[1].not_jobs] == ["0/y.json", "0/z.json"]


def test_a_record_has_no_parameters_so_the_difference_is_unknown(tmp_path: Path) -> None:
    planned().write(tmp_path / "old")
    planned(parameters=None).write(tmp_path / "new")

    found = compare_paths(tmp_path / "old.dispatch.json", tmp_path / "new")

    assert counts(found) == (0, 3, 3, 0)
    assert {pair.values for pair in found.changed} == {None}
    assert str(found.changed[0]) == ("other parameters (unknown: a record does not have them)")
    assert found.to_json()["changed"][0]["values"] is None


def test_two_records_without_a_common_job_pair_equal_files(tmp_path: Path) -> None:
    planned().write(tmp_path / "old")
    planned(file_extension="").write(tmp_path / "new")

    found = compare_paths(tmp_path / "old.dispatch.json", tmp_path / "new.dispatch.json")

    assert counts(found) == (4, 6, 0, 0)


def test_neighbours_whose_names_begin_alike_are_not_the_same_asset(tmp_path: Path) -> None:
    old = {"x": document("a1", "1.nwb", distributed_parameters={"a": 1})}
    new = {"x": document("a10", "1.nwb", distributed_parameters={"a": 1})}

    found = compared(tmp_path, old, new)

    assert counts(found) == (1, 1, 0, 0)


def test_parameters_that_are_not_objects_are_compared_whole(tmp_path: Path) -> None:
    old = {"x": document(distributed_parameters=[{"a": 1}, {"a": 2}])}
    new = {"x": document(distributed_parameters="text")}

    found = compared(tmp_path, old, new)

    assert differences(found) == [['distributed_parameters: [{"a":1},{"a":2}] -> "text"']]


def test_json_has_every_job_once(tmp_path: Path) -> None:
    old = {"x": document("a0"), "y": document("a1"), "z": document("a2", "1.nwb")}
    new = {"x": document("a0"), "w": document("a3"), "z": document("a2", "2.nwb")}

    written = json.loads(json.dumps(compared(tmp_path, old, new).to_json()))

    assert written["is_equal"] is False
    assert [len(written[key]) for key in ("new", "gone", "changed", "same")] == [1, 1, 1, 1]
    assert written["gone"][0] == {
        "job": "y",
        "path": "0/y.json",
        "asset_names": ["a1"],
        "record_ids": ["r-a1"],
        "locations": ["s3://data/a1"],
        "files": ["s3://data/a1/1.nwb"],
    }


def test_equal_files_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned().write(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    parsed: list[str] = []
    load = JobReader.job_of

    def counting(reader: Any, path: str, content: Any) -> Any:
        parsed.append(path)
        return load(reader, path, content)

    monkeypatch.setattr(JobReader, "job_of", counting)

    found = compare_paths(tmp_path / "old", tmp_path / "new")

    assert counts(found) == (0, 0, 0, 6)
    assert len(parsed) == 6


def test_a_job_in_several_dispatches_of_a_folder_is_not_a_difference(tmp_path: Path) -> None:
    planned().write(tmp_path / "all" / "one")
    planned().write_zip(tmp_path / "all" / "one.zip")

    found = compare_paths(tmp_path / "all", tmp_path / "all" / "one")

    assert counts(found) == (0, 0, 0, 6)
    assert found.is_equal
