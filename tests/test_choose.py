"""Which files of an asset are used if more than one matches."""

from __future__ import annotations

import pytest

from dispatch_core.choose import Chosen, choose_files
from dispatch_core.types import FileEntry, LocatedAsset, SeveralFiles
from tests.fakes import asset


def file(
    name: str, size: int | None = 7, modified: str | None = "2025-01-01T00:00:00Z"
) -> FileEntry:
    return FileEntry(f"s3://data/a/{name}", "file", size, modified)


def store(name: str) -> FileEntry:
    return FileEntry(f"s3://data/a/{name}", "directory")


def chosen(rule: SeveralFiles | None, *files: FileEntry) -> Chosen:
    return choose_files([LocatedAsset(asset("a"), files)], rule)


def names(result: Chosen) -> list[str]:
    return [one.location[12:] for kept in result.located for one in kept.files or ()]


def ledger(result: Chosen) -> list[tuple[str, str]]:
    return [(row.reason, row.location[12:]) for row in result.exclusions]


OLD_AND_LARGE = file("1.nwb", 900, "2025-01-01T23:00:00.000Z")
NEW_AND_SMALL = file("2.nwb", 100, "2025-01-02T01:00:00.000+09:00")
LATEST = file("3.nwb", 500, "2025-01-02T00:00:00.000Z")


@pytest.mark.parametrize("rule", [None, "each", "together"])
def test_by_default_all_files_are_used(rule: SeveralFiles | None) -> None:
    result = chosen(rule, OLD_AND_LARGE, LATEST)

    assert (names(result), result.exclusions) == (["1.nwb", "3.nwb"], ())


def test_the_newest_is_the_latest_point_in_time_whatever_the_zone() -> None:
    result = chosen("newest", OLD_AND_LARGE, NEW_AND_SMALL, LATEST)

    assert names(result) == ["3.nwb"]
    assert ledger(result) == [("not_newest", "1.nwb"), ("not_newest", "2.nwb")]


def test_the_largest_is_used_and_the_others_are_in_the_ledger() -> None:
    result = chosen("largest", NEW_AND_SMALL, OLD_AND_LARGE)

    assert names(result) == ["1.nwb"]
    assert [(row.record_id, row.name, row.message) for row in result.exclusions] == [
        ("r-a", "a", "of 2 matches (2.nwb, 1.nwb), 1.nwb is the largest")
    ]


def test_of_equal_files_the_first_by_path_is_used() -> None:
    assert names(chosen("largest", file("1.nwb"), file("2.nwb"))) == ["1.nwb"]
    assert names(chosen("newest", file("1.nwb"), file("2.nwb"))) == ["1.nwb"]


def test_only_one_excludes_an_asset_with_several_files() -> None:
    result = chosen("only_one", *(file(f"{number}.nwb") for number in range(5)))

    assert names(result) == []
    assert [(row.stage, row.reason, row.message) for row in result.exclusions] == [
        (
            "files",
            "several_files",
            "5 matches (0.nwb, 1.nwb, 2.nwb and 2 more), but exactly one is required",
        )
    ]


@pytest.mark.parametrize("rule", ["newest", "largest", "only_one"])
@pytest.mark.parametrize("only", [file("1.nwb", None, None), store("1.nwb")])
def test_the_only_match_is_always_used(rule: SeveralFiles, only: FileEntry) -> None:
    assert names(chosen(rule, only)) == ["1.nwb"]


@pytest.mark.parametrize(("rule", "what"), [("newest", "time"), ("largest", "size")])
def test_no_rule_selects_a_file_if_one_of_several_is_a_directory_store(
    rule: SeveralFiles, what: str
) -> None:
    result = chosen(rule, file("1.nwb"), store("2.nwb"))

    assert result.located == ()
    assert [(row.reason, row.message, row.action) for row in result.exclusions] == [
        (
            "cannot_choose",
            f"2 matches (1.nwb, 2.nwb), and the directory store 2.nwb has no {what} to compare",
            "Use an extension that only one of them has, or --several_files each or together",
        )
    ]


def test_no_file_is_the_newest_if_the_listing_has_no_times() -> None:
    result = chosen("newest", file("1.nwb", modified=None), file("2.nwb"))

    assert ledger(result) == [("cannot_choose", "")]
    assert "the file 1.nwb has no time to compare" in result.exclusions[0].message


def test_an_asset_whose_files_were_not_listed_is_kept() -> None:
    whole = LocatedAsset(asset("a"))

    assert choose_files([whole], "newest").located == (whole,)
