"""Comparison of our matcher and pipelines with SecantusDB, which speaks MongoDB's wire protocol.

Where the two differ, the server is known to be wrong by MongoDB's documentation; each
case is listed with the reason, and the lists must be exact.
"""

from __future__ import annotations

import gzip
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.language.aggregate import run_pipeline
from dispatch_core.language.bson import date_text
from dispatch_core.language.match import compile_filter
from dispatch_core.types import JsonValue, Record
from tests.support.mongodb_semantics import REFUSED, Row, all_rows

pymongo = pytest.importorskip("pymongo", reason="pymongo speaks to the oracle")
secantus = pytest.importorskip("secantus", reason="SecantusDB is the oracle")

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of the server's own patterns
    pytest.mark.xdist_group("oracle"),
]

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the project")

WHOLE_RECORDS = bool(os.environ.get("ORACLE_WHOLE_RECORDS"))
"""Whether to compare over whole records, which takes a minute instead of ten seconds."""
KEPT_ELEMENTS = 6

Answer = Any
"""Ids, results, or "refused"."""

WRONG_ROWS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"a.00": 1}, {"a": [1]}, "00 is not an index"),
    ({"a.5": None}, {"a": [1]}, "an index past the end gives no value, not null"),
    ({"a": {"$regex": "h(?i)ELLO"}}, {"a": "hello"}, "PCRE accepts flags inside a pattern"),
    ({"a": {"$regex": "[[:digit:]]"}}, {"a": "x1"}, "PCRE has POSIX classes"),
    ({"a": {"$regex": "(?<n>x)\\k<n>"}}, {"a": "xx"}, "PCRE supports this notation of names"),
    ({"a": {"$regex": "\\Qa.b\\E"}}, {"a": "axb"}, "PCRE quotes with \\Q..\\E"),
    (
        {"a": {"$elemMatch": {"$or": [{"b": 1}, {"c": 1}]}}},
        {"a": [{"c": 1}]},
        "$elemMatch takes a whole filter, $or included",
    ),
    ({"a": {"$elemMatch": {"0": 1}}}, {"a": [[1]]}, "a nested array has fields 0, 1, .."),
    ({"a": {"$all": [None]}}, {}, "$all is an $and of equalities, and missing equals null"),
    ({"a": {"$all": [[1, 2]]}}, {"a": [1, 2]}, "$all is an $and of equalities: whole array"),
    (
        {"a.b": {"$all": ["x", "y"]}},
        {"a": [{"b": "x"}, {"b": "y"}]},
        "$all is an $and of equalities: each value may be in another document",
    ),
]

WRONGLY_ACCEPTED: list[dict[str, Any]] = [
    {"a": {"$gt": 1, "b": 2}},  # b is an unknown operator
    {"a": {"$elemMatch": {"b": 1, "$expr": {"$eq": [1, 1]}}}},  # $expr: top level only
]

