"""Pipelines return the results of MongoDB's aggregation and never modify their input."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import InvalidInput
from dispatch_core.language.aggregate import (
    project_record,
    run_pipeline,
    sort_records,
    supported_stages,
)
from dispatch_core.language.bson import MISSING
from dispatch_core.language.expressions import compile_expression, scope_of, supported_operators
from dispatch_core.types import Record

RECORD: Record = {
    "_id": "r1",
    "name": "ecephys_1_2025-01-31",
    "n": 7,
    "half": 2.5,
    "neg": -7,
    "flag": True,
    "none": None,
    "list": [3, 1, 2],
    "empty": [],
    "doc": {"x": 1, "y": "z"},
    "docs": [{"b": 1}, {"c": 2}, {"b": 3}, 4, [{"b": 5}]],
    "start": "2025-01-31T10:00:00-08:00",
    "end": "2025-01-31T18:30:00.250Z",
    "Code Ocean": {"0": "zero"},
}

EXPRESSIONS: list[tuple[Any, Any]] = [
    ("$n", 7),
    ("text", "text"),
    ("$doc.x", 1),
    ("$docs.b", [1, 3]),
    ("$list.0", []),
    ("$Code Ocean.0", "zero"),
    ("$nowhere", MISSING),
    ("$n.x", MISSING),
    ("$$ROOT.n", 7),
    ("$$CURRENT.doc.y", "z"),
    ("$$REMOVE", MISSING),
    (["$n", "$nowhere"], [7, None]),
    ({"a": "$n", "b": "$nowhere", "c": {"d": 1}}, {"a": 7, "c": {"d": 1}}),
    ({"$literal": "$n"}, "$n"),
    ({"$cond": ["$flag", "yes", "no"]}, "yes"),
    ({"$cond": {"if": "$nowhere", "then": 1, "else": 2}}, 2),
    ({"$cond": [{"$eq": ["$nowhere", None]}, 1, 2]}, 2),
    ({"$ifNull": ["$none", "$nowhere", "default"]}, "default"),
    ({"$ifNull": ["$n", 0]}, 7),
    ({"$switch": {"branches": [{"case": "$none", "then": 1}], "default": 2}}, 2),
    ({"$switch": {"branches": [{"case": "$flag", "then": 1}]}}, 1),
    ({"$and": ["$flag", "$n", ""]}, True),
    ({"$and": []}, True),
    ({"$or": ["$none", 0]}, False),
    ({"$or": []}, False),
    ({"$not": ["$none"]}, True),
    ({"$not": "$empty"}, False),
    ({"$eq": ["$n", 7.0]}, True),
    ({"$eq": ["$flag", 1]}, False),
    ({"$ne": ["$n", "7"]}, True),
    ({"$gt": ["x", 5]}, True),
    ({"$gte": ["$n", 7]}, True),
    ({"$lt": ["$nowhere", None]}, True),
    ({"$lte": ["$list", [3, 1]]}, False),
    ({"$cmp": ["$n", 9]}, -1),
    ({"$add": ["$n", 1, 0.5]}, 8.5),
    ({"$add": ["$n", None]}, None),
    ({"$add": []}, 0),
    ({"$subtract": ["$n", 2]}, 5),
    ({"$multiply": ["$n", 2]}, 14),
    ({"$divide": ["$n", 2]}, 3.5),
    ({"$divide": ["$none", 2]}, None),
    ({"$mod": ["$neg", 3]}, -1),
    ({"$mod": [7.5, 2]}, 1.5),
    ({"$abs": "$neg"}, 7),
    ({"$ceil": "$half"}, 3),
    ({"$floor": "$half"}, 2),
    ({"$round": ["$half"]}, 2),
    ({"$round": [2.345, 1]}, 2.3),
    ({"$size": "$list"}, 3),
    ({"$isArray": "$list"}, True),
    ({"$isArray": ["$nowhere"]}, False),
    ({"$isNumber": "$flag"}, False),
    ({"$type": "$nowhere"}, "missing"),
    ({"$type": "$half"}, "double"),
    ({"$arrayElemAt": ["$list", -1]}, 2),
    ({"$arrayElemAt": ["$list", 5]}, MISSING),
    ({"$arrayElemAt": ["$nowhere", 0]}, None),
    ({"$first": "$list"}, 3),
    ({"$last": "$list"}, 2),
    ({"$first": "$empty"}, MISSING),
    ({"$in": [1.0, "$list"]}, True),
    ({"$in": ["x", "$list"]}, False),
    ({"$concatArrays": ["$list", [9]]}, [3, 1, 2, 9]),
    ({"$concatArrays": ["$list", "$none"]}, None),
    ({"$slice": ["$list", 2]}, [3, 1]),
    ({"$slice": ["$list", -2]}, [1, 2]),
    ({"$slice": ["$list", 1, 1]}, [1]),
    ({"$objectToArray": "$doc"}, [{"k": "x", "v": 1}, {"k": "y", "v": "z"}]),
    ({"$objectToArray": "$none"}, None),
    ({"$mergeObjects": ["$doc", {"x": 2}, None]}, {"x": 2, "y": "z"}),
    ({"$sum": "$list"}, 6),
    ({"$sum": ["$n", "$list", "x"]}, 7),
    ({"$avg": "$list"}, 2.0),
    ({"$avg": "$empty"}, None),
    ({"$min": "$list"}, 1),
    ({"$max": ["$n", "$none", "x"]}, "x"),
    ({"$filter": {"input": "$list", "cond": {"$gt": ["$$this", 1]}}}, [3, 2]),
    ({"$filter": {"input": "$list", "as": "i", "cond": True, "limit": 1}}, [3]),
    ({"$filter": {"input": "$none", "cond": True}}, None),
    ({"$map": {"input": "$docs", "as": "d", "in": "$$d.b"}}, [1, None, 3, None, [5]]),
    ({"$map": {"input": "$list", "in": {"$add": ["$$this", "$n"]}}}, [10, 8, 9]),
    (
        {
            "$reduce": {
                "input": "$list",
                "initialValue": "",
                "in": {"$concat": ["$$value", {"$toString": "$$this"}]},
            }
        },
        "312",
    ),
    ({"$let": {"vars": {"m": {"$add": ["$n", 1]}}, "in": {"$multiply": ["$$m", 2]}}}, 16),
    ({"$concat": ["a", "$doc.y"]}, "az"),
    ({"$concat": ["a", "$none"]}, None),
    ({"$split": ["$name", "_"]}, ["ecephys", "1", "2025-01-31"]),
    ({"$split": ["$none", "_"]}, None),
    ({"$substr": ["$name", 0, 7]}, "ecephys"),
    ({"$substr": ["$name", 8, -1]}, "1_2025-01-31"),
    ({"$substr": ["$none", 0, 7]}, ""),
    ({"$substrBytes": ["éa", 2, 1]}, "a"),
    ({"$substrCP": ["éa", 1, 1]}, "a"),
    ({"$strLenCP": "éa"}, 2),
    ({"$toLower": "ABC"}, "abc"),
    ({"$toUpper": "$none"}, ""),
    ({"$regexMatch": {"input": "$name", "regex": "^ECE", "options": "i"}}, True),
    ({"$regexMatch": {"input": "$none", "regex": "x"}}, False),
    ({"$toString": "$n"}, "7"),
    ({"$toString": "$half"}, "2.5"),
    ({"$toString": "$flag"}, "true"),
    ({"$toString": "$nowhere"}, None),
    ({"$toDouble": "1.5e2"}, 150.0),
    ({"$toDouble": "$flag"}, 1.0),
    ({"$toDouble": "$nowhere"}, None),
    ({"$toInt": "12"}, 12),
    ({"$toInt": "$half"}, 2),
    ({"$toLong": "$n"}, 7),
    ({"$toString": {"$toDate": "$start"}}, "2025-01-31T18:00:00.000Z"),
    ({"$toString": {"$toDate": 1500.0}}, "1970-01-01T00:00:01.500Z"),
    ({"$toDate": "$none"}, None),
    ({"$subtract": [{"$toDate": "$end"}, {"$toDate": "$start"}]}, 1_800_250),
    ({"$toString": {"$add": [{"$toDate": 0.0}, 1000]}}, "1970-01-01T00:00:01.000Z"),
    ({"$toString": {"$subtract": [{"$toDate": 2**40}, 1000]}}, "2004-11-03T19:53:46.776Z"),
    ({"$dateFromString": {"dateString": "$nowhere"}}, None),
    ({"$dateFromString": {"dateString": "$nowhere", "onNull": "n"}}, "n"),
    ({"$dateFromString": {"dateString": "soon", "onError": "bad"}}, "bad"),
    (
        {"$year": {"$dateFromString": {"dateString": "31/01/2024", "format": "%d/%m/%Y"}}},
        2024,
    ),
    (
        {"$dateToString": {"date": {"$toDate": "$end"}, "format": "%Y-%m %H:%M:%S.%L"}},
        "2025-01 18:30:00.250",
    ),
    ({"$dateToString": {"date": "$none", "onNull": "never"}}, "never"),
    ({"$month": {"$toDate": "$start"}}, 1),
    ({"$dayOfMonth": {"$toDate": "$start"}}, 31),
    ({"$dayOfYear": {"$toDate": "2025-02-01"}}, 32),
    ({"$dayOfWeek": {"$toDate": "2025-02-01"}}, 7),
    ({"$hour": {"date": {"$toDate": "$start"}}}, 18),
    ({"$minute": {"$toDate": "$end"}}, 30),
    ({"$second": {"$toDate": "$end"}}, 0),
    ({"$year": "$none"}, None),
]


@pytest.mark.parametrize(("expression", "expected"), EXPRESSIONS)
def test_an_expression_has_the_value_that_mongodb_computes(expression: Any, expected: Any) -> None:
    value = compile_expression(expression, "field")(scope_of(RECORD))

    assert value == expected
    assert isinstance(value, bool) is isinstance(expected, bool)


def test_every_operator_is_tested() -> None:
    rows = str(EXPRESSIONS)

    assert [name for name in supported_operators() if f"'{name}'" not in rows] == []


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ({"$foo": 1}, "$foo"),
        ({"$function": {}}, "$function"),
        ({"$size": "$n"}, "$size needs an array, not int"),
        ({"$size": "$nowhere"}, "$size needs an array, not missing"),
        ({"$size": ["$a", "$b"]}, "$size takes 1 value, but 2"),
        ({"$slice": ["$list"]}, "$slice takes 2 to 3 values"),
        ({"$subtract": [1]}, "$subtract takes 2 values"),
        ({"$add": ["$n", "x"]}, "$add needs a number, not string"),
        ({"$add": ["$n", True]}, "$add needs a number, not bool"),
        ({"$divide": [1, 0]}, "$divide cannot divide by zero"),
        ({"$mod": [1, 0]}, "$mod cannot divide by zero"),
        ({"$multiply": [1e308, 10**400]}, "$multiply has no result"),
        ({"$toDate": 5}, "$toDate takes a long or a double, not int"),
        ({"$toDouble": "1_0"}, "$toDouble cannot read '1_0'"),
        ({"$toDouble": "$list"}, "$toDouble needs a number, not array"),
        ({"$toInt": "1.5"}, "$toInt cannot read '1.5'"),
        ({"$toDate": "soon"}, "$toDate cannot read 'soon' as a date"),
        ({"$toDate": 1e30}, "$toDate has no result"),
        ({"$dateFromString": {"dateString": "$name"}}, "$dateFromString cannot read"),
        ({"$dateFromString": "$name"}, "$dateFromString needs a document"),
        ({"$dateFromString": {"dateString": "x", "zone": 1}}, "does not take 'zone'"),
        ({"$dateToString": {"date": "$start"}}, "$dateToString needs a date"),
        ({"$month": "$start"}, "$month needs a date, not string"),
        ({"$concat": ["$n"]}, "$concat needs a string, not int"),
        ({"$split": ["$name", ""]}, "$split needs a separator"),
        ({"$substr": ["éa", 1, 1]}, "cuts through a character"),
        ({"$substrCP": ["$name", -1, 1]}, "$substrCP needs a start"),
        ({"$toLower": "$doc"}, "$toLower needs a string, not object"),
        ({"$strLenCP": "$none"}, "$strLenCP needs a string, not null"),
        ({"$in": [1, "$doc"]}, "$in needs an array, not object"),
        ({"$arrayElemAt": ["$list", 1.5]}, "$arrayElemAt needs a whole number"),
        ({"$slice": ["$list", 0, 0]}, "$slice needs a positive count"),
        ({"$objectToArray": "$list"}, "$objectToArray needs a document"),
        ({"$mergeObjects": [1]}, "$mergeObjects needs documents"),
        ({"$add": [{"$toDate": 0.0}, {"$toDate": 0.0}]}, "$add takes only one date"),
        ({"$map": {"input": "$n", "in": 1}}, "$map needs an array, not int"),
        ({"$map": {"input": "$list"}}, "$map needs 'in'"),
        ({"$map": {"input": [], "as": "X", "in": 1}}, "$map has a variable named 'X'"),
        ({"$filter": {"input": [], "cond": "$$that"}}, "the variable $$that is not defined"),
        ({"$cond": [1, 2]}, "$cond takes 3 values, but 2 were given"),
        ({"$ifNull": ["$n"]}, "$ifNull takes at least 2"),
        ({"$switch": {"branches": []}}, "$switch needs a list of branches"),
        ({"$switch": {"branches": [{"case": False, "then": 1}]}}, "$switch has no default"),
        ({"$let": {"vars": 1, "in": 1}}, "$let needs a document of variables"),
        ({"$eq": [1]}, "$eq takes 2 values"),
        ({"$regexMatch": {"input": "$n", "regex": "x"}}, "$regexMatch needs strings"),
        ({"$regexMatch": {"input": "x", "regex": "("}}, "$regex '('"),
        ({"$first": "$n", "x": 1}, "$first is used beside other fields"),
        ({"a.b": 1}, "contains a dot"),
        ("$", "is not a field path"),
        ("$a..b", "is not a field path"),
        ("$$ROOT.", "is not a field path"),
    ],
)
def test_an_expression_without_a_value_is_refused_with_its_operator_and_position(
    expression: Any, named: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_expression(expression, "field")(scope_of(RECORD))

    assert caught.value.issues[0].where == "field"
    assert named in caught.value.issues[0].what


ASSETS: list[Record] = [
    {"_id": "a", "subject": {"id": "1"}, "kind": ["x", "y"], "size": 3},
    {"_id": "b", "subject": {"id": "2"}, "kind": ["x"], "size": 1},
    {"_id": "c", "subject": {"id": "1"}, "kind": [], "size": None},
    {"_id": "d", "subject": {}, "kind": "z"},
]

PIPELINES: list[tuple[str, list[dict[str, Any]], list[Record]]] = [
    ("an empty pipeline returns the records", [], ASSETS),
    (
        "match filters",
        [{"$match": {"kind": "x"}}, {"$project": {"_id": 1}}],
        [{"_id": "a"}, {"_id": "b"}],
    ),
    (
        "match compares dates from an earlier stage",
        [
            {"$project": {"at": {"$toDate": {"$literal": "2025-01-01"}}}},
            {"$match": {"at": {"$type": "date", "$ne": "2025-01-01"}}},
            {"$limit": 1},
        ],
        [{"_id": "a", "at": "2025-01-01T00:00:00.000Z"}],
    ),
    (
        "project keeps _id and computes",
        [{"$limit": 1}, {"$project": {"id": "$subject.id", "none": "$nowhere", "size": True}}],
        [{"_id": "a", "size": 3, "id": "1"}],
    ),
    (
        "project makes nested fields",
        [
            {"$limit": 1},
            {"$project": {"_id": 0, "subject.twice": ["$size", "$size"], "s": {"t": "$size"}}},
        ],
        [{"subject": {"twice": [3, 3]}, "s": {"t": 3}}],
    ),
    (
        "project excludes",
        [{"$match": {"_id": "a"}}, {"$project": {"subject.id": 0, "kind": 0}}],
        [{"_id": "a", "subject": {}, "size": 3}],
    ),
    (
        "addFields keeps the existing fields",
        [
            {"$match": {"_id": "b"}},
            {"$addFields": {"subject.n": 1, "kind": {"first": "$size"}, "size": "$$REMOVE"}},
        ],
        [{"_id": "b", "subject": {"id": "2", "n": 1}, "kind": [{"first": 1}]}],
    ),
    (
        "set changes each element of an array",
        [{"$match": {"_id": "b"}}, {"$set": {"kind.n": 1}}, {"$project": {"kind": 1}}],
        [{"_id": "b", "kind": [{"n": 1}]}],
    ),
    (
        "unset removes",
        [{"$match": {"_id": "b"}}, {"$unset": ["subject.id", "kind"]}],
        [{"_id": "b", "subject": {}, "size": 1}],
    ),
    (
        "unset accepts one path",
        [{"$match": {"_id": "d"}}, {"$unset": "kind"}],
        [{"_id": "d", "subject": {}}],
    ),
    (
        "unwind repeats a record, drops empty arrays, keeps other values",
        [{"$unwind": "$kind"}, {"$project": {"kind": 1}}],
        [
            {"_id": "a", "kind": "x"},
            {"_id": "a", "kind": "y"},
            {"_id": "b", "kind": "x"},
            {"_id": "d", "kind": "z"},
        ],
    ),
    (
        "unwind keeps empty arrays on request, with the index",
        [
            {
                "$unwind": {
                    "path": "$kind",
                    "preserveNullAndEmptyArrays": True,
                    "includeArrayIndex": "i",
                }
            },
            {"$project": {"kind": 1, "i": 1}},
        ],
        [
            {"_id": "a", "kind": "x", "i": 0},
            {"_id": "a", "kind": "y", "i": 1},
            {"_id": "b", "kind": "x", "i": 0},
            {"_id": "c", "i": None},
            {"_id": "d", "kind": "z", "i": None},
        ],
    ),
    (
        "unwind keeps null and missing on request",
        [
            {"$unwind": {"path": "$size", "preserveNullAndEmptyArrays": True}},
            {"$match": {"size": None}},
            {"$project": {"size": 1}},
        ],
        [{"_id": "c", "size": None}, {"_id": "d"}],
    ),
    (
        "unwind follows a path into documents",
        [{"$unwind": "$subject.id"}, {"$count": "n"}],
        [{"n": 3}],
    ),
    (
        "group accumulates by key, missing as null, in order of appearance",
        [
            {
                "$group": {
                    "_id": "$subject.id",
                    "n": {"$sum": 1},
                    "total": {"$sum": "$size"},
                    "mean": {"$avg": "$size"},
                    "ids": {"$push": "$_id"},
                    "count": {"$count": {}},
                }
            }
        ],
        [
            {"_id": "1", "n": 2, "total": 3, "mean": 3.0, "ids": ["a", "c"], "count": 2},
            {"_id": "2", "n": 1, "total": 1, "mean": 1.0, "ids": ["b"], "count": 1},
            {"_id": None, "n": 1, "total": 0, "mean": None, "ids": ["d"], "count": 1},
        ],
    ),
    (
        "group into a single record",
        [
            {
                "$group": {
                    "_id": None,
                    "least": {"$min": "$size"},
                    "most": {"$max": "$size"},
                    "first": {"$first": "$size"},
                    "last": {"$last": "$size"},
                    "kinds": {"$addToSet": "$kind"},
                    "sizes": {"$push": "$size"},
                }
            }
        ],
        [
            {
                "_id": None,
                "least": 1,
                "most": 3,
                "first": 3,
                "last": None,
                "kinds": [["x", "y"], ["x"], [], "z"],
                "sizes": [3, 1, None],
            }
        ],
    ),
    (
        "group by a document, which omits missing fields",
        [{"$group": {"_id": {"s": "$subject.id"}}}, {"$limit": 3}],
        [{"_id": {"s": "1"}}, {"_id": {"s": "2"}}, {"_id": {}}],
    ),
    (
        "group keeps whole records",
        [{"$match": {"_id": "d"}}, {"$group": {"_id": ["$_id"], "r": {"$first": "$$ROOT"}}}],
        [{"_id": ["d"], "r": {"_id": "d", "subject": {}, "kind": "z"}}],
    ),
    (
        "sort puts missing and null first, and is stable",
        [{"$sort": {"size": 1}}, {"$project": {"_id": 1}}],
        [{"_id": "c"}, {"_id": "d"}, {"_id": "b"}, {"_id": "a"}],
    ),
    (
        "sort by several fields, one descending",
        [{"$sort": {"subject.id": -1, "_id": -1}}, {"$project": {"_id": 1}}],
        [{"_id": "b"}, {"_id": "c"}, {"_id": "a"}, {"_id": "d"}],
    ),
    (
        "skip and limit",
        [{"$skip": 1}, {"$limit": 2}, {"$project": {"_id": 1}}],
        [{"_id": "b"}, {"_id": "c"}],
    ),
    ("count", [{"$match": {"size": {"$gt": 0}}}, {"$count": "n"}], [{"n": 2}]),
    ("count of no records gives no record", [{"$match": {"_id": "e"}}, {"$count": "n"}], []),
    (
        "replaceRoot",
        [
            {"$limit": 1},
            {"$replaceRoot": {"newRoot": {"$mergeObjects": ["$subject", {"s": "$size"}]}}},
        ],
        [{"id": "1", "s": 3}],
    ),
    ("replaceWith", [{"$limit": 1}, {"$replaceWith": "$subject"}], [{"id": "1"}]),
    (
        "sortByCount",
        [{"$unwind": "$kind"}, {"$sortByCount": "$kind"}, {"$limit": 1}],
        [{"_id": "x", "count": 2}],
    ),
]


@pytest.mark.parametrize(("rule", "pipeline", "expected"), PIPELINES)
def test_a_pipeline_returns_the_results_of_mongodb_and_modifies_no_record(
    rule: str, pipeline: list[dict[str, Any]], expected: list[Record]
) -> None:
    records = copy.deepcopy(ASSETS)

    results = run_pipeline(records, pipeline)

    assert (rule, results) == (rule, expected)
    assert records == ASSETS


def test_every_stage_is_tested() -> None:
    rows = str(PIPELINES)

    assert [name for name in supported_stages() if f"'{name}'" not in rows] == []


@pytest.mark.parametrize(
    ("pipeline", "where", "named"),
    [
        ([{"$lookup": {}}], "stage 1", "$lookup is not supported"),
        ([{"$match": {}}, {"$out": "x"}], "stage 2", "$out is not supported"),
        ([{"$merge": "x"}], "stage 1", "$merge is not supported"),
        ([{"$facet": {}}], "stage 1", "$facet is not supported"),
        ([{}], "stage 1", "one operator"),
        ([{"$match": {}, "$limit": 1}], "stage 1", "one operator"),
        (["$match"], "stage 1", "one operator"),
        ({"$match": {}}, "pipeline", "list of stages"),
        ([{"$match": {"$where": "1"}}], "$where", "$where"),
        ([{"$limit": 0}], "stage 1, $limit", "at least 1"),
        ([{"$limit": 2.0**63}], "stage 1, $limit", "64 bits"),
        ([{"$limit": "5"}], "stage 1, $limit", "whole number"),
        ([{"$skip": -1}], "stage 1, $skip", "at least 0"),
        ([{"$skip": 1.5}], "stage 1, $skip", "whole number"),
        ([{"$count": ""}], "stage 1, $count", "name of a field"),
        ([{"$count": "$n"}], "stage 1, $count", "name of a field"),
        ([{"$count": "_id"}], "stage 1, $count", "_id"),
        ([{"$sort": {}}], "stage 1, $sort", "at least one path"),
        ([{"$sort": {"a": 2}}], "stage 1, $sort", "direction 2"),
        ([{"$sort": {"a": True}}], "stage 1, $sort", "direction True"),
        ([{"$sort": {"a..b": 1}}], "stage 1, $sort", "'a..b'"),
        ([{"$unwind": "kind"}], "stage 1, $unwind", "'kind'"),
        ([{"$unwind": {"path": "$a", "x": 1}}], "stage 1, $unwind", "'x'"),
        ([{"$unwind": 1}], "stage 1, $unwind", "needs a path"),
        (
            [{"$unwind": {"path": "$a", "includeArrayIndex": 1}}],
            "stage 1, $unwind",
            "includeArrayIndex",
        ),
        ([{"$group": {"n": {"$sum": 1}}}], "stage 1, $group", "needs an _id"),
        (
            [{"$group": {"_id": 1, "n": {"m": {"$first": "$a"}}}}],
            "stage 1, $group.n",
            "accumulator",
        ),
        ([{"$group": {"_id": 1, "n": 5}}], "stage 1, $group.n", "accumulator"),
        ([{"$group": {"_id": 1, "n": {"$push": ["$a"]}}}], "stage 1, $group.n", "not a list"),
        ([{"$group": {"_id": 1, "n": {"$count": 1}}}], "stage 1, $group.n", "empty document"),
        ([{"$group": {"_id": 1, "a.b": {"$sum": 1}}}], "stage 1, $group.a.b", "a dot"),
        ([{"$project": {}}], "stage 1, $project", "at least one field"),
        ([{"$project": {"a": 1, "b": 0}}], "stage 1, $project", "'b' is excluded"),
        ([{"$project": {"a": "$n", "b": 0}}], "stage 1, $project", "'b' is excluded"),
        ([{"$project": {"a": 1, "a.b": 1}}], "stage 1, $project", "'a.b'"),
        ([{"$project": {"a.b": 1, "a": 1}}], "stage 1, $project", "two entries"),
        ([{"$project": {"a": {}}}], "stage 1, $project.a", "empty document"),
        ([{"$project": {"a..b": 1}}], "stage 1, $project", "'a..b'"),
        ([{"$project": {"a": {"$foo": 1}}}], "stage 1, $project.a", "$foo"),
        ([{"$addFields": {}}], "stage 1, $addFields", "at least one field"),
        ([{"$unset": []}], "stage 1, $unset", "a field path"),
        ([{"$unset": [1]}], "stage 1, $unset", "a field path"),
        ([{"$replaceRoot": {"x": 1}}], "stage 1, $replaceRoot", "newRoot"),
        ([{"$replaceWith": "$size"}], "stage 1, $replaceWith", "not a document but int"),
    ],
)
def test_an_invalid_stage_is_refused_with_its_number_and_name(
    pipeline: Any, where: str, named: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        run_pipeline(ASSETS, pipeline)

    (issue,) = caught.value.issues
    assert issue.where.startswith(where)
    assert named in issue.what


def test_the_error_for_an_unsupported_stage_lists_the_supported_ones() -> None:
    with pytest.raises(InvalidInput, match=r"Supported: \$addFields, \$count, .*\$unwind"):
        run_pipeline([], [{"$lookup": {}}])


def test_an_unsupported_stage_is_refused_before_the_first_record_is_read() -> None:
    def records() -> Iterator[Record]:
        raise AssertionError("a record was read")
        yield {}

    with pytest.raises(InvalidInput):
        run_pipeline(records(), [{"$match": {}}, {"$lookup": {}}])


def test_a_limit_stops_reading() -> None:
    read: list[int] = []

    def records() -> Iterator[Record]:
        for number in range(1000):
            read.append(number)
            yield {"_id": number, "a": [1, 2]}

    results = run_pipeline(records(), [{"$match": {}}, {"$unwind": "$a"}, {"$limit": 3}])

    assert [result["_id"] for result in results] == [0, 0, 1]
    assert read == [0, 1]


def test_unwind_shares_unchanged_parts_with_the_record() -> None:
    record: Record = {"_id": 1, "a": {"list": [1, 2], "other": {}}, "big": {}}

    first, second = run_pipeline([record], [{"$unwind": "$a.list"}])

    assert first["big"] is record["big"]
    assert second["a"] == {"list": 2, "other": {}}
    assert second["a"]["other"] is record["a"]["other"]


def test_a_pipeline_that_nests_too_deep_is_refused() -> None:
    bomb: Any = 1
    for _ in range(5000):
        bomb = {"$not": bomb}

    with pytest.raises(InvalidInput, match="nests deeper"):
        run_pipeline([], [{"$project": {"a": bomb}}])


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ([True, [[5]], {"a": 1}, "x", 3, None], [None, 3, "x", {"a": 1}, [[5]], True]),
        (["b", "B", "a"], ["B", "a", "b"]),
        ([2, 1.5, 10], [1.5, 2, 10]),
    ],
)
def test_a_sort_orders_types_as_bson_does(values: list[Any], order: list[Any]) -> None:
    records: list[Record] = [{"a": {"b": value}} for value in values]

    results = sort_records(records, {"a.b": 1})

    assert [record["a"]["b"] for record in results] == order


@pytest.mark.parametrize(
    ("direction", "expected"), [(1, ["empty", "low", "one"]), (-1, ["low", "one", "empty"])]
)
def test_an_array_sorts_by_its_least_element_ascending_and_its_greatest_descending(
    direction: int, expected: list[str]
) -> None:
    records: list[Record] = [
        {"_id": "one", "a": 5},
        {"_id": "low", "a": [9, 1]},
        {"_id": "empty", "a": []},
    ]

    results = sort_records(records, {"a": direction})

    assert [record["_id"] for record in results] == expected


def test_a_sort_path_goes_through_arrays_and_by_index() -> None:
    records = [{"_id": 1, "a": [{"b": 5}, {"b": 2}]}, {"_id": 2, "a": [{"b": 3}]}]

    by_field = sort_records(records, {"a.b": 1})
    by_index = sort_records(records, {"a.0.b": 1})

    assert [record["_id"] for record in by_field] == [1, 2]
    assert [record["_id"] for record in by_index] == [2, 1]


FOUND: Record = {
    "_id": 1,
    "a": [{"b": 1, "c": 2}, 3, [{"b": 4, "c": 5}]],
    "d": {"e": 6, "f": 7},
    "g": None,
}


@pytest.mark.parametrize(
    ("projection", "expected"),
    [
        ({}, FOUND),
        ({"g": 1}, {"_id": 1, "g": None}),
        ({"nowhere": 1}, {"_id": 1}),
        ({"d.e": 1}, {"_id": 1, "d": {"e": 6}}),
        ({"d.nowhere": 1}, {"_id": 1, "d": {}}),
        ({"g.x": 1}, {"_id": 1}),
        ({"a.b": 1}, {"_id": 1, "a": [{"b": 1}, [{"b": 4}]]}),
        ({"a.0": 1}, {"_id": 1, "a": [{}, [{}]]}),
        ({"_id": 0, "g": 1}, {"g": None}),
        ({"_id": 1}, {"_id": 1}),
        (
            {"_id": 0},
            {"a": [{"b": 1, "c": 2}, 3, [{"b": 4, "c": 5}]], "d": {"e": 6, "f": 7}, "g": None},
        ),
        ({"a": 0, "d.e": 0}, {"_id": 1, "d": {"f": 7}, "g": None}),
        ({"a.b": 0, "d": 0, "g": 0}, {"_id": 1, "a": [{"c": 2}, 3, [{"c": 5}]]}),
        ({"d": {"e": 1}}, {"_id": 1, "d": {"e": 6}}),
        ({"g": 1.0}, {"_id": 1, "g": None}),
        ({"_id": 1, "a": 0, "d": 0}, {"_id": 1, "g": None}),
    ],
)
def test_a_find_projection_returns_the_result_of_mongodb(
    projection: dict[str, Any], expected: Record
) -> None:
    assert project_record(FOUND, projection) == expected


@pytest.mark.parametrize("operator", ["$slice", "$elemMatch", "$meta"])
def test_a_find_projection_operator_is_refused_by_name(operator: str) -> None:
    with pytest.raises(InvalidInput, match=rf"projection\.a: .*\{operator}"):
        project_record({"a": []}, {"a": {operator: 1}})


WORDS = ["$n", "$doc", "$docs.b", "$list", "$none", "$name", "$start", "$$ROOT", "$$this", "x", ""]
KEYS = [*"a b.c _id path newRoot input in cond as vars date format regex dateString".split()]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
        | st.dictionaries(st.sampled_from(supported_operators()), inner, min_size=1, max_size=1)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(supported_stages()), ANY_JSON, min_size=1, max_size=1))
def test_any_stage_returns_records_or_raises_invalid_input(stage: dict[str, Any]) -> None:
    try:
        results = run_pipeline([RECORD], [stage])
    except InvalidInput:
        results = []
    assert all(isinstance(result, dict) for result in results)


@given(ANY_JSON, ANY_JSON)
def test_any_expression_over_any_value_has_a_value_or_raises_invalid_input(
    expression: Any, value: Any
) -> None:
    record = {**RECORD, "n": value, "list": [value, 1], "name": "éx"}

    try:
        results = run_pipeline([record], [{"$project": {"v": [expression]}}])
    except InvalidInput:
        results = []

    assert len(results) <= 1


@given(st.sampled_from(supported_operators()), st.lists(ANY_JSON, max_size=3))
def test_any_operator_over_any_values_has_a_value_or_raises_invalid_input(
    name: str, values: list[Any]
) -> None:
    try:
        results = run_pipeline([RECORD], [{"$project": {"v": [{name: values}]}}])
    except InvalidInput:
        results = []

    assert len(results) <= 1
