"""Pasted text becomes strict JSON; nothing is guessed or evaluated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.builder.pasted import convert
from dispatch_core.errors import InvalidInput
from dispatch_core.text.strict_json import load_json, readable_json
from tests.support.tier import amount

QUERIES = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "queries.jsonl"


@pytest.mark.parametrize(
    "annotation",
    [
        *("dict", "dict[str, Any]", "Dict", "typing.Dict[str, Any]", "Mapping[str, object]"),
        *("dict | None", '"dict[str, Any]"', "Final"),
    ],
)
@pytest.mark.parametrize(
    "program",
    [
        "{} = {'a': 1, 'b': None}",
        "    {} = {'a': 1, 'b': None}",
        "from typing import Any\n\n{} = {\n    'a': 1,  # one\n    'b': None,\n}\nfind(query)",
        "{} = {}\nquery['a'] = 1\nquery['b'] = None",
        "number: int = 1\n{} = dict(a=number, b=None)",
        "{} = ({'a': 1} | {'b': None})",
    ],
)
def test_an_assignment_with_a_type_is_read_like_one_without(program: str, annotation: str) -> None:
    annotated, plain = (
        convert(program.replace("{}", name, 1)) for name in (f"query: {annotation}", "query")
    )

    assert annotated == plain
    assert annotated.value == {"a": 1, "b": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'x' + 'y', 'b': 'x' 'y', 'c': (\"x\"\n \"y\")}", {"a": "xy", "b": "xy", "c": "xy"}),
        ("{'a': True, 'b': None, 'c': False}", {"a": True, "b": None, "c": False}),
        ("{'a': (1, 2,), 'b': (3), 'c': ()}", {"a": [1, 2], "b": 3, "c": []}),
        ("{'a': 1, }  # a comment", {"a": 1}),
        ("{a: 1, // one\n $or: [{b.c: 2}] /* two */}", {"a": 1, "$or": [{"b.c": 2}]}),
        ("{\u201cname\u201d: \u201cx\u201d}", {"name": "x"}),
        ("{\u2018it\u2019: \u2018it\u2019s\u2019}", {"it": "it\u2019s"}),
        ("{'a': 'O\\'Brien', 'b': '\"'}", {"a": "O'Brien", "b": '"'}),
        ("{'a': r'^b\\d+', 'b': '^b\\d+'}", {"a": "^b\\d+", "b": "^b\\d+"}),
        ("{'a': '''two\nlines'''}", {"a": "two\nlines"}),
        ("{'a': '\\xe9\\u00e9\\ud83d\\ude00'}", {"a": "\u00e9\u00e9\U0001f600"}),
        (
            "{a: .5, b: +1, c: 0x10, d: 1_000, e: 2n}",
            {"a": 0.5, "b": 1, "c": 16, "d": 1000, "e": 2},
        ),
        ("{a: ISODate('2025-06-01')}", {"a": "2025-06-01"}),
        ("{a: new Date(1700000000000)}", {"a": "2023-11-14T22:13:20Z"}),
        ("{'a': datetime.datetime(2025, 6, 1)}", {"a": "2025-06-01T00:00:00"}),
        ('{_id: ObjectId("5f"), n: NumberLong("7")}', {"_id": "5f", "n": 7}),
        ('{"a": {"$date": "2025-06-01"}, "_id": {"$oid": "5f"}}', {"a": "2025-06-01", "_id": "5f"}),
        ("{name: /^b_\\/x/i}", {"name": {"$regex": "^b_/x", "$options": "i"}}),
        ("{name: {$not: /x/}}", {"name": {"$not": {"$regex": "x"}}}),
        ("{name: {$regex: /x/gi}}", {"name": {"$regex": "x", "$options": "i"}}),
        ("{'a': re.compile('x', re.I)}", {"a": {"$regex": "x", "$options": "i"}}),
        ("filter = {'a': 1}\nprojection = {'name': 1}", {"a": 1}),
        ("db.data_assets.find({a: 1}, {name: 1}).sort({name: -1}).limit(5)", {"a": 1}),
        ("client['db']['assets'].find({'a': 1})", {"a": 1}),
        (
            "records = client.retrieve_docdb_records(\n    filter_query={'a': 1},\n"
            "    projection={'name': 1}, limit=limit)",
            {"a": 1},
        ),
        ("const query = { a: 1 };", {"a": 1}),
        ("python -m dispatch_core --docdb_query '{\"a\": 1}'", {"a": 1}),
        ("Here's your query:\n\n```python\nq = {'a': 1}\n```\nIt's done {really}.", {"a": 1}),
        ("[{'$match': {'a': 1}}, {'$limit': 5},]", [{"$match": {"a": 1}}, {"$limit": 5}]),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ("\ufeff{a:\u00a01}", {"a": 1}),
    ],
)
def test_pasted_text_becomes_strict_json(text: str, value: Any) -> None:
    conversion = convert(text)

    assert conversion.value == value
    assert load_json(conversion.text, "it") == value


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("{'a': subject}", 1, 7, "subject is a name, and its value is not in this text"),
        ("{\n 'a': get(1)}", 2, 7, "get(..) is computed by code"),
        ("{'a': f'{x}'}", 1, 7, "code inserts values into this string"),
        ("{'a': new Date()}", 1, 7, "Date cannot be read as a plain value"),
        ("{'a': new Date('Jan 1, 2024')}", 1, 7, "the date 'Jan 1, 2024' is not written as in"),
        ("{a: ISODate('01/02/2024')}", 1, 5, "the date '01/02/2024' is not written as in"),
        ("{'a': x + 'y'}", 1, 7, "x is a name, and its value is not in this text"),
        ('{"a": "x" "y"}', 1, 11, "two strings are side by side"),
        ("{'a': 1, 'a': 2}", 1, 10, 'the key "a" appears twice in one object'),
        ("{**base}", 1, 2, "a key is missing here"),
        ("{'a': {1, 2}}", 1, 8, "a key is missing here"),
        ("{'a': [1, 2}", 1, 12, "a comma or a closing ] is missing before this"),
        ("{'a': 'x}", 1, 7, "the string that starts here does not end"),
        ("{'a': 'x\n'}", 1, 9, "a string contains a line break"),
        ("{'a': [1", 1, 9, "the text ends too early"),
        ("{'a': 012}", 1, 7, "this is not a JSON number"),
        ("{'a': NaN}", 1, 7, "NaN is not a JSON value"),
        ("{'a': 1e999}", 1, 7, "1e999 is too large for a number"),
        ("{'a': {'$in': [/x/]}}", 1, 16, "JSON cannot express a pattern inside a list"),
        ("{'a': /x/y}", 1, 7, "the options 'y' of this pattern are not known"),
        ("{'a': '\\ud83d'}", 1, 7, "half of a surrogate pair"),
        ("a = {'x': 1}\nb = {'x': 2}", 2, 5, "the text contains 2 values"),
        ("[" * 120, 1, 102, "nested more than 100 levels deep"),
    ],
)
def test_a_value_that_is_not_in_the_text_is_an_error_with_its_position(
    text: str, line: int, column: int, what: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        convert(text)

    (issue,) = caught.value.issues
    assert (issue.line, issue.column) == (line, column)
    assert what in issue.what


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('query = {}\nquery["a"] = 1', {"a": 1}),
        (
            'q = {"a": {}}\nq["a"]["$gt"] = 5\nq.update(b=2)\nq |= {"c": 3}',
            {"a": {"$gt": 5}, "b": 2, "c": 3},
        ),
        (
            'ids = ["1"]\nids += ["2"]\nids.append("3")\nq = {"a": {"$in": ids}}',
            {"a": {"$in": ["1", "2", "3"]}},
        ),
        ('query = {"a": {}}\npart = query["a"]\npart["$gt"] = 5', {"a": {"$gt": 5}}),
        ('base = {"a": 1}\nquery = {**base, "b": 2}\nbase["c"] = 3', {"a": 1, "b": 2}),
        ('{"a": 1} | {"b": 2}', {"a": 1, "b": 2}),
        ('dict(x="y", **{"a": 1})', {"x": "y", "a": 1}),
        (
            'query = {"a": 1}; pipeline = [{"$match": query}, {"$limit": 5}]',
            [{"$match": {"a": 1}}, {"$limit": 5}],
        ),
        ('value = "x"\nquery = {"a": value}', {"a": "x"}),
        ('const value = "x";\nconst query = {a: value};', {"a": "x"}),
        ('q = json.loads(\'{"a": "^x\\\\\\\\.y"}\')', {"a": "^x\\.y"}),
        ('String q = "{\\"a\\": \\"^x\\\\\\\\.y\\"}";', {"a": "^x\\.y"}),
        ('query = {"a": 1}\nfor one in client.find(query):\n    print(one)', {"a": 1}),
        ('def get():\n    query = {"a": 1}\n    return client.find(query)', {"a": 1}),
        ('params = {"filter": json.dumps({"a": 1}), "limit": 5}', {"a": 1}),
        ('{"$match": {"a": 1}}', [{"$match": {"a": 1}}]),
        ('{"$match": {"a": 1}}, {"$limit": 3}', [{"$match": {"a": 1}}, {"$limit": 3}]),
        ("Answer: {'a': 1}", {"a": 1}),
        ('name: {"$regex": "x"}', {"name": {"$regex": "x"}}),
        ("mongosh --eval 'db.x.find({a: 1})'", {"a": 1}),
        ('curl https://h -d \'{"filter": {"a": "^x\\\\\\\\d"}}\'', {"a": "^x\\\\d"}),
        (
            '{"name": {"$regularExpression": {"pattern": "^e", "options": "i"}}}',
            {"name": {"$regex": "^e", "$options": "i"}},
        ),
        (
            '{"n": {"$numberDecimal": "1.5"}, "t": {"$date": {"$numberLong": "0"}}}',
            {"n": 1.5, "t": "1970-01-01T00:00:00Z"},
        ),
        ("{'t': datetime(2024, 5, 6, tzinfo=timezone.utc)}", {"t": "2024-05-06T00:00:00+00:00"}),
        (
            "import datetime as dt\nq = {'t': dt.datetime(2024, 5, 6, tzinfo=dt.UTC)}",
            {"t": "2024-05-06T00:00:00+00:00"},
        ),
        ("{'t': date(2024, 5, 6).isoformat()}", {"t": "2024-05-06"}),
        ("{'a': re.compile('x', re.I | re.M)}", {"a": {"$regex": "x", "$options": "im"}}),
    ],
)
def test_a_query_is_followed_as_far_as_literals_determine_it(text: str, value: Any) -> None:
    assert convert(text).value == value


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('query = {"a": 1} if raw else {"b": 2}', 1, "this condition (.. if .. else ..)"),
        ('query = {"a": 1}\nif raw:\n    query["b"] = 2\nfind(query)', 2, "changes in a condition"),
        ("query = {}\nfor key in keys:\n    query[key] = 1", 2, "the value changes in a loop"),
        ('query = {"a": 1}\nadd_project(query)\nfind(query)', 2, "add_project(..) may change"),
        ('query = {"a": 1}\nexec(code)', 2, "exec(..) can change any value"),
        ('query = {"a": 1}\nfind(query)\nquery["b"] = 2', 2, "the text contains 2 values"),
        ('query = {"a": 1}\nquery = {"b": 2}', 2, "query on line 1, query on line 2"),
        ('name = "x"\ndb.assets.find({name: name})', 2, "name is a key in JavaScript"),
        ("const q = {a: 1};\nif (b) q.b = 2;\ndb.x.find(q)", 2, "q may change on line 2"),
        ('String q = "{\\"a\\": " + x + "}";', 1, "code joins this string to others"),
        (
            "q = {'t': datetime.now() - timedelta(days=3)}",
            1,
            "now(..) is computed by code",
        ),
        ("a: 1\nb:\n  c: 2", 1, "this is YAML"),
        ("query:\n  a: 1\n  b: x = y", 1, "this is YAML"),
        ('query: dict = {"a": unknown}', 1, "unknown is a name, and its value is not in this text"),
        ('query: dict = {"a": 1}\nquery: dict = {"b": 1}', 2, "query on line 1, query on line 2"),
        ('query <- list(a = list("$gt" = 5))', 1, "this is a list(..) of R"),
        ("q = struct('a', 1)", 1, "this is a struct of MATLAB"),
        ("%7B%22a%22%3A%20%22x+y%22%7D", 1, "a + in an encoded address can be a space or a plus"),
        ('job-dispatch --docdb_query "{\\"$or\\": []}"', 1, "the shell replaces $"),
        ('foo("x", "{a: 1}")', 1, "one of several arguments"),
        ("b`[", 1, "the text ends too early"),
        ("{'a': re.I}", 1, "this has no value in JSON"),
    ],
)
def test_what_only_running_the_program_could_tell_is_refused_with_its_line(
    text: str, line: int, what: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        convert(text)

    (issue,) = caught.value.issues
    assert issue.line == line
    assert what in issue.what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"filter": {"a": 1}, "query": {"b": 2}}', "2 queries, under filter and query"),
        ('{"level": "INFO", "time": "x", "msg": "y"}', "this is a log record"),
        ('{"asset_id": 1, "asset_name": "x", "s3_location": "y"}', "this is a job file"),
    ],
)
def test_an_object_around_several_queries_or_none_is_named(text: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        convert(text)


def test_a_request_around_a_query_is_reported_with_what_is_ignored() -> None:
    conversion = convert('{"arguments": {"filter": {"a": 1}, "projection": {"b": 1}, "limit": 5}}')

    assert conversion.value == {"a": 1}
    assert conversion.notes == (
        "Took the query under arguments.filter and ignored projection, limit",
    )


def test_parameters_are_not_taken_for_a_request_around_a_query() -> None:
    conversion = convert("{'filter': {'low': 300}}", is_query=False)

    assert conversion.value == {"filter": {"low": 300}}


@pytest.mark.parametrize("text", ["", "hello", "[1, 2]", "x[0]", "```\n```"])
def test_a_text_without_a_query_is_an_error(text: str) -> None:
    with pytest.raises(InvalidInput, match="the text contains no query"):
        convert(text)


def test_every_kind_of_change_is_listed_once_with_its_first_line() -> None:
    conversion = convert("q = {\n  'a': True,\n  b: (1, 2), # why\n}")

    assert conversion.notes == (
        "Took the value of q on line 1 and ignored the text around it",
        "Replaced other quotes with double quotes (line 2)",
        "Wrote True, False and None as in JSON (line 2)",
        "Added quotes around keys (line 3)",
        "Wrote a tuple as a list (line 3)",
        "Removed a comment (line 3)",
        "Removed a comma before a closing bracket (line 3)",
    )


def test_strict_json_has_no_changes_to_list() -> None:
    assert convert('{"a": {"$in": ["x", 1, null]}}').notes == ()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.skipif(not QUERIES.is_file(), reason="no corpus beside the project")
def test_every_real_query_written_as_python_converts_to_the_same_value() -> None:
    queries = [json.loads(line)["query"] for line in QUERIES.read_text("utf-8").splitlines()]

    assert len(queries) == 235
    assert [convert(f"query = {query!r}").value for query in queries] == queries


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), JSON, max_size=3))
def test_the_repr_of_a_python_dict_converts_to_the_same_value(value: dict[str, Any]) -> None:
    plain = json.loads(json.dumps(value))  # combines the halves of surrogate pairs

    assert convert(repr(plain)).value == plain


@given(st.text("{}[]()'\"`/\\*#:,.$ \n\u201c\u2019abfrun0+-=5", max_size=60))
def test_any_text_becomes_strict_json_or_raises_invalid_input(text: str) -> None:
    try:
        conversion = convert(text)
    except InvalidInput:
        return

    assert load_json(conversion.text, "it") == conversion.value


@pytest.mark.parametrize(
    "part",
    ["{", "[", "/*", "{}", "[]", "a[", "'", "{'", "{a:", "new ", "{a:new ", "{'a':'\"'}[", "\\"],
)
def test_a_long_text_of_any_part_is_read_in_one_pass(part: str) -> None:
    # a reader that backtracks would take minutes
    text = part * (amount(200_000, 900_000, short=100_000) // len(part))

    with pytest.raises(InvalidInput):
        convert(text)


def test_a_value_that_is_repeated_5_000_times_is_read_once() -> None:
    assert convert("{'a':'\"'}," * 5_000).value == {"a": '"'}


@pytest.mark.long
def test_a_value_that_is_repeated_90_000_times_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the program is too long"):
        convert("{'a':'\"'}," * 90_000)


def test_a_text_beyond_the_limit_is_refused_without_parsing() -> None:
    with pytest.raises(InvalidInput, match=r"1\.1 MB, and the limit is 1 MB"):
        convert("{" * 1_000_001)


def test_readable_json_keeps_short_values_on_one_line() -> None:
    value = {"subject.subject_id": {"$in": ["1", "2"]}, "$or": [{"a": "x" * 50}, {"b": "y" * 50}]}

    assert readable_json(value) == (
        "{\n"
        '  "subject.subject_id": {"$in": ["1", "2"]},\n'
        '  "$or": [\n'
        f'    {{"a": "{"x" * 50}"}},\n'
        f'    {{"b": "{"y" * 50}"}}\n'
        "  ]\n"
        "}"
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"b": 1}}, "c": 2}',
        '{"a": 1}}',
        "{a: {b: 1}}, c: 2}",
        'Use this: [{"$match": {"a": 1}}]]',
        "db.assets.find({a: {b: 1}}, c: 2})",
        '{"a": 1}, // one\n"b": 2',
    ],
)
def test_conditions_after_a_bracket_that_closes_too_early_are_not_lost(text: str) -> None:
    with pytest.raises(InvalidInput, match="a bracket closes too early"):
        convert(text)


@pytest.mark.parametrize(
    "text",
    [
        "const f = () => { db.assets.find({a: 1}) }",
        "  db.assets.find({a: 1}); console.log('}')\n}",
        'see (x) and {"a": 1}) there',
        'filter {"a": 1}, limit: 5',
    ],
)
def test_brackets_of_the_code_around_a_query_are_accepted(text: str) -> None:
    assert convert(text).value == {"a": 1}


@pytest.mark.parametrize("text", ['{True: "a"}', "{None: 1, 'b': 2}", "query = {False: 1}"])
def test_a_key_that_is_not_a_string_in_python_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="a key is not a string"):
        convert(text)


def test_a_tuple_around_a_query_is_not_blamed_on_backslashes() -> None:
    with pytest.raises(InvalidInput, match="a tuple or an expression around the query"):
        convert('({"a": 1},)')


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_program_with_any_line_ends_is_read(line_end: str) -> None:
    program = line_end.join(["", "query = {'a':", "  1}", "query['b'] = 2", ""])

    assert convert(program).value == {"a": 1, "b": 2}


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_pattern_in_extended_json_goes_only_where_json_can_say_it(quote: str) -> None:
    def query(condition: str) -> str:
        pattern = "{'$regularExpression': {'pattern': '^e', 'options': 'i'}}"
        return f"{{'a': {condition}}}".replace("IT", pattern).replace("'", quote)

    told = {"$regex": "^e", "$options": "i"}

    assert convert(query("IT")).value == {"a": told}
    assert convert(query("{'$not': IT}")).value == {"a": {"$not": told}}
    assert convert(query("{'$regex': IT}")).value == {"a": told}
    for condition in ("{'$ne': IT}", "{'$eq': IT}", "{'$in': [IT]}", "{'$all': [IT]}"):
        with pytest.raises(InvalidInput, match="JSON cannot express a pattern"):
            convert(query(condition))
