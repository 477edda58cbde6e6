"""The verbs `check`, `compare` and `history` on the command line: output and exit codes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.support.dispatches import document, fill_folder, planned
from tests.support.world import CommandLine


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """The command line, in a folder with two dispatches, and one with faults: ``odd``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPATCH_OUTPUT_ROOT", raising=False)
    planned().write("out")
    planned(parameters=None).write("bare")
    jobs = {f"0/{n}.json": {"s3_location": [f"s3://data/a{n}"]} for n in range(12)}
    fill_folder(tmp_path / "odd", jobs)
    return CommandLine(capsys)


def test_check_ends_with_0_for_a_clean_folder(run: CommandLine) -> None:
    ran = run("check", "out")

    assert ran.code == 0
    assert ran.out.splitlines() == [
        "out: 6 jobs in 6 workers",
        "accepted by the seed's AnalysisDispatchModel: 6 of 6 jobs",
        "accepted by analysis-pipeline-utils 0.2 (aind-analysis-wrapper): 0 of 6 jobs",
        "clean",
    ]


def test_check_ends_with_2_and_prints_many_equal_faults_in_one_paragraph(run: CommandLine) -> None:
    ran = run("check", "odd")

    assert ran.code == 2
    assert "fault: no reader accepts the job (12)" in ran.out
    assert "  ... and 7 more (--json has every one)" in ran.out
    assert ran.out.endswith("12 faults\n")


def test_check_as_json_has_every_fault(run: CommandLine) -> None:
    ran = run("check", "odd", "--json")

    document = json.loads(ran.out)
    assert (ran.code, document["is_clean"], document["jobs"]) == (2, False, 12)
    assert len(document["faults"]) == 12
    assert document["faults"][0].keys() == {"kind", "path", "message", "action"}


def test_a_path_that_is_not_there_is_an_error(run: CommandLine) -> None:
    ran = run("check", "absent")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: absent: it does not exist. "
        "Give a worker folder, a zip or a record (*.dispatch.json).\n"
    )


def test_names_with_escape_codes_are_printed_escaped(run: CommandLine, tmp_path: Path) -> None:
    fill_folder(tmp_path / "out", {"\x1b[31m.txt": b"", "\udc80": b""})

    ran = run("check", "out")

    assert "  \\x1b[31m.txt: a file at the top level" in ran.out
    assert "  \\udc80: a file at the top level" in ran.out


def test_compare_ends_with_0_for_equal_dispatches_and_1_for_different_ones(
    run: CommandLine,
) -> None:
    equal, different = run("compare", "out", "out.dispatch.json"), run("compare", "out", "bare")

    assert (equal.code, different.code) == (0, 1)
    assert equal.out.endswith("equal: 0 new, 0 gone, 0 changed, 6 same\n")
    assert different.out.endswith("different: 0 new, 3 gone, 3 changed, 0 same\n")


def test_compare_writes_every_job_as_csv(run: CommandLine, tmp_path: Path) -> None:
    ran = run("compare", "out", "bare", "--csv", "compared.csv")

    rows = list(csv.DictReader((tmp_path / "compared.csv").open(encoding="utf-8-sig")))
    assert ran.code == 1
    assert [row["change"] for row in rows] == ["gone"] * 3 + ["changed"] * 3
    assert rows[-1]["difference"] == "a: 1 -> (absent); rate: 1.5 -> (absent)"


def test_csv_to_standard_output_is_alone_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    old, new = (fill_folder(tmp_path / one, {"0/x.json": document(one)}) for one in ("a0", "a1"))

    ran = CommandLine(capfd)("compare", old, new, "--csv", "-")

    assert ran.out.startswith("change,what,job,")
    assert "different" not in ran.out
    assert "different: " in ran.err


@pytest.mark.parametrize("target", ["out/0/x.csv", "out.dispatch.json", "mine.txt"])
def test_csv_does_not_overwrite_an_input_or_another_file(
    target: str, run: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    ran = run("compare", "out", "out.dispatch.json", "--csv", target)

    assert ran.code == 2
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert ran.err.startswith("error: ")


def test_csv_replaces_an_earlier_comparison(run: CommandLine) -> None:
    codes = [run("compare", "out", "bare", "--csv", "compared.csv").code for _ in range(2)]

    assert codes == [1, 1]


def test_history_prints_the_records_below_a_folder(run: CommandLine) -> None:
    ran = run("history", ".")

    assert ran.code == 0
    assert ran.out.endswith("2 records below .\n")
    assert "  records in memory: {}" in ran.out


def test_history_reads_the_folder_of_the_app_by_default(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = run("history", "--json")
    monkeypatch.setenv("DISPATCH_OUTPUT_ROOT", str(tmp_path))
    two = run("history", "--json")

    assert (nothing.code, json.loads(nothing.out)) == (0, [])
    assert [row["name"] for row in json.loads(two.out)] == ["out", "bare"]


def test_history_of_a_folder_that_is_not_there_is_an_error(run: CommandLine) -> None:
    ran = run("history", "absent")

    assert ran.code == 2
    assert "absent: it does not exist" in ran.err


def test_a_job_of_one_asset_twice_is_named_by_both_paths(run: CommandLine, tmp_path: Path) -> None:
    fill_folder(tmp_path / "two", {"0/x.json": document("a0"), "1/x.json": document("a0")})

    ran = run("check", "two")

    assert "  1/x.json: 0/x.json has the same name" in ran.out


@pytest.mark.parametrize("words", [("check", ""), ("compare", "out", " "), ("compare", "out")])
def test_a_path_that_is_blank_or_missing_is_an_error(
    words: tuple[str, ...], run: CommandLine
) -> None:
    ran = run(*words)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")


def test_a_long_difference_is_cut_in_the_terminal(run: CommandLine, tmp_path: Path) -> None:
    for name, letter in (("short", "a"), ("long", "b")):
        job = document(distributed_parameters={"note": letter * 5_000})
        fill_folder(tmp_path / name, {"0/x.json": job})

    ran = run("compare", "short", "long")

    assert "changed: 1\n" in ran.out
    assert max(map(len, ran.out.splitlines())) < 400
