"""Changes of an object in JavaScript, Java and R: followed where they are plain, else refused."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch_core.builder.pasted import convert
from dispatch_core.errors import InvalidInput

JAVA = 'Document q = Document.parse("{\\"a\\": 1}");\n'
R = "q <- fromJSON('{\"a\": 1}')\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("const q = {a: 1};\nq.b = 2;\ndb.c.find(q)", {"a": 1, "b": 2}),
        ('const q = {};\nq["a.b"] = "x";', {"a.b": "x"}),
        ("let query = {}\nquery.a = 1\nquery['b'] = {$gt: 5}", {"a": 1, "b": {"$gt": 5}}),
        ("const q = {a: 1};\nObject.assign(q, {a: 2}, {b: [3]});", {"a": 2, "b": [3]}),
        ("const q = {a: {}};\nq.a.b = {\n  $in: [1, // one\n  2]};", {"a": {"b": {"$in": [1, 2]}}}),
        ("const q = {a: 1};\nq.b = /x/i;", {"a": 1, "b": {"$regex": "x", "$options": "i"}}),
        ("const q = {a: 1};\n// q.b = 2;\nq.c = 3; // q.d = 4", {"a": 1, "c": 3}),
        ("const q = {a: 1}\nq.b = 'x'\nconsole.log(q)\nq.c = [1]", {"a": 1, "b": "x", "c": [1]}),
        ("const q = {a: 1}; q.b = 2; q.b = 3; db.c.find(q).limit(5);", {"a": 1, "b": 3}),
        ("async function main() {\n  const q = {a: 1};\n  q.b = 2;\n}", {"a": 1, "b": 2}),
        ("const s = {a: 1};\nconst query = s;\ns.b = 2;\ndb.c.find(query);", {"a": 1, "b": 2}),
        ("const q = [];\nq.push({$match: {a: 1}});", [{"$match": {"a": 1}}]),
        ("const q = [{$match: {a: 1}}];\nq[0].$match.b = 2;", [{"$match": {"a": 1, "b": 2}}]),
        ('query = {"a": 1};\nquery.b = 2;\ncoll.find(query);', {"a": 1, "b": 2}),
        ("const q: Filter<Doc> = {a: 1};\nq.$or = [{b: 2}];", {"a": 1, "$or": [{"b": 2}]}),
        ("const q = ({a: 1}) as Filter;\nq['b'] = 2;", {"a": 1, "b": 2}),
        ("var q = <any>{a: 1};\nq.b = 2;", {"a": 1, "b": 2}),
        (JAVA.replace("= ", "= (Document) ") + 'q.put("b", 2);', {"a": 1, "b": 2}),
        (R.replace("from", "jsonlite::from").replace("<-", "<<-") + "q$b <- 2", {"a": 1, "b": 2}),
        (JAVA + 'q.put("b", 2);', {"a": 1, "b": 2}),
        (
            JAVA + 'q.append("b", 2L)\n  .append("c", "x");\ncoll.find(q);',
            {"a": 1, "b": 2, "c": "x"},
        ),
        (R + "q$b <- 2", {"a": 1, "b": 2}),
        (R + 'q[["b.c"]] <- "x"  # a path\nm$find(toJSON(q))', {"a": 1, "b.c": "x"}),
        (R + "q$`b.c` = TRUE", {"a": 1, "b.c": True}),
    ],
)
def test_a_plain_change_is_followed(text: str, value: Any) -> None:
    assert convert(text).value == value


def test_the_lines_of_the_changes_are_named() -> None:
    converted = convert("const q = {a: 1};\nq.b = 2;\nq.c = 3;\nq.d = 4;")

    assert "Followed the changes of q on lines 2, 3 and 4" in converted.notes


@pytest.mark.parametrize(
    "change",
    [
        *[
            "if (raw) q.b = 2;",
            "if (raw)\n  q.b = 2;",
            "if (raw) { q.b = 2; }",
            "raw && (q.b = 2);",
        ],
        *["for (const x of y) {\n  q.b = 2;\n}", "function f() { q.b = 2; }", "{ q.b = 2; }"],
        *["const f = () => { q.b = 2; };", "raw ?\n(q.b = 2) : 0;", "return q;\nq.b = 2;"],
        *[
            "q.b = x;",
            "q[key] = 2;",
            "q.b = `${x}`;",
            "q.b = 1 + x;",
            "q.b = q.c = 3;",
            "q.b = null;",
        ],
        *["q.b += 2;", "q.b ||= 2;", "delete q.a;", "q.x.y = 1;", "q?.b = 2;", "q.b = 1, q.c = 2;"],
        *[
            "q = {b: 2};",
            "Object.assign(q, extra);",
            "q = Object.assign(q, {b: 2});",
            "q.set('b', 2);",
        ],
        *["q.b = 1\n+ 2;", "q.b = [1]\n[0];", "q.b = 1 // one\n/ 2;", "q.__proto__ = {b: 2};"],
        *[
            "const r: Filter = q;\nr.b = 2;",
            "const r = {...q, b: 2};",
            "const f = q;\nf.b = 2;",
            "change(q);\nq.b = 2;",
        ],
        *["const f = q;\ndb.c.find(f);\nq.b = 2;", "const f = q;\nlet g = f;\ng.b = 2;"],
        *["db.c.find(q);\nq.b = 2;", "foo('a // b'); if (raw)\nq.b = 2;", "q.b = 'x\\d';"],
    ],
)
def test_any_other_change_is_refused_with_its_line(change: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        convert(f"const q = {{a: 1}};\n{change}")

    assert "q may change on line " in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        JAVA + 'q.put("b", x);',
        JAVA + "q.putAll(other);",
        JAVA + 'if (raw) {\n  q.put("b", 2);\n}',
        JAVA + 'q.put("b", Arrays.asList(1, 2));',
        R + "if (raw) q$b <- 2",
        R + "q$b <- c(1, 2)",
        R + "q$a <- NULL",
        R + "2 -> q$b",
    ],
)
def test_a_change_in_java_or_r_that_is_not_plain_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="q may change on line "):
        convert(text)


@pytest.mark.parametrize(
    "text",
    [
        'Document q = Document.parse("{}").append("a", 1);',
        "q <- fromJSON('{\"a\": 1}') %>% widen()",
        "q <- fromJSON('{\"a\": 1}')$a",
    ],
)
def test_a_value_that_is_changed_where_it_is_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="code changes this value after it is read"):
        convert(text)
