"""The fields of a source and the values of a field, with few and limited requests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from dispatch_core.errors import AnswerTooLarge
from dispatch_core.insight.fields import FieldCatalogue, FieldInfo, SampleSize, sample_fields
from dispatch_core.insight.values import ValueCount, count_values
from dispatch_core.types import Pipeline, Record
from tests.fakes import Records, record, record_v2


@dataclass
class Capped(Records):
    """Refuses aggregates of more than ``most_bytes``, and keeps the pipelines."""

    most_bytes: int = 1_000_000
    pipelines: list[Pipeline] = field(default_factory=list)

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        self.pipelines.append(pipeline)
        found = super().aggregate(pipeline)
        if len(json.dumps(found)) > self.most_bytes:
            raise AnswerTooLarge("too large")
        return found


def catalogue(*paths: str, **types: tuple[str, ...]) -> FieldCatalogue:
    """A catalogue of text fields, and of `types` by path (dots as ``__``)."""
    fields = {path: FieldInfo(path, ("string",), 1, 1) for path in paths}
    for name, kinds in types.items():
        path = name.replace("__", ".")
        fields[path] = FieldInfo(path, kinds, 1, 1)
    return FieldCatalogue(fields, 1, 1)


def paths(found: list[FieldInfo]) -> list[str]:
    return [one.path for one in found]


def test_paths_of_both_schemas_are_found_with_types_and_counts() -> None:
    source = Records(
        [
            record("a", subject={"weight": 1, "tags": ["x", 2]}),
            record("b", subject={"weight": None}),
            record_v2("c", acquisition={"streams": [{"name": "s"}, {"rate": 1.5}]}),
        ]
    )

    found = sample_fields(source)

    assert found.fields["subject.weight"] == FieldInfo("subject.weight", ("null", "number"), 2, 3)
    assert found.fields["subject.tags"].types == ("array", "number", "string")
    assert found.fields["acquisition.streams.rate"].types == ("number",)
    assert (found.records, "other_identifiers.Code Ocean" in found) == (3, True)


def test_numbers_in_a_path_are_indices_and_passed_over() -> None:
    found = catalogue("external_links.Code Ocean")

    assert "external_links.Code Ocean.0" in found


def test_an_answer_that_is_too_large_is_requested_in_halves_and_a_huge_record_only_counted() -> (
    None
):
    records = [record(f"a{number}", rig={"x": number}) for number in range(8)]
    records.append(record("giant", rig={"blob": "x" * 5_000}))
    source = Capped(records, most_bytes=500)

    found = sample_fields(source, SampleSize(records=9, page=9, whole_records=9, whole_page=9))

    assert found.skipped == 1
    assert found.fields["rig.x"].records == 8
    assert "rig.blob" not in found


def test_a_sample_requests_at_most_its_size_however_many_records_there_are() -> None:
    source = Capped([record(f"a{number:04}") for number in range(1_000)])

    found = sample_fields(source, SampleSize(records=20, page=10, whole_records=4, whole_page=2))

    assert found.sampled == 24
    assert len(source.pipelines) == 4
    assert (
        max(stage["$skip"] for pipe in source.pipelines for stage in pipe if "$skip" in stage)
        == 500
    )


def test_search_wants_every_word_and_puts_the_nearest_last_name_first() -> None:
    found = catalogue("subject.sex", "subject.sexed_by", "sex.note", "subject.age", "name")

    assert paths(found.search("sex")) == ["subject.sex", "subject.sexed_by", "sex.note"]
    assert paths(found.search("sub ag")) == ["subject.age"]
    assert paths(found.search("", 2)) == ["name", "subject.sex"]


def test_most_filtered_fields_come_before_common_ones() -> None:
    found = catalogue("a", "location", "data_description.project_name")

    assert paths(list(found.ordered)) == ["data_description.project_name", "location", "a"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("data_description.modalitities.abbreviation", "data_description.modalities.abbreviation"),
        ("subject.Subject_ID", "subject.subject_id"),
        ("subject_id", "subject.subject_id"),
    ],
)
def test_a_misspelt_path_has_a_nearest_one(typed: str, meant: str) -> None:
    found = catalogue("subject.subject_id", "data_description.modalities.abbreviation", "name")

    assert found.nearest(typed, 1) == [meant]


# Values


def modalities(*abbreviations: str) -> dict[str, Any]:
    return {"modality": [{"abbreviation": one} for one in abbreviations]}


WORLD = Records(
    [
        record("a", data_description=modalities("fib", "fib", "ecephys")),
        record("b", data_description=modalities("fib")),
        record_v2("c", data_description={"modalities": [{"abbreviation": "ecephys"}]}),
        record_v2("d", data_description={"modalities": [{"abbreviation": "ecephys"}]}),
        record("e", data_description={"modality": {"abbreviation": "SPIM"}}),
        record("f", data_description={"modality": []}),
    ]
)
V1, V2 = "data_description.modality.abbreviation", "data_description.modalities.abbreviation"


def test_list_fields_are_unwound_and_a_record_counts_once_for_a_value() -> None:
    found = count_values(WORLD, V1, sample_fields(WORLD))

    assert [str(one) for one in found.values] == ["fib (2)", "SPIM (1)", "ecephys (1)"]


def test_both_spellings_are_counted_as_one_field() -> None:
    found = count_values(WORLD, (V1, V2), sample_fields(WORLD))

    assert [str(one) for one in found.values] == ["ecephys (3)", "fib (2)", "SPIM (1)"]


def test_the_most_common_are_given_and_the_others_counted() -> None:
    found = count_values(WORLD, (V1, V2), sample_fields(WORLD), limit=1)

    assert found.values == (ValueCount("ecephys", 3),)
    assert found.note == "and 2 more"


def test_a_search_keeps_values_that_contain_the_text_ignoring_case() -> None:
    found = count_values(WORLD, (V1, V2), sample_fields(WORLD), search="EPH")

    assert [str(one) for one in found.values] == ["ecephys (3)"]


def test_values_are_counted_under_a_filter() -> None:
    found = count_values(WORLD, V1, sample_fields(WORLD), {"name": {"$in": ["a", "e"]}})

    assert [str(one) for one in found.values] == ["SPIM (1)", "ecephys (1)", "fib (1)"]


def test_dates_are_counted_by_their_first_characters() -> None:
    source = Records([record("a", t="2025-01-09"), record("b", t="2025-01-31 10"), record("c")])

    found = count_values(source, "t", sample_fields(source), start=7)

    assert [str(one) for one in found.values] == ["2025-01 (2)"]


def test_fewer_values_are_requested_if_the_answer_is_too_large() -> None:
    source = Capped([record(f"a{number}", t="x" * 90 + str(number)) for number in range(20)])
    fields = sample_fields(source)
    source.most_bytes = 1_000

    found = count_values(source, "t", fields, limit=16)

    assert (len(found.values), found.more) == (4, 16)


def test_no_stage_that_documentdb_lacks_is_used() -> None:
    source = Capped(list(WORLD.records))

    count_values(source, (V1, V2), sample_fields(source), {"name": "a"}, limit=1)

    used = {name for pipeline in source.pipelines for stage in pipeline for name in stage}
    assert used == {
        "$match", "$sort", "$skip", "$limit", "$project", "$unwind", "$group", "$count",
    }  # fmt: skip


def test_a_near_value_is_offered_for_a_misspelt_one() -> None:
    source = Records([record("a", p="Thalamic Survey"), record("b", p="Other")])

    found = count_values(source, "p", sample_fields(source))

    assert found.nearest("thalamic survy") == [ValueCount("Thalamic Survey", 1)]
    assert found.nearest("Cortical") == []
