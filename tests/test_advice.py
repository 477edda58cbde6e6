"""Advice on a query: conditions that no record can match, and suggestions."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.demo.gateway import DemoGateway, GatewayAdapter
from dispatch_core.insight.advice import Advice, advise, translate
from dispatch_core.insight.fields import sample_fields, without_indices
from dispatch_core.sources.gateway import GatewaySource
from dispatch_core.types import Filter, Pipeline, Progress, Record, no_progress
from tests.fakes import Records, record, record_v2

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"


def v1(name: str, project: str, modality: str, **fields: Any) -> Record:
    return record(
        name,
        data_description={
            "project_name": project,
            "modality": [{"abbreviation": modality, "name": modality.title()}],
        },
        subject={"subject_id": "774659", "weight": 20},
        session={"session_type": "VR", "is_test": True},
        **fields,
    )


def v2(name: str, project: str, modality: str) -> Record:
    return record_v2(
        name,
        data_description={"project_name": project, "modalities": [{"abbreviation": modality}]},
        subject={"subject_id": "774659"},
        acquisition={"acquisition_type": "VR"},
    )


WORLD = Records(
    [
        v1("a", "Thalamic Survey", "fib"),
        v1("b", "Cortex Survey", "ecephys"),
        v2("c", "Thalamic Survey", "fib"),
    ]
)


def advice(query: Filter | Pipeline, source: Records = WORLD) -> tuple[Advice, ...]:
    return advise(source, query, sample_fields(source))


def serious(query: Filter | Pipeline) -> list[Advice]:
    return [one for one in advice(query) if one.kind != "spelling"]


@pytest.mark.parametrize(
    ("query", "message", "replacement"),
    [
        (
            {"subject.subjectid": "774659"},
            "No record has the field subject.subjectid",
            {"subject.subject_id": "774659"},
        ),
        (
            {"experiment.session_type": "VR", "name": "a"},
            "No record has the field experiment.session_type",
            {"session.session_type": "VR", "name": "a"},
        ),
        (
            {"session.acquisition_type": "VR"},
            "No record has the field session.acquisition_type",
            {"acquisition.acquisition_type": "VR"},
        ),
        (
            {"subject.subject_id": 774659},
            "subject.subject_id has texts; 774659 is a number and equals none of them",
            {"subject.subject_id": "774659"},
        ),
        (
            {"subject.subject_id": {"$in": [774659, 1]}},
            "subject.subject_id has texts; 774659 is a number and equals none of them",
            {"subject.subject_id": {"$in": ["774659", "1"]}},
        ),
        (
            {"subject.weight": {"$gt": "15"}},
            'subject.weight has numbers; "15" is a text and equals none of them',
            {"subject.weight": {"$gt": 15}},
        ),
        (
            {"session.is_test": "true"},
            'session.is_test has true or false; "true" is a text and equals none of them',
            {"session.is_test": True},
        ),
        (
            {"data_description.modality": "fib"},
            "data_description.modality has documents with fields of their own;"
            ' "fib" equals none of them',
            {"data_description.modality.abbreviation": "fib"},
        ),
        (
            {"data_description.project_name": "Thalamic Survy"},
            'No record has "Thalamic Survy" as data_description.project_name',
            {"data_description.project_name": "Thalamic Survey"},
        ),
        (
            {"data_description.modality": {"$elemMatch": {"abbrevation": "fib"}}},
            "No record has the field data_description.modality.abbrevation",
            {"data_description.modality": {"$elemMatch": {"abbreviation": "fib"}}},
        ),
    ],
)
def test_a_condition_that_nothing_can_meet_gets_a_replacement_that_finds_something(
    query: Filter, message: str, replacement: Filter
) -> None:
    (found,) = serious(query)

    assert found.message == message
    assert found.suggestions[0].query == replacement
    assert WORLD.count(query) == 0 < WORLD.count(replacement)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"subject.subject_id": "774659"},
        {"external_links.Code Ocean.0": "x"},
        {"no.such.field": {"$exists": False}},
        {"no.such.field": None},
        {"no.such.field": {"$ne": 3}},
        {"$nor": [{"no.such.field": 3}]},
        {"$or": [{"session.acquisition_type": "VR"}, {"acquisition.acquisition_type": "VR"}]},
        {"subject.subject_id": {"$in": ["774659", 774659]}},
        {"subject.subject_id": "774650"},
        {"data_description.project_name": "Something Else"},
        {"$expr": {"$eq": ["$a", 1]}},
        {"data_description.modality": {"$elemMatch": {"abbreviation": "fib"}}},
    ],
)
def test_what_may_well_be_meant_gets_no_advice(query: Filter) -> None:
    assert serious(query) == []


def test_a_field_that_the_sample_missed_is_not_called_unknown() -> None:
    fields = sample_fields(WORLD)
    rare = Records([*WORLD.records, v1("rare", "P", "fib", rig={"rig_id": "r1"})])

    assert advise(rare, {"rig.rig_id": "r1"}, fields) == ()


def test_a_number_that_some_record_has_is_not_a_wrong_type() -> None:
    fields = sample_fields(WORLD)
    odd = Records([*WORLD.records, record("odd", subject={"subject_id": 5})])

    assert advise(odd, {"subject.subject_id": 5}, fields) == ()


def test_fields_that_a_pipeline_computes_get_no_advice() -> None:
    pipeline: Pipeline = [
        {"$match": {"data_description.projectname": "Thalamic Survey"}},
        {"$project": {"month": {"$substrCP": ["$created", 0, 7]}}},
        {"$match": {"month": "2025-06"}},
    ]

    (found,) = serious(pipeline)

    assert found.path == "data_description.projectname"
    assert found.suggestions[0].query[0] == {
        "$match": {"data_description.project_name": "Thalamic Survey"}
    }
    assert found.suggestions[0].query[1:] == pipeline[1:]


def test_further_records_in_the_other_spelling_are_hinted_at_with_an_or() -> None:
    (hint,) = advice({"name": {"$ne": "x"}, "data_description.modality.abbreviation": "fib"})

    assert (hint.kind, hint.message) == (
        "spelling",
        "1 more record matches in the v2 spelling of the fields",
    )
    assert hint.suggestions[0].query == {
        "name": {"$ne": "x"},
        "$or": [
            {"data_description.modality.abbreviation": "fib"},
            {"data_description.modalities.abbreviation": "fib"},
        ],
    }


def test_a_query_over_both_spellings_gets_no_hint() -> None:
    (hint,) = advice({"data_description.modality.abbreviation": "fib"})

    assert advice(hint.suggestions[0].query) == ()


def test_a_query_is_translated_both_ways_with_the_count_of_each() -> None:
    found = translate(WORLD, {"session.session_type": "VR", "name": {"$ne": "x"}})

    assert [(one.version, one.count) for one in found] == [(1, 2), (2, 1), (0, 3)]
    assert found[1].query == {"acquisition.acquisition_type": "VR", "name": {"$ne": "x"}}
    assert translate(WORLD, {"name": "a"}) == ()


def test_advice_can_be_cancelled_by_its_progress() -> None:
    def stop(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    stopping: Progress = stop

    with pytest.raises(KeyboardInterrupt):
        advise(WORLD, {"a": 1, "b": 2}, sample_fields(WORLD), stopping)
    assert advise(WORLD, {}, sample_fields(WORLD), no_progress) == ()


@pytest.mark.more
@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real queries is not here")
def test_no_advice_on_a_real_query_calls_a_field_missing_that_a_record_has() -> None:
    with gzip.open(CORPUS / "records.jsonl.gz", "rt") as lines:
        records = [json.loads(line)["record"] for line in lines]
    records = [{**one, "_id": f"r{number}"} for number, one in enumerate(records)]
    source = GatewaySource("demo.invalid", adapter=GatewayAdapter(DemoGateway(records)))
    fields = sample_fields(source)
    held = {path for one in records for path in _paths(one)}
    texts = (CORPUS / "queries.jsonl").read_text("utf-8").splitlines()
    queries = [json.loads(text)["query"] for text in texts]

    advised = [one for query in queries for one in advise(source, query, fields)]
    unknown = [one.path for one in advised if one.kind == "unknown field"]

    assert len(unknown) == 16
    assert [path for path in unknown if without_indices(path) in held] == []


def _paths(value: Any, path: str = "") -> set[str]:
    if isinstance(value, list):
        return {inner for item in value for inner in _paths(item, path)} | {path}
    if not isinstance(value, dict):
        return {path}
    found = {path} if path else set()
    for name, item in value.items():
        found |= _paths(item, f"{path}.{name}" if path else name)
    return found