WRONG_FILTERS = {
    "q0224": "$expr inside $elemMatch: MongoDB applies $expr only at the top level",
    "q0259": "$all over a dotted path through arrays",
}
PATH_THROUGH_ARRAY = "an expression's path through an array of documents gives the list of fields"
EMPTY_COUNT = "$count of no documents gives no document"
WRONG_PIPELINES = {
    "q0373": PATH_THROUGH_ARRAY,
    "q0377": EMPTY_COUNT,
    "q0381": PATH_THROUGH_ARRAY,
    "q0386": EMPTY_COUNT,
    "q0387": PATH_THROUGH_ARRAY,
    "q0389": PATH_THROUGH_ARRAY,
    "q0390": PATH_THROUGH_ARRAY,
    "q0394": EMPTY_COUNT,
    "q0395": EMPTY_COUNT,
    "q0416": EMPTY_COUNT,
    "q0419": PATH_THROUGH_ARRAY,
    "q0434": PATH_THROUGH_ARRAY,
    "q0495": PATH_THROUGH_ARRAY,
}
REFUSED_BY_BOTH = {
    "q0266": "$or under a field",
    "q0491": "a $group field that is not an accumulator",
    "q0524": "$count into _id",
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    server = secantus.SecantusDBServer(port=0, storage_path=str(tmp_path_factory.mktemp("oracle")))
    server.start()
    with pymongo.MongoClient(server.uri) as client:
        yield client.test
    server.stop()


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """The real records, each with a unique ``_id``: two have none, two share one."""
    named = (CORPUS / "queries.jsonl").read_text(encoding="utf-8")
    with gzip.open(CORPUS / "records.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [json.loads(line)["record"] for line in lines]
    kept = found if WHOLE_RECORDS else [_cut(record, named) for record in found]
    return [{**record, "_id": number} for number, record in enumerate(kept)]


@pytest.fixture(scope="module")
def assets(database: Any, records: list[Record]) -> Any:
    database.assets.insert_many([dict(record) for record in records])
    return database.assets


def _cut(value: JsonValue, named: str) -> JsonValue:
    """A value reduced to the fields in `named` and the first elements of its arrays."""
    if isinstance(value, list):
        return [_cut(item, named) for item in value[:KEPT_ELEMENTS]]
    if isinstance(value, dict):
        return {name: _cut(item, named) for name, item in value.items() if name in named}
    return value


def _real_queries(kind: str) -> dict[str, Any]:
    lines = (CORPUS / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["id"]: row["query"] for row in rows if row["kind"] == kind}


def _ids_from_oracle(collection: Any, filter_query: dict[str, Any]) -> Answer:
    try:
        return sorted(found["_id"] for found in collection.find(filter_query, {"_id": 1}))
    except pymongo.errors.OperationFailure:
        return "refused"


def _our_ids(records: list[Record], filter_query: dict[str, Any]) -> Answer:
    try:
        matches = compile_filter(filter_query)
    except InvalidInput:
        return "refused"
    return [record["_id"] for record in records if matches(record)]


def _results_from_oracle(collection: Any, pipeline: list[dict[str, Any]]) -> Answer:
    try:
        return _as_multiset([_plain(result) for result in collection.aggregate(pipeline)])
    except pymongo.errors.OperationFailure:
        return "refused"


def _our_results(records: list[Record], pipeline: list[dict[str, Any]]) -> Answer:
    try:
        return _as_multiset([_plain(result) for result in run_pipeline(records, pipeline)])
    except InvalidInput:
        return "refused"


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, datetime):
        return date_text(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(value[name]) for name in sorted(value)}
    return value


def _as_multiset(results: list[Record]) -> Counter[str]:
    return Counter(json.dumps(result, sort_keys=True) for result in results)


def _oracle_says(collection: Any, number: int, filter_query: dict[str, Any]) -> Answer:
    answer = _ids_from_oracle(collection, {"$and": [{"_id": number}, filter_query]})
    return answer if answer == "refused" else bool(answer)


def test_the_oracle_agrees_with_the_table_of_semantics_except_for_its_known_errors(
    database: Any,
) -> None:
    rows: list[Row] = all_rows()
    database.rows.insert_many([{**row[1], "_id": number} for number, row in enumerate(rows)])

    different = [
        (row[0], row[1])
        for number, row in enumerate(rows)
        if _oracle_says(database.rows, number, row[0]) is not row[2]
    ]

    assert len(rows) >= 300
    assert different == [(filter_query, document) for filter_query, document, _ in WRONG_ROWS]


def test_the_oracle_refuses_what_we_refuse_except_for_its_known_errors(database: Any) -> None:
    accepted = [
        filter_query
        for filter_query, _, _ in REFUSED
        if _ids_from_oracle(database.nothing, filter_query) != "refused"
    ]

    assert accepted == WRONGLY_ACCEPTED


@pytest.mark.main
@needs_corpus
def test_every_real_filter_finds_the_same_records(assets: Any, records: list[Record]) -> None:
    filters = _real_queries("filter")

    ours = {key: _our_ids(records, filter_query) for key, filter_query in filters.items()}
    theirs = {key: _ids_from_oracle(assets, filter_query) for key, filter_query in filters.items()}

    assert {key for key in filters if ours[key] != theirs[key]} == WRONG_FILTERS.keys()
    assert {key for key in filters if ours[key] == "refused"} == {"q0224", "q0266"}
    assert (len(filters), sum(1 for key in filters if ours[key] == theirs[key])) == (134, 132)


@needs_corpus
def test_every_real_pipeline_gives_the_same_results(assets: Any, records: list[Record]) -> None:
    pipelines = _real_queries("pipeline")

    ours = {key: _our_results(records, pipeline) for key, pipeline in pipelines.items()}
    theirs = {key: _results_from_oracle(assets, pipeline) for key, pipeline in pipelines.items()}

    assert {key for key in pipelines if ours[key] != theirs[key]} == WRONG_PIPELINES.keys()
    assert {key for key in pipelines if ours[key] == "refused"} == {"q0491", "q0524"}
    assert (len(pipelines), sum(1 for key in pipelines if ours[key] == theirs[key])) == (101, 88)


# No nested arrays: the server's $elemMatch is wrong for them, as the table of semantics shows.
VALUES: list[JsonValue] = [
    *(None, True, False, 0, 1, 2, 2.0, 2.5, -3, 2**40, "", "a", "b", "ab", "A\n", "é"),
    *([], [1], ["a", None], [1, 2, "a"], [True, 2.5], {}, {"b": 1}, {"b": "a", "c": None}),
    *({"b": {"c": [1, 2]}}, [{"b": 1}, {"b": [2, "a"]}], [{"b": {"c": 1}}, {}], [{"c": 1}, 2]),
]
PATHS = ["a", "b", "a.b", "a.b.c", "d.e", "d.e.b", "a.c", "missing", "d.missing"]
ARGUMENTS: dict[str, list[JsonValue]] = {
    "$in": [],
    "$nin": [],
    "$exists": [True, False],
    "$type": ["string", "number", "array", "null", ["bool", 3]],
    "$size": [0, 1, 2],
    "$mod": [[2, 0], [2, 1]],
    "$regex": ["^a", "b$", "a|b", ".*b.*", "[^a]", "^(?!a)", "A", "", "\\n", "a{1,2}b?"],
}


class RandomQueries:
    """Random filters over `PATHS` and `VALUES`, reproducible by seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def document(self, number: int) -> Record:
        names = self.random.sample(["a", "b"], self.random.randint(1, 2))
        document: Record = {name: self.random.choice(VALUES) for name in names}
        return {"_id": number, **document, "d": {"e": self.random.choice(VALUES)}}

    def filter_query(self, depth: int = 0) -> dict[str, Any]:
        if depth < 2 and self.random.random() < 0.25:
            members = [self.filter_query(depth + 1) for _ in range(self.random.randint(1, 3))]
            return {self.random.choice(["$and", "$or", "$nor"]): members}
        paths = self.random.sample(PATHS, self.random.choice([1, 1, 2]))
        return {path: self.condition() for path in paths}

    def condition(self) -> JsonValue:
        if self.random.random() < 0.2:
            return self.random.choice(VALUES)
        condition: dict[str, Any] = {}
        for _ in range(self.random.choice([1, 1, 2])):
            condition |= self.operator()
        return condition

    def operator(self, depth: int = 0) -> dict[str, Any]:
        pick = self.random.choice
        name = pick(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", *ARGUMENTS, "$not", "$elemMatch"])
        if name == "$not":
            return {name: self.operator(depth + 1) if depth < 2 else {"$eq": 1}}
        if name == "$elemMatch":
            return {name: self.element(depth)}
        if name in ("$in", "$nin"):
            return {name: [pick(VALUES) for _ in range(pick([0, 1, 3]))]}
        options = {"$options": pick(["", "i", "m", "s"])} if name == "$regex" else {}
        return {name: pick(ARGUMENTS.get(name, VALUES)), **options}

    def element(self, depth: int) -> dict[str, Any]:
        if depth < 2 and self.random.random() < 0.5:
            return self.operator(depth + 1)
        return {self.random.choice(["b", "c", "b.c"]): self.random.choice(VALUES)}


def test_400_random_filters_find_the_same_documents(database: Any) -> None:
    queries = RandomQueries(seed=20)
    documents = [queries.document(number) for number in range(150)]
    database.random.insert_many([dict(document) for document in documents])
    filters = [queries.filter_query() for _ in range(400)]

    different = [
        filter_query
        for filter_query in filters
        if _our_ids(documents, filter_query) != _ids_from_oracle(database.random, filter_query)
    ]

    assert different == []
