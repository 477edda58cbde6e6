"""What a pipeline of the demo builds is counted before it is built, and refused over a limit."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from dispatch_core.connect import SourceSettings, open_metadata_source
from dispatch_core.demo.collection import RecordCollection
from dispatch_core.environment.limits import DEMO_MEMORY, DEMO_STEPS, DEMO_VALUE
from dispatch_core.errors import InvalidInput
from dispatch_core.language.aggregate import MAX_STAGES, run_pipeline
from dispatch_core.language.allowance import MAX_LEVELS, weight_of
from dispatch_core.language.match import compile_filter
from dispatch_core.types import Pipeline
from tests.support.world import ROOT

RECORDS = [
    {"_id": str(n), "n": n, "text": f"asset {n}", "list": [1, 2, 3], "doc": {"x": {"y": n}}}
    for n in range(50)
]


def again(times: int, **fields: Any) -> Pipeline:
    return [{"$addFields": fields}] * times


def doubled(times: int) -> Pipeline:
    return again(times, list={"$concatArrays": ["$list", "$list"]})


def folded(body: Any, over: Any = "$list") -> dict[str, Any]:
    return {"$reduce": {"input": over, "initialValue": [], "in": body}}


TOO_LARGE: dict[str, Pipeline] = {
    "concatArrays of itself": doubled(30),
    "concat of itself": again(30, text={"$concat": ["$text", "$text"]}),
    "concat of one text many times": again(9, text={"$concat": ["$text"] * 900}),
    "concatArrays of one list many times": again(9, list={"$concatArrays": ["$list"] * 900}),
    "a list of itself": again(30, list=["$list", "$list"]),
    "a document of itself": again(30, doc={"a": "$doc", "b": "$doc"}),
    "fields that are the record": again(30, a="$$ROOT", b="$$ROOT"),
    "nested fields": again(30, **{"doc.a": "$doc", "doc.b": "$doc"}),
    "project": [{"$project": {"list": {"$concatArrays": ["$list", "$list"]}}}] * 30,
    "replaceRoot": [{"$replaceRoot": {"newRoot": {"a": "$$ROOT", "b": "$$ROOT"}}}] * 30,
    "map": again(30, list={"$map": {"input": "$list", "in": "$list"}}),
    "map in map": again(
        9,
        list={
            "$map": {
                "input": "$list",
                "as": "one",
                "in": {"$map": {"input": "$list", "in": ["$$one", "$$this"]}},
            }
        },
    ),
    "reduce": again(30, list=folded({"$concatArrays": ["$$value", "$list"]})),
    "mergeObjects": [
        *again(9, doc={"$mergeObjects": ["$doc", {"x": "$doc", "y": "$doc"}]}),
        *again(9, doc={"a": "$doc", "b": "$doc", "c": "$doc"}),
    ],
    "objectToArray": again(30, doc={"a": {"$objectToArray": "$doc"}, "b": "$doc"}),
    "split": [
        *again(16, text={"$concat": ["$text", "$text"]}),
        *again(1, list={"$split": ["$text", "a"]}),
    ],
    "let in let": [
        *again(15, text={"$concat": ["$text", "$text"]}),
        *again(
            1,
            x={
                "$let": {
                    "vars": {f"a{n}": {"$concat": ["$text", str(n)]} for n in range(99)},
                    "in": 1,
                }
            },
        ),
    ],
    "many texts in a list": [
        *again(15, text={"$concat": ["$text", "$text"]}),
        *again(1, x=[{"$concat": ["$text", str(n)]} for n in range(99)]),
    ],
    "push": [*doubled(11), {"$group": {"_id": None, "all": {"$push": "$list"}}}],
    "push of records": [
        *doubled(11),
        {"$group": {"_id": None, "all": {"$push": "$$ROOT"}}},
    ],
    "addToSet": [
        *doubled(11),
        {"$group": {"_id": None, "all": {"$addToSet": {"n": "$n", "of": "$list"}}}},
    ],
    "first of each": [
        *again(16, text={"$concat": ["$text", "$text"]}),
        {"$group": {"_id": "$n", "one": {"$first": "$text"}}},
    ],
    "unwind, sorted": [*doubled(9), {"$unwind": "$list"}, {"$sort": {"list": 1}}],
    "unwind, grouped": [
        *doubled(9),
        {"$unwind": {"path": "$list", "includeArrayIndex": "at"}},
        {"$group": {"_id": ["$n", "$at"]}},
    ],
    "unwind, as the result": [*doubled(9), {"$unwind": "$list"}],
    "a comparison of doubled documents": [
        *again(12, doc={"a": "$doc", "b": "$doc"}),
        {"$project": {"x": {"$eq": [["$doc"] * 9, ["$doc"] * 9]}}},
    ],
    "in $expr": [
        {
            "$match": {
                "$expr": {
                    "$size": [
                        folded({"$concatArrays": [["$$value"] * 9] * 9}, {"$literal": [1] * 99})
                    ]
                }
            }
        }
    ],
}
"""What grows -> a pipeline of a few hundred bytes that would take gigabytes."""

TOO_LONG: dict[str, Pipeline] = {
    "unwind of doubled lists": [*doubled(9), {"$unwind": "$list"}, {"$count": "n"}],
    "unwind again and again": [
        *[{"$addFields": {"a": {"$literal": list(range(50))}}}, {"$unwind": "$a"}] * 5,
        {"$count": "n"},
    ],
    "filter in filter": again(
        1,
        x={"$size": {"$filter": {
            "input": {"$literal": [1] * 2000},
            "cond": {"$size": {"$filter": {"input": {"$literal": [1] * 2000}, "cond": False}}},
        }}},
    ),
}  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(DEMO_VALUE.variable, "1")
    monkeypatch.setenv(DEMO_MEMORY.variable, "8")
    monkeypatch.setenv(DEMO_STEPS.variable, "60000")
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24_000_000, f"{peak:,} bytes"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_pipeline_that_builds_too_much_is_refused_before_it_is_built(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        run_pipeline(RECORDS, TOO_LARGE[name])
    (issue,) = caught.value.issues
    assert "would take more than 1 MB" in issue.what or "take more than 8 MB" in issue.what
    assert issue.where.startswith(("stage ", "pipeline", "$expr"))
    assert "$match" in issue.action
    assert DEMO_VALUE.variable in issue.action or DEMO_MEMORY.variable in issue.action


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", TOO_LONG)
def test_a_pipeline_that_goes_through_too_many_items_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"more than 60,000.*{DEMO_STEPS.variable}"):
        run_pipeline(RECORDS, TOO_LONG[name])


def test_a_small_pipeline_cannot_fill_the_memory_of_the_demo() -> None:
    """As it is installed: a process of 1 GB answers each, and goes on."""
    program = """if True:
        import json, resource, sys
        resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000, 1_000_000_000))
        from dispatch_core.connect import SourceSettings, open_metadata_source
        from dispatch_core.errors import InvalidInput
        source = open_metadata_source(SourceSettings())
        for pipeline in json.load(sys.stdin):
            assert len(json.dumps(pipeline)) < 2_000
            try:
                source.aggregate(pipeline)
            except InvalidInput as error:
                assert "MB" in str(error), str(error)
            else:
                raise AssertionError("it is not refused")
    """
    pipelines = [
        again(30, name={"$concat": ["$name", "$name"]}),
        [{"$set": {"a": [1, "$_id"]}}, *again(30, a={"$concatArrays": ["$a", "$a"]})],
        again(20, a="$$ROOT", b="$$ROOT"),
        [*again(13, name={"$concat": ["$name", "$name"]}), {"$sort": {"name": 1}}],
    ]
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(pipelines),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]


ORDINARY: list[Pipeline] = [
    [{"$sort": {"_id": 1}}, {"$group": {"_id": "$subject.subject_id", "x": {"$first": "$$ROOT"}}},
     {"$replaceRoot": {"newRoot": "$x"}}, {"$project": {"name": 1}}],
    [{"$group": {"_id": "$subject.subject_id", "all": {"$push": "$$ROOT"}}},
     {"$project": {"all": {"$slice": ["$all", 3]}}}, {"$project": {"all.name": 1}}],
    [{"$match": {"$expr": {"$in": ["$name", [f"asset_{n}" for n in range(1000)]]}}}],
    [{"$addFields": {"parts": {"$split": ["$name", "_"]}}}, {"$unwind": "$parts"},
     {"$group": {"_id": "$parts", "n": {"$sum": 1}}}, {"$sort": {"n": -1}}, {"$limit": 5}],
]  # fmt: skip


@pytest.mark.parametrize("pipeline", ORDINARY)
def test_what_people_write_is_far_below_the_limits(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_metadata_source(SourceSettings())
    found = source.aggregate(pipeline)
    monkeypatch.setenv(DEMO_MEMORY.variable, str(DEMO_MEMORY.default // 8))
    assert source.aggregate(pipeline) == found


def test_more_may_be_built_of_more_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEMO_MEMORY.variable, "1")
    monkeypatch.setenv(DEMO_STEPS.variable, "10")
    computed: Pipeline = [
        {"$project": {"x": {"$concat": ["$text", "y" * 1_500]}, "list": 1}},
        {"$unwind": "$list"},
        {"$group": {"_id": None, "n": {"$sum": 1}}},
    ]
    assert run_pipeline(RECORDS * 200, computed) == [{"_id": None, "n": 30_000}]
    computed[0]["$project"]["x"]["$concat"].append("y" * 3_000)
    with pytest.raises(InvalidInput, match="more than 1 MB"):
        run_pipeline(RECORDS * 200, computed)


def test_a_value_has_at_most_100_levels() -> None:
    deeper = again(MAX_LEVELS, doc=["$doc"])
    with pytest.raises(InvalidInput, match="more than 100 levels deep"):
        run_pipeline(RECORDS, deeper)
    assert run_pipeline(RECORDS, deeper[: MAX_LEVELS - 5])


@pytest.mark.parametrize(
    "pipeline",
    [
        [{"$project": {".".join("a" * 5000): 1}}],
        [{"$addFields": {".".join("a" * 900): 1}}],
        [{"$addFields": {"a": {".".join("a" * 60): {".".join("a" * 60): 1}}}}],
        [{"$unset": ".".join("a" * 5000)}],
        [{"$unwind": "$" + ".".join("a" * 5000)}],
        [{"$unwind": {"path": "$list", "includeArrayIndex": ".".join("a" * 5000)}}],
    ],
)
def test_a_path_of_many_names_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(InvalidInput, match="more than 100 names"):
        run_pipeline(RECORDS, pipeline)


def test_a_pipeline_has_at_most_1000_stages() -> None:
    """Each is an iterator inside the next; a hundred thousand of them end the process."""
    assert len(run_pipeline(RECORDS, [{"$match": {}}] * MAX_STAGES)) == 50
    with pytest.raises(InvalidInput, match=r"200,000 stages, more than 1,000\. Combine"):
        run_pipeline(RECORDS, [{"$match": {}}] * 200_000)


def test_numbers_of_more_than_64_bits_are_doubles() -> None:
    squared = again(8, n={"$multiply": ["$n", "$n"]})
    (record,) = run_pipeline([{"n": 3}], squared)
    assert record["n"] == float(3**256)
    assert isinstance(record["n"], float)
    with pytest.raises(InvalidInput, match="no result"):
        run_pipeline([{"n": 10**400}], squared)
    added = [{"$project": {"x": {"$add": [2**62, 2**62]}, "y": {"$sum": [2**62, 2**62, 1]}}}]
    (record,) = run_pipeline([{"_id": "a"}], added)
    assert [type(record[name]) for name in "xy"] == [float, float]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"$round": [5, -3_000_000]}, "place from -20 to 100"),
        ({"$dateFromString": {"dateString": "1", "format": "%d%d"}}, "cannot read '1' as a date"),
        ({"$dateFromString": {"dateString": "1", "format": "%d" * 1000}}, "1,000 characters"),
        ({"$toDouble": {"$concat": ["1" * 200_000, "x"]}}, "as a number"),
    ],
)
def test_what_a_short_argument_could_make_long_is_refused(expression: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        run_pipeline([{"_id": "a"}], [{"$project": {"x": expression}}])


def test_a_simple_pattern_over_a_long_text_has_a_time_limit() -> None:
    """``1+y`` takes the square of the length of a text of ones."""
    record = {"_id": "a", "text": "1" * 2_000_000}
    with pytest.raises(InvalidInput, match="takes too long"):
        compile_filter({"text": {"$regex": "1+y"}})(record)
    matched = {"$regexMatch": {"input": "$text", "regex": "1+y"}}
    with pytest.raises(InvalidInput, match="takes too long"):
        run_pipeline([record], [{"$project": {"x": matched}}])


def test_one_request_leaves_the_time_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept filter had one time for all requests, so a slow one was refused for everybody."""
    collection = RecordCollection([{"_id": "a", "text": "aaa"}])
    clock = count(0, 0.9)
    monkeypatch.setattr("dispatch_core.language.pcre.time.perf_counter", lambda: next(clock))
    assert [collection.count({"text": {"$regex": "^(a|aa)+$"}}) for _ in range(5)] == [1] * 5


def test_a_weight_stops_beyond_the_limit() -> None:
    value: Any = ["x" * 100]
    for _ in range(60):
        value = [value, value]
    assert 10_000 < weight_of(value, 10_000) < 20_000
    assert weight_of(1, 100) < weight_of("text", 100) < weight_of(["text"], 1000)
    assert weight_of("é" * 100, 1000) > weight_of("e" * 100, 1000)
