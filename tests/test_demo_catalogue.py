"""The demo catalogue: identical everywhere, mostly regular assets, edge cases on purpose."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from dispatch_core.demo import awkward
from dispatch_core.demo.awkward import AWKWARD_CASES
from dispatch_core.demo.catalogue import (
    AWKWARD,
    CODE_OCEAN_BUCKET,
    DENIED_BUCKET,
    MISSING_BUCKET,
    DemoCatalogue,
    split_location,
)
from dispatch_core.errors import InvalidInput
from dispatch_core.types import Record

DIGEST = "2645c6d3dc4f6835"


@cache
def demo() -> DemoCatalogue:
    return DemoCatalogue()


def records_named(name: str) -> list[Record]:
    return [record for record in demo().records if record["name"] == name]


def record_of(case: str) -> Record:
    (record,) = records_named(AWKWARD[case])
    return record


def keys_of(case: str) -> list[str]:
    return [key for key, _ in demo().files_of(record_of(case))]


def digest(records: list[Record]) -> str:
    return hashlib.sha256(json.dumps(records).encode()).hexdigest()[:16]


def test_the_records_are_the_same_on_every_machine_and_python() -> None:
    records = demo().records

    assert digest(records[::100]) == DIGEST


def test_a_process_with_another_hash_seed_generates_the_same_records() -> None:
    code = (
        "import hashlib, json; from dispatch_core.demo.catalogue import DemoCatalogue;"
        "records = DemoCatalogue().records[::100];"
        "print(hashlib.sha256(json.dumps(records).encode()).hexdigest()[:16])"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[1],
        env={"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
    )

    assert answer.stdout.strip() == DIGEST, answer.stderr


def test_another_seed_changes_the_regular_records_and_keeps_the_edge_cases() -> None:
    names = {record["name"] for record in DemoCatalogue(200, seed=1).records}

    assert names != {record["name"] for record in DemoCatalogue(200, seed=2).records}
    assert names >= set(AWKWARD.values())


def test_records_ascend_by_id_and_ids_are_unique() -> None:
    ids = [record["_id"] for record in demo().records]

    assert len(ids) == 2400
    assert ids == sorted(set(ids))


def test_a_count_below_the_number_of_edge_cases_is_refused() -> None:
    with pytest.raises(InvalidInput, match=f"at least {len(AWKWARD_CASES)} assets, not 5"):
        DemoCatalogue(5)


def test_more_than_nine_in_ten_assets_are_regular() -> None:
    assert len(AWKWARD_CASES) < 240


def test_a_record_is_a_few_kilobytes_of_json() -> None:
    sizes = [len(json.dumps(record)) for record in demo().records]

    assert min(sizes) > 2_000
    assert max(sizes) < 8_000


def test_equal_documents_are_one_object_so_that_many_records_fit_in_memory() -> None:
    rigs = [record["rig"] for record in demo().records if record.get("rig")]

    assert len({id(rig) for rig in rigs}) < 50


def test_both_schemas_occur_with_their_own_fields() -> None:
    older = [record for record in demo().records if "session" in record]
    newer = [record for record in demo().records if "session" not in record]

    assert len(older) > 600
    assert len(newer) > 600
    assert all({"rig", "created", "last_modified"} <= record.keys() for record in older)
    assert all({"instrument", "acquisition", "_created"} <= record.keys() for record in newer)
    assert all("modalities" in record["data_description"] for record in newer)


def test_a_query_for_one_demo_project_gives_hundreds_of_jobs() -> None:
    def nwb_entries(record: Record) -> int:
        keys = [key for key, _ in demo().files_of(record)]
        return len({key.partition(".nwb")[0] for key in keys if f"{key}/".find(".nwb/") > 0})

    chosen = [
        record
        for record in demo().records
        if record["data_description"]["project_name"] == "Two Port Foraging"
        and record["data_description"]["data_level"] == "derived"
    ]

    assert 36 < sum(map(nwb_entries, chosen)) < 500


def test_raw_and_derived_assets_cover_many_projects_modalities_and_labels() -> None:
    descriptions = [record["data_description"] for record in demo().records]
    modalities = {
        modality["abbreviation"]
        for description in descriptions
        for modality in description.get("modalities", description.get("modality"))
        if isinstance(modality, dict)
    }

    assert len({description["project_name"] for description in descriptions}) >= 12
    assert {"ecephys", "behavior", "behavior-videos", "fib", "pophys", "SPIM"} <= modalities
    assert Counter(description["data_level"] for description in descriptions)["raw"] > 600


def test_some_raw_assets_have_several_derived_versions() -> None:
    sources = Counter(
        record["data_description"].get("input_data_name") for record in demo().records
    )
    del sources[None]

    assert max(sources.values()) >= 3


def test_times_have_many_layouts() -> None:
    times = [record["data_description"]["creation_time"] for record in demo().records]
    layouts = Counter("".join("9" if sign.isdigit() else sign for sign in time) for time in times)

    assert len(layouts) == 9
    assert "9999-99-99" in layouts
    assert "9999-99-99 99:99:99+99:99" in layouts


@pytest.mark.parametrize("case", AWKWARD)
def test_every_edge_case_is_in_the_catalogue_under_its_name(case: str) -> None:
    assert records_named(AWKWARD[case])


def test_the_edge_cases_share_a_project() -> None:
    projects = Counter(case.record["data_description"]["project_name"] for case in AWKWARD_CASES)

    assert projects == {"Edge Case Collection": len(AWKWARD_CASES) - 1, "edge-case collection": 1}
    assert "Edge Case Collection" in (awkward.__doc__ or "")


def test_a_location_can_end_in_the_second_code_ocean_id() -> None:
    record = record_of("second code ocean id")

    first, second = record["external_links"]["Code Ocean"]
    assert record["location"] == f"s3://{CODE_OCEAN_BUCKET}/{second}"
    assert first != second


def test_external_links_occur_in_every_form() -> None:
    assert len(record_of("thirteen code ocean ids")["external_links"]["Code Ocean"]) == 13
    assert record_of("links as an empty array")["external_links"] == []
    assert list(record_of("links as an array of objects")["external_links"][0]) == ["Code Ocean"]
    assert "external_links" not in record_of("links absent")
    assert record_of("links without ids")["external_links"] == {"Code Ocean": []}
    assert record_of("identifiers empty")["other_identifiers"] == {}


def test_locations_can_be_missing_null_empty_or_outside_s3() -> None:
    assert "location" not in record_of("location missing")
    assert record_of("location null")["location"] is None
    assert record_of("location empty")["location"] == ""
    assert record_of("location not s3")["location"].startswith("file://")
    assert record_of("location with a trailing slash")["location"].endswith("/")
    assert (
        AWKWARD["name differs from location"]
        not in (record_of("name differs from location")["location"])
    )


def test_twelve_assets_are_in_the_denied_bucket_and_one_in_a_deleted_bucket() -> None:
    places = Counter(
        (split_location(record.get("location")) or ("", ""))[0] for record in demo().records
    )

    assert places[DENIED_BUCKET] == 12
    assert places[MISSING_BUCKET] == 1
    assert MISSING_BUCKET not in demo().buckets
    assert demo().denied_buckets == {DENIED_BUCKET}


def test_an_nwb_is_a_file_in_one_version_and_a_directory_of_the_same_name_in_the_next() -> None:
    assert "nwb/session.nwb" in keys_of("nwb file")
    assert "nwb/session.nwb/.zgroup" in keys_of("nwb directory")
    assert "nwb/session.nwb" not in keys_of("nwb directory")


def test_stores_can_be_nested() -> None:
    assert "fused.zarr/fused.zarr/0/7" in keys_of("zarr inside zarr")
    assert "SPIM.ome.zarr/tile_1.zarr/0/5" in keys_of("ome zarr")
    assert "session.nwb.zarr/.zattrs" in keys_of("nwb zarr at the root")
    assert "session_nwb/session.nwb.zarr/.zattrs" in keys_of("nwb zarr one folder down")


def test_assets_can_have_no_files_no_matching_files_or_several() -> None:
    assert keys_of("no files") == []
    assert not any(".nwb" in key for key in keys_of("no matching file"))
    assert sum(key.endswith(".nwb") for key in keys_of("several nwb")) == 5


def test_keys_contain_every_kind_of_character_that_s3_allows() -> None:
    assert "nwb/Record Node 104#ProbeA AP.nwb" in keys_of("keys with spaces and hashes")
    assert {"nwb/caf\u00e9.nwb", "nwb/cafe\u0301.nwb"} <= set(keys_of("keys in unicode"))
    assert {"nwb/a+b.nwb", "nwb/a%20b.nwb"} <= set(keys_of("keys with plus and percent"))
    assert {"nwb//double.nwb", "nwb/../up.nwb"} <= set(keys_of("keys like patterns"))


def test_names_can_be_prefixes_of_other_names_in_the_same_bucket() -> None:
    short, long = record_of("name is a prefix"), record_of("name with that prefix")
    raw, derived = record_of("raw asset of a pair"), record_of("derived asset of a pair")

    assert long["location"] == f"{short['location']}0"
    assert derived["location"].startswith(f"{raw['location']}_processed_")


def test_an_envelope_has_v1_fields_around_v2_cores() -> None:
    record = record_of("envelope")

    assert "external_links" in record
    assert record["session"] is None
    assert "modalities" in record["data_description"]
    assert record["acquisition"]["acquisition_type"] == "Uncoupled Baiting"


def test_one_asset_is_in_both_schemas_with_two_ids_and_one_location() -> None:
    newer, older = sorted(records_named(AWKWARD["in both schemas"]), key=lambda one: "rig" in one)

    assert newer["location"] == older["location"]
    assert newer["_id"] != older["_id"]
    assert "instrument" in newer


def test_files_are_sorted_by_key_and_each_has_a_size() -> None:
    for record in demo().records[::50]:
        files = demo().files_of(record)

        assert files == sorted(dict(files).items())
        assert all(size > 0 for _, size in files)


def test_a_regular_asset_has_between_five_and_sixty_files() -> None:
    awkward_names = set(AWKWARD.values())
    regular = [record for record in demo().records if record["name"] not in awkward_names]

    counts = [len(demo().files_of(record)) for record in regular]

    assert min(counts) >= 5
    assert max(counts) <= 60


@pytest.mark.parametrize(
    ("location", "parts"),
    [
        ("s3://bucket/a/b", ("bucket", "a/b")),
        ("s3://bucket/a//", ("bucket", "a")),
        ("s3://bucket", ("bucket", "")),
        ("file:///a/b", None),
        ("", None),
        (None, None),
    ],
)
def test_a_location_splits_into_bucket_and_prefix(
    location: object, parts: tuple[str, str] | None
) -> None:
    assert split_location(location) == parts
