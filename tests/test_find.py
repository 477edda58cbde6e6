"""The step "assets are found": every record once, and a result for every row of a list."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.asset_list import AssetRow
from dispatch_core.errors import AnswerTooLarge, InvalidInput, ServiceError
from dispatch_core.find import FoundAssets, find_assets
from dispatch_core.query import check_query
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, Pipeline, Record
from dispatch_core.walk import walk_records
from tests.fakes import Records, record, record_v2
from tests.support.tier import amount

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
EVERY = check_query({})


def numbered(count: int) -> list[Record]:
    return [record(f"{number:05}") for number in range(count)]


def rows(*texts: str) -> list[AssetRow]:
    return [AssetRow(number, text) for number, text in enumerate(texts, 2)]


def names(found: FoundAssets) -> list[str]:
    return [one.name for one in found.assets]


def statuses(found: FoundAssets) -> list[tuple[str, str]]:
    return [(line.row.text, line.status) for line in found.match_report]


def ledger(found: FoundAssets) -> list[tuple[str, str]]:
    return [(row.reason, row.message) for row in found.exclusions]


def walked(source: MetadataSource, page_size: int = 1_000) -> list[str]:
    return [one["_id"] for one in walk_records(source, {}, {"name": 1}, page_size=page_size)]


def test_short_pages_are_not_taken_for_the_end() -> None:
    source = Records(numbered(250), short=7)

    assert walked(source) == [f"r-{number:05}" for number in range(250)]


def test_a_page_that_is_too_large_is_requested_at_half_the_size() -> None:
    source = Records(numbered(100), most=30)

    assert len(walked(source, page_size=100)) == 100
    assert source.limits[:3] == [100, 50, 25]


def test_one_record_that_is_too_large_is_an_error() -> None:
    with pytest.raises(AnswerTooLarge):
        walked(Records(numbered(1), most=0))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(amount(5, 20)))
def test_records_inserted_and_deleted_between_pages_lose_and_double_none(seed: int) -> None:
    stable = numbered(200)[::2]
    source = Records(list(stable))

    def edit(page: int) -> None:
        # before what was read, and after it: both move every later record of a skip
        source.records.append(record(f"{2 * page + seed * 8 + 1:05}"))
        source.records[:] = [one for one in source.records if one["_id"] != f"r-{page * 2 - 1:05}"]

    source.before_page = edit
    ids = walked(source, page_size=9)

    assert set(ids) >= {one["_id"] for one in stable}
    assert len(ids) == len(set(ids))


def test_a_source_whose_pages_do_not_advance_is_a_service_error() -> None:
    class Stuck(Records):
        def find_page(self, *ask: object) -> list[Record]:
            return [record("a")]

    with pytest.raises(ServiceError, match="it returned the same record twice"):
        walked(Stuck([]))


def test_a_source_whose_pages_are_unordered_is_a_service_error() -> None:
    class Shuffled(Records):
        def find_page(self, *ask: Any) -> list[Record]:
            return super().find_page(*ask)[::-1]

    with pytest.raises(ServiceError, match="not in the requested order of _id"):
        walked(Shuffled([record("a"), record("b"), record("c")]), page_size=2)


def test_only_the_fields_that_are_used_are_requested() -> None:
    source = Records([record("a", subject={"subject_id": "1", "sex": "F"}, session={"x": 1})])

    found = find_assets(source, EVERY, fields=["subject.subject_id"])

    assert found.assets[0].fields == {"subject": {"subject_id": "1"}}


def test_records_of_both_schemas_at_one_location_are_one_asset() -> None:
    source = Records([record("a"), record_v2("a"), record("b")])

    found = find_assets(source, EVERY)

    assert names(found) == ["a", "b"]
    assert found.matched == 3
    assert ledger(found) == [("duplicate", "the same location as record r-a")]


def test_assets_of_which_no_field_is_needed_share_one_empty_value() -> None:
    source = Records([record("a", k=1), record("b")])

    plain = find_assets(source, EVERY).assets
    with_k = find_assets(source, EVERY, fields=["k"]).assets

    assert plain[0].fields is plain[1].fields is with_k[1].fields == {}
    assert with_k[0].fields == {"k": 1}


def test_equal_values_of_different_assets_are_one_object() -> None:
    mouse = {"subject_id": "1", "genotype": {"name": "wt/wt"}}
    first = record("a", subject=mouse, weights=[1, 2.5, None], flag=1)
    second = record("b", subject=mouse | {"sex": "F"}, weights=[1, 2.5, None], flag=True)
    source = Records([json.loads(json.dumps(one)) for one in (first, second)])

    one, other = (
        asset.fields
        for asset in find_assets(source, EVERY, fields=["subject", "weights", "flag"]).assets
    )

    assert one["subject"]["genotype"] is other["subject"]["genotype"]
    assert one["subject"]["subject_id"] is other["subject"]["subject_id"]
    for fields, expected in ((one, first), (other, second)):
        as_read = {key: expected[key] for key in ("subject", "weights", "flag")}
        assert json.dumps(fields, sort_keys=True) == json.dumps(as_read, sort_keys=True)


def test_a_slash_at_the_end_does_not_change_the_location() -> None:
    source = Records([record("a"), record("b", location="s3://data/a/")])

    assert names(find_assets(source, EVERY)) == ["a"]


def test_records_without_a_location_are_not_taken_for_one_asset() -> None:
    source = Records([record("a", location=None), record("b", location=None)])

    assert names(find_assets(source, EVERY)) == ["a", "b"]


@pytest.mark.parametrize("location", ["N/A", "s3://data", "s3://data/", "/data/a"])
def test_records_that_share_an_invalid_location_are_separate_assets(
    location: str,
) -> None:
    source = Records([record("a", location=location), record("b", location=location)])

    found = find_assets(source, EVERY)

    assert names(found) == ["a", "b"]
    assert ledger(found) == []


def test_a_record_that_a_pipeline_returns_with_two_locations_is_used_once_and_reported() -> None:
    source = Records([record("a", copies=["s3://data/x", "s3://data/y"]), record("b")])
    moved = {"$set": {"location": {"$ifNull": ["$copies", "$location"]}}}
    kept = {"$unwind": {"path": "$copies", "preserveNullAndEmptyArrays": True}}

    found = find_assets(source, check_query([kept, moved]))

    assert [(one.record_id, one.location) for one in found.assets] == [
        ("r-a", "s3://data/x"),
        ("r-b", "s3://data/b"),
    ]
    assert ledger(found) == [
        ("duplicate", "the same record as an earlier result, with the location s3://data/x")
    ]
    assert found.exclusions[0].location == "s3://data/y"


def test_assets_excluded_by_hand_are_in_the_ledger() -> None:
    found = find_assets(Records(numbered(3)), EVERY, excluded=["r-00001", "no such id"])

    assert names(found) == ["00000", "00002"]
    assert ledger(found) == [("excluded_by_hand", "excluded by hand")]


@pytest.mark.parametrize(
    ("links", "ids"),
    [
        ({"external_links": {"Code Ocean": ["x", "y"]}}, ("x", "y")),
        ({"external_links": [{"Code Ocean": "x"}, {"Code Ocean": "y"}]}, ("x", "y")),
        ({"external_links": []}, ()),
        ({"external_links": {"Other": ["x"]}, "other_identifiers": None}, ()),
        ({"other_identifiers": {"Code Ocean": ["y", "x", "y"]}}, ("y", "x")),
    ],
)
def test_code_ocean_ids_are_read_from_every_shape_of_either_schema(
    links: Record, ids: tuple[str, ...]
) -> None:
    source = Records([{"_id": "r", "name": "a", "location": "s3://data/a", **links}])

    assert find_assets(source, EVERY).assets[0].asset_ids == ids


def test_an_id_is_looked_for_in_five_places() -> None:
    source = Records(
        [
            record("a", ids=["first", "second"]),
            record_v2("b", ids=["third"]),
            record("c"),
            record("d"),
            record("e"),
        ]
    )
    wanted = rows("second", "third", "r-c", "d", "s3://data/e/")

    found = find_assets(source, None, wanted)

    assert names(found) == ["a", "b", "c", "d", "e"]
    assert [line.matched_by for line in found.match_report] == [
        "external_links.Code Ocean",
        "other_identifiers.Code Ocean",
        "_id",
        "name",
        "location",
    ]


def test_a_location_is_found_with_or_without_the_slash_that_the_record_has() -> None:
    source = Records([record("a", location="s3://data/a/"), record("b")])

    assert names(find_assets(source, None, rows("s3://data/a", "s3://data/b/"))) == ["a", "b"]


def test_every_row_of_a_list_has_a_result_in_its_order() -> None:
    source = Records(
        [
            record("a", ids=["id-a"]),
            record("same", location="s3://data/one"),
            record("other", name="same", location="s3://data/two"),
        ]
    )

    found = find_assets(source, None, rows("none", "id-a", "", "a", "same"))

    assert statuses(found) == [
        ("none", "not found"),
        ("id-a", "matched"),
        ("", "empty"),
        ("a", "duplicate"),
        ("same", "ambiguous"),
    ]
    assert ledger(found) == [
        ("not_found", "row 2: none: no asset has this id, name or location"),
        ("empty", "row 4: (empty): asset_id is empty"),
        ("duplicate", "row 5: a: the same asset as row 3"),
        ("ambiguous", "row 6: same: 2 assets match: same, same"),
    ]


def test_an_id_in_another_spelling_is_found_and_the_report_says_how() -> None:
    uuid = "0a1b2c3d-1111-4222-8333-444455556666"
    source = Records([record("a", ids=[uuid]), record("b")])

    found = find_assets(source, None, rows(uuid.upper(), "b\u200b", f"{{{uuid}}}"))

    assert [(line.status, line.matched_by, line.message) for line in found.match_report] == [
        (
            "matched",
            "external_links.Code Ocean",
            f"found as {uuid}: the same UUID in another spelling",
        ),
        ("matched", "name", "found as b: without U+200B (zero width space)"),
        ("duplicate", "external_links.Code Ocean", "the same asset as row 2"),
    ]
    assert found.warnings == (
        f"2 rows of the list matched in another spelling, such as row 2: {uuid.upper()} "
        f"found as {uuid}: the same UUID in another spelling",
    )


def test_an_id_that_exists_as_it_is_typed_is_never_respelled() -> None:
    source = Records([record("a\u200b"), record("a")])

    found = find_assets(source, None, rows("a\u200b"))

    assert names(found) == ["a\u200b"]


def test_a_row_that_is_not_found_gets_the_nearest_text_that_exists() -> None:
    source = Records([record("mouse_101"), record("mouse_202")])

    found = find_assets(source, None, rows("Mouse_101", "mouse_203", "mouse_2", "other"))

    assert [line.suggestions for line in found.match_report] == [
        ("mouse_101",),
        ("mouse_202",),
        ("mouse_202",),
        (),
    ]
    assert found.exclusions[0].message == (
        "row 2: Mouse_101: no asset has this id, name or location; "
        "nearest: mouse_101 (the same except for case, blanks or signs)"
    )
    assert found.exclusions[0].action == "Did you mean mouse_101?"
    assert found.exclusions[3].action == "Check the id; it may belong to another collection"


def test_two_rows_that_name_the_two_records_of_one_asset_are_a_duplicate() -> None:
    source = Records([record("a"), record_v2("a")])

    found = find_assets(source, None, rows("r-a", "v2-a"))

    assert statuses(found) == [("r-a", "matched"), ("v2-a", "duplicate")]
    assert [row.reason for row in found.exclusions] == ["duplicate"]


def test_a_name_that_two_records_without_a_location_share_is_ambiguous() -> None:
    source = Records([record("a", location=None), record("b", name="a", location=None)])

    assert statuses(find_assets(source, None, rows("a"))) == [("a", "ambiguous")]


def test_a_list_of_2_500_ids_is_requested_in_parts() -> None:
    source = Records(numbered(2_500), most=1_000)

    found = find_assets(source, None, rows(*(f"r-{number:05}" for number in range(2_500))))

    assert len(found.assets) == 2_500


def test_a_pipeline_keeps_its_own_order() -> None:
    query = check_query([{"$sort": {"name": -1}}, {"$limit": 2}])

    assert names(find_assets(Records(numbered(3)), query)) == ["00002", "00001"]


def test_ids_that_a_pipeline_removes_are_read_from_the_records() -> None:
    query = check_query([{"$project": {"name": 1, "location": 1}}])
    source = Records([record("a", ids=["id-a"])])

    assert find_assets(source, query).assets[0].asset_ids == ("id-a",)


@pytest.mark.parametrize(
    ("pipeline", "missing"),
    [
        ([{"$project": {"name": 1}}], "no location"),
        ([{"$project": {"_id": 0, "name": 1, "location": 1}}], "no _id"),
        ([{"$group": {"_id": "$name", "count": {"$sum": 1}}}], "no name and no location"),
        ([{"$group": {"_id": None}}], "no _id and no name and no location"),
    ],
)
def test_a_pipeline_that_removes_a_required_field_is_refused_with_its_name(
    pipeline: list[Record], missing: str
) -> None:
    with pytest.raises(InvalidInput, match=f"result 1 of the pipeline has {missing} of an asset"):
        find_assets(Records([record("a")]), check_query(pipeline))


def test_a_record_without_a_location_does_not_stop_a_pipeline() -> None:
    bare = {"_id": "r-bare", "name": "bare"}
    everything = check_query([{"$match": {}}])

    found = find_assets(Records([record("a"), bare]), everything)

    assert [(one.name, one.location) for one in found.assets] == [
        ("a", "s3://data/a"),
        ("bare", ""),
    ]


def test_a_pipeline_that_removes_a_field_of_some_results_is_refused() -> None:
    kept = {"$cond": [{"$eq": ["$name", "a"]}, "$location", "$$REMOVE"]}
    query = check_query([{"$project": {"name": 1, "location": kept}}])

    with pytest.raises(InvalidInput, match="result 2 of the pipeline has no location of an asset"):
        find_assets(Records([record("a"), record("b")]), query)


@pytest.mark.parametrize("excluded", ["r-a", "v2-a"])
def test_any_record_of_an_asset_excludes_it_by_hand(excluded: str) -> None:
    source = Records([record("a"), record_v2("a"), record("b")])

    found = find_assets(source, EVERY, excluded=[excluded])

    assert [one.name for one in found.assets] == ["b"]
    assert [(row.name, row.reason) for row in found.exclusions] == [
        ("a", "duplicate"),
        ("a", "excluded_by_hand"),
    ]


def test_an_excluded_asset_of_a_list_stays_matched_in_the_report() -> None:
    rows = [AssetRow(2, "a"), AssetRow(3, "b")]

    found = find_assets(Records([record("a"), record("b")]), None, rows, excluded=["r-a"])

    assert [line.status for line in found.match_report] == ["matched", "matched"]
    assert [one.name for one in found.assets] == ["b"]
    assert [row.reason for row in found.exclusions] == ["excluded_by_hand"]


def test_records_that_the_source_counts_but_does_not_return_are_a_warning() -> None:
    class Losing(Records):
        def find_page(self, *ask: Any) -> list[Record]:
            return super().find_page(*ask)[:-1]

    found = find_assets(Losing(numbered(3)), EVERY)

    assert names(found) == ["00000", "00001"]
    assert [one[:46] for one in found.warnings] == [
        "The source counts 3 matches but returned 2: re"
    ]


def test_a_record_returned_twice_does_not_hide_a_missing_one() -> None:
    class Doubling(Records):
        def find_page(self, *question: Any) -> list[Record]:
            page = super().find_page(*question)
            return [page[0], page[0], *page[2:]] if len(page) == 3 else page

    found = find_assets(Doubling(numbered(3)), EVERY)

    assert names(found) == ["00000", "00002"]
    assert found.matched == 2
    assert found.exclusions == ()
    assert found.warnings[0].startswith("The source counts 3 matches but returned 2")


def test_records_deleted_during_the_search_cause_no_warning() -> None:
    source = Records(numbered(3))
    counts = iter([4, 3])

    class Shrinking(Records):
        def count(self, filter_query: Filter) -> int:
            return next(counts)

    assert find_assets(Shrinking(source.records), EVERY).warnings == ()


def test_a_source_that_cannot_count_is_a_warning() -> None:
    class Uncounted(Records):
        def count(self, filter_query: Filter) -> int:
            raise ServiceError("it took too long")

    found = find_assets(Uncounted(numbered(3)), EVERY)

    assert found.warnings == ("The source could not count the matches; it returned 3",)


@pytest.mark.parametrize("answer", [{}, {"count": None}, {"count": "2"}])
def test_a_pipeline_count_that_is_not_a_number_is_a_warning(answer: Record) -> None:
    class CountsOddly(Records):
        def aggregate(self, pipeline: Pipeline) -> list[Record]:
            return [answer] if "$count" in pipeline[-1] else super().aggregate(pipeline)

    found = find_assets(CountsOddly(numbered(2)), check_query([{"$match": {}}]))

    assert names(found) == ["00000", "00001"]
    assert found.warnings == ("The source could not count the matches; it returned 2",)


def test_results_of_a_pipeline_that_are_cut_are_a_warning() -> None:
    class Cutting(Records):
        def aggregate(self, pipeline: Pipeline) -> list[Record]:
            return super().aggregate(pipeline)[:2]

    found = find_assets(Cutting(numbered(3)), check_query([{"$match": {}}]))

    assert found.warnings[0].startswith("The source counts 3 matches but returned 2")


def test_a_long_list_is_matched_in_chunks_and_reported_in_its_order() -> None:
    rows = [AssetRow(number, f"{number:05}") for number in range(2_500)]

    found = find_assets(Records(numbered(2_400)), None, rows)

    assert [line.row.number for line in found.match_report] == list(range(2_500))
    assert [line.status for line in found.match_report[2_399:2_401]] == ["matched", "not found"]


def test_a_cancelled_search_requests_no_further_page() -> None:
    source = Records(numbered(9_500))

    def cancel(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_assets(source, EVERY, progress=cancel)

    assert source.pages <= 2


def test_progress_gets_the_number_done_and_the_total() -> None:
    reported: list[tuple[str, int, int]] = []

    find_assets(Records(numbered(1_500)), EVERY, progress=lambda *step: reported.append(step))

    assert reported == [("assets", 1_000, 1_500), ("assets", 1_500, 1_500)]


def test_a_field_whose_name_starts_with_another_field_is_requested_too() -> None:
    source = Records([record("a", location_note="x")])

    found = find_assets(source, EVERY, fields=["location_note"])

    assert found.assets[0].fields == {"location_note": "x"}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real records is not here")
def test_every_real_record_is_an_asset_or_shares_the_location_of_one() -> None:
    with gzip.open(CORPUS / "records.jsonl.gz", "rt", encoding="utf-8") as lines:
        real = [json.loads(line)["record"] for line in lines]
    # the corpus holds some records in several versions, and some without an _id
    source = Records([{**one, "_id": f"{number:03}"} for number, one in enumerate(real)])

    found = find_assets(source, EVERY, fields=["subject.subject_id"])
    places = {one.get("location") for one in real if isinstance(one.get("location"), str)}

    assert found.matched == len(real)
    assert len(found.assets) + len(found.exclusions) == len(real)
    assert {one.location.rstrip("/") for one in found.assets} >= {p.rstrip("/") for p in places}
