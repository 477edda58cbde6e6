"""Which files of an input folder are read, in the layouts of capsule and templates."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.input_folder import layout
from dispatch_core.input_folder.layout import InputFiles, find_input_files
from dispatch_core.input_folder.parameters import read_parameters
from dispatch_core.parameter_sets.schema import compile_schema

SETS = '{"distributed_parameters": [{"k": 1}]}'


def folder_of(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def found(root: Path, *names: str, with_list: bool = False) -> InputFiles:
    return find_input_files(folder_of(root, dict.fromkeys(names, SETS)), with_list=with_list)


def shown(root: Path, path: Path | None) -> str | None:
    return None if path is None else str(path.relative_to(root))


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ([], None),
        (["analysis_parameters.json"], "analysis_parameters.json"),
        (
            ["analysis_parameters.json", "analysis_parameters/analysis_parameters.json"],
            "analysis_parameters/analysis_parameters.json",
        ),
        (
            ["analysis_parameters.json", "input_files/analysis_parameters.json"],
            "analysis_parameters.json",
        ),
        (["input_files/analysis_parameters.json"], "input_files/analysis_parameters.json"),
        (["input_data/distributed_parameters.json"], "input_data/distributed_parameters.json"),
        (["distributed_parameters.json"], "distributed_parameters.json"),
        (
            ["analysis_parameters/distributed_parameters.json"],
            "analysis_parameters/distributed_parameters.json",
        ),
        (
            ["input_files/analysis_parameters/analysis_parameters.json"],
            "input_files/analysis_parameters/analysis_parameters.json",
        ),
        (["._analysis_parameters.json"], None),
        ([".trash/analysis_parameters.json"], None),
        (["analysis_parameters_schema.json.txt"], None),
        (["a/b/analysis_parameters.json"], None),
    ],
)
def test_the_parameters_file_is_found_in_each_layout(
    tmp_path: Path, files: list[str], chosen: str | None
) -> None:
    assert shown(tmp_path, found(tmp_path, *files).parameters) == chosen


@pytest.mark.parametrize(
    "files",
    [
        ["a/analysis_parameters.json", "b/analysis_parameters.json"],
        ["distributed_parameters.json", "a/distributed_parameters.json"],
        ["distributed_parameters.json", "input_files/analysis_parameters.json"],
    ],
)
def test_several_parameters_files_are_an_error_that_names_them(
    tmp_path: Path, files: list[str]
) -> None:
    with pytest.raises(InvalidInput, match="2 files could be a parameters file: ") as caught:
        found(tmp_path, *files)

    assert all(str(tmp_path / name) in str(caught.value) for name in files)


@pytest.mark.parametrize(
    "name",
    [
        "Analysis_Parameters.json",
        "analysis_parameters.JSON",
        "analysis_parameters.json.txt",
        "analysis_parameters (1).json",
        "analysis_parameter.json",
        "analysis-parameters.yaml",
        "parameters.json",
        "My Params.json",
        "input_files/sets.json",
    ],
)
def test_a_parameters_file_of_another_name_is_never_ignored(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="looks like a parameters file") as caught:
        found(tmp_path, name)

    assert str(tmp_path / name) in str(caught.value)
    assert "Rename it to analysis_parameters.json" in str(caught.value)


@pytest.mark.parametrize("folder", ["analysis_parameters", "input_files/analysis_parameters"])
def test_any_json_in_the_folder_of_the_parameters_is_never_ignored(
    tmp_path: Path, folder: str
) -> None:
    folder_of(tmp_path, {f"{folder}/run 7.JSON": '[{"cutoff": 1}]'})

    with pytest.raises(InvalidInput, match=r"run 7\.JSON looks like a parameters file"):
        find_input_files(tmp_path, with_list=False)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("0/job.json", '{"s3_location": [], "distributed_parameters": [{}]}'),
        ("asset/processing.json", '{"data_processes": []}'),
        ("asset/params.json", '{"cutoff": 1}'),
        ("broken.json", '{"analysis_parameter": '),
        ("list.json", "[1]"),
        ("large.json", f'{{"analysis_parameter": "{"x" * (1 << 20)}"}}'),
    ],
)
def test_other_json_is_not_taken_for_parameters_but_listed(
    tmp_path: Path, name: str, text: str
) -> None:
    files = find_input_files(folder_of(tmp_path, {name: text}), with_list=False)

    assert files == InputFiles(None, None, (tmp_path / name,))


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["data_asset_input.csv", "other.csv", "a/x.csv"], "data_asset_input.csv"),
        (
            ["analysis_data_asset_ids/data_asset_input.csv", "other.csv"],
            "analysis_data_asset_ids/data_asset_input.csv",
        ),
        (["my assets.CSV", "a/x.csv"], "my assets.CSV"),
        (["input_files/ids.csv"], "input_files/ids.csv"),
    ],
)
def test_the_list_of_ids_is_found_in_each_layout(
    tmp_path: Path, files: list[str], chosen: str
) -> None:
    read = found(tmp_path, *files, with_list=True)

    assert shown(tmp_path, read.asset_list) == chosen
    assert len(read.not_read) == len(files) - 1


@pytest.mark.parametrize(
    "files",
    [
        ["a.csv", "b.csv"],
        ["a/data_asset_input.csv", "b/data_asset_input.csv"],
        ["a/x.csv", "b/y.csv"],
    ],
)
def test_several_lists_of_ids_are_an_error_that_names_them(
    tmp_path: Path, files: list[str]
) -> None:
    with pytest.raises(InvalidInput, match="2 files could be a list of ids: ") as caught:
        found(tmp_path, *files, with_list=True)

    assert all(str(tmp_path / name) in str(caught.value) for name in files)


def test_a_missing_list_of_ids_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nor a folder in it has a CSV"):
        found(tmp_path, "query.json", with_list=True)


def test_a_list_of_ids_in_another_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"there, such as .*ids\.xlsx saved as CSV\."):
        found(tmp_path, "input_files/ids.xlsx", with_list=True)


def test_a_linked_folder_is_looked_into_and_a_dead_link_is_not_ignored(tmp_path: Path) -> None:
    folder_of(tmp_path / "elsewhere", {"analysis_parameters.json": SETS})
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "attached").symlink_to(tmp_path / "elsewhere")
    linked = find_input_files(tmp_path / "in", with_list=False)

    (tmp_path / "in" / "analysis_parameters.json").symlink_to("nowhere")
    dead = find_input_files(tmp_path / "in", with_list=False)

    assert linked.parameters == tmp_path / "in" / "attached" / "analysis_parameters.json"
    assert dead.parameters == tmp_path / "in" / "analysis_parameters.json"


def test_a_folder_of_others_that_cannot_be_read_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_of(tmp_path, {"denied/analysis_parameters.json": SETS, "ids.csv": SETS})
    (tmp_path / "loop").symlink_to("loop")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "denied":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    files = find_input_files(tmp_path, with_list=True)

    assert files == InputFiles(tmp_path / "ids.csv", None, (tmp_path / "denied",))


def test_a_file_of_ours_is_found_in_a_folder_with_too_many_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "_MOST_ENTRIES", 3)
    root = folder_of(tmp_path, {f"{number}.bin": "" for number in range(9)})

    files = found(root, "analysis_parameters.json", "data_asset_input.csv", with_list=True)

    assert files.read == (root / "data_asset_input.csv", root / "analysis_parameters.json")


def test_files_that_the_command_names_are_not_candidates(tmp_path: Path) -> None:
    names = ("fixed_parameters.json", "a/analysis_parameters.json", "ids.csv", "other.csv")
    root = folder_of(tmp_path, dict.fromkeys(names, SETS))
    known = [root / "fixed_parameters.json", Path(os.path.relpath(root / "other.csv"))]

    files = find_input_files(root, with_list=True, known=known)

    assert files.read == (root / "ids.csv", root / "a" / "analysis_parameters.json")
    assert files.not_read == ()


def test_parameters_that_are_not_wanted_are_listed(tmp_path: Path) -> None:
    root = folder_of(tmp_path, {"a/analysis_parameters.json": SETS, "b.json": SETS})

    files = find_input_files(root, with_list=False, with_parameters=False)

    assert files == InputFiles(not_read=(root / "b.json", root / "a" / "analysis_parameters.json"))


def test_deep_parameters_are_looked_for_in_few_folders_and_only_if_none_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"data/{one}/analysis_parameters.json" for one in "abc"]
    monkeypatch.setattr(layout, "_MOST_DEEP", 2)

    without = found(tmp_path, *names)
    beside = found(tmp_path, *names, "analysis_parameters.json")

    assert [shown(tmp_path, path) for path in without.not_read] == names[:2]
    assert beside.not_read == ()


def test_an_absent_folder_has_no_files(tmp_path: Path) -> None:
    assert find_input_files(tmp_path / "absent", with_list=False) == InputFiles()


def test_a_bare_list_under_the_older_name_becomes_the_sets() -> None:
    document = read_parameters(
        b'\xef\xbb\xbf[{"k": 1}, {"k": 2}]', "distributed_parameters.json", None
    )

    assert document == {"distributed_parameters": [{"k": 1}, {"k": 2}]}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("analysis_parameters.json", "[{}]", "a list is not a parameters file"),
        ("distributed_parameters.json", "[]", "is an empty list, which makes no jobs"),
        ("distributed_parameters.json", "[1]", "set 1, is a number, not an object"),
        ("distributed_parameters.json", '[{"k": 1,}]', "line 1, column 9"),
        ("distributed_parameters.json", '{"k": 1}', "it has none of the keys"),
        ("distributed_parameters.json", '[{"k": "x"}]', "parameter set 1"),
    ],
)
def test_wrong_parameters_are_an_error_under_each_name(name: str, text: str, message: str) -> None:
    schema = compile_schema({"properties": {"k": {"type": "number"}}}, "schema.json")

    with pytest.raises(InvalidInput, match=message):
        read_parameters(text.encode(), name, schema)
