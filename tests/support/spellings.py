"""Writers of a filter in the spellings that people paste, one function for each."""

from __future__ import annotations

import csv
import html
import io
import json
import pprint
import random
import shlex
import textwrap
import urllib.parse
from collections.abc import Callable
from typing import Any

Query = dict[str, Any]
Writer = Callable[[Query, random.Random], str]


def _text(query: Query, choices: random.Random) -> str:
    indent = choices.choice([None, 2, 4])
    return json.dumps(query, ensure_ascii=choices.random() < 0.5, indent=indent)


def _halves(query: Query, choices: random.Random) -> tuple[Query, Query]:
    cut = choices.randint(0, len(query))
    items = list(query.items())
    return dict(items[:cut]), dict(items[cut:])


# Python


def assigned(query: Query, choices: random.Random) -> str:
    return f"{choices.choice(['query', 'filter', 'x'])} = {query!r}"


def items_set(query: Query, choices: random.Random) -> str:
    first, rest = _halves(query, choices)
    return "\n".join([f"query = {first!r}", *(f"query[{k!r}] = {v!r}" for k, v in rest.items())])


def updated(query: Query, choices: random.Random) -> str:
    first, rest = _halves(query, choices)
    change = choices.choice(["query.update({})", "query |= {}", "query = query | {}"])
    return f"query = {first!r}\n{change.format(repr(rest))}\nfind(query)"


def merged(query: Query, choices: random.Random) -> str:
    first, rest = _halves(query, choices)
    forms = ["{0} | {1}", "{{**{0}, **{1}}}", "dict({0}, **{1})", "query = dict(**{0}, **{1})"]
    return choices.choice(forms).format(repr(first), repr(rest))


def with_names(query: Query, choices: random.Random) -> str:
    lines = [f"value_{number} = {value!r}" for number, value in enumerate(query.values())]
    entries = [f"{key!r}: value_{number}" for number, key in enumerate(query)]
    return "\n".join([*lines, f"client.find({{{', '.join(entries)}}})"])


def nested_set(query: Query, choices: random.Random) -> str:
    lines = ["query = {}"]
    for key, value in query.items():
        if isinstance(value, dict) and value and choices.random() < 0.7:
            lines.append(f"query[{key!r}] = {{}}")
            lines += [f"query[{key!r}][{name!r}] = {one!r}" for name, one in value.items()]
        elif isinstance(value, list):
            lines.append(f"query.setdefault({key!r}, [])")
            lines += [f"query[{key!r}].append({one!r})" for one in value]
        else:
            lines.append(f"query[{key!r}] = {value!r}")
    return "\n".join(lines)


def changed_by_code(query: Query, choices: random.Random) -> str:
    first, rest = _halves(query, choices)
    start = f"query = {first!r}\n"
    lines = [f"query[{key!r}] = {value!r}" for key, value in rest.items()] or ["pass"]
    body = textwrap.indent("\n".join(lines), "    ")
    opening = choices.choice(
        ["if deep:", "for one in [1]:", "def add():", "while True:", "try:\n    pass\nexcept E:"]
    )
    return (
        f"{start}{opening}\n{body}\nadd()\nfind(query)"
        if "def" in opening
        else start + (f"{opening}\n{body}\nfind(query)")
    )


def printed(query: Query, choices: random.Random) -> str:
    name = choices.choice(["", "query = "])
    return name + pprint.pformat(query, width=choices.choice([20, 40, 80]), sort_dicts=False)


def python_string(query: Query, choices: random.Random) -> str:
    form = choices.choice(["query = {}", "query = json.loads({})", "find(json.loads({}))"])
    return form.format(repr(_text(query, choices)))


def in_function(query: Query, choices: random.Random) -> str:
    return f"def assets():\n    query = {query!r}\n    return client.find(query)\n"


def session(query: Query, choices: random.Random) -> str:
    lines = pprint.pformat(query, width=40, sort_dicts=False).split("\n")
    return "\n".join([f">>> query = {lines[0]}", *(f"... {line}" for line in lines[1:])])


# Other languages


def javascript(query: Query, choices: random.Random) -> str:
    forms = ["const query = {};", "db.assets.find({})", "let q = {}\ncoll.find(q)"]
    return choices.choice(forms).format(_text(query, choices))


def javascript_set(query: Query, choices: random.Random) -> str:
    first, rest = _halves(query, choices)
    lines = [f"query[{json.dumps(key)}] = {json.dumps(value)};" for key, value in rest.items()]
    return "\n".join([f"const query = {json.dumps(first)};", *lines, "db.assets.find(query);"])


def javascript_string(query: Query, choices: random.Random) -> str:
    text = json.dumps(query).replace("\\", "\\\\").replace("'", "\\'")
    return f"const query = JSON.parse('{text}');"


def java_string(query: Query, choices: random.Random) -> str:
    text = json.dumps(json.dumps(query))
    forms = ["String query = {};", "Document q = Document.parse({});", "coll.find(parse({}));"]
    return choices.choice(forms).format(text)


def java_joined(query: Query, choices: random.Random) -> str:
    text = json.dumps(query)
    cut = choices.randint(1, len(text) - 1)
    return f"String query = {json.dumps(text[:cut])}\n  + {json.dumps(text[cut:])};"


def r_string(query: Query, choices: random.Random) -> str:
    text = json.dumps(query).replace("\\", "\\\\").replace("'", "\\'")
    return choices.choice(["query <- '{}'", "con$find('{}')"]).format(text)


def r_list(query: Query, choices: random.Random) -> str:
    def write(value: Any) -> str:
        if isinstance(value, dict):
            return (
                "list(" + ", ".join(f"{json.dumps(k)} = {write(v)}" for k, v in value.items()) + ")"
            )
        if isinstance(value, list):
            return "c(" + ", ".join(map(write, value)) + ")"
        return (
            {True: "TRUE", False: "FALSE"}.get(value, json.dumps(value))
            if isinstance(value, bool)
            else json.dumps(value)
        )

    return f"query <- {write(query)}"


def shell_quoted(query: Query, choices: random.Random) -> str:
    quoted = shlex.quote(_text(query, choices))
    forms = ["python -m dispatch_core --docdb_query {}", "curl -G url --data-urlencode {}"]
    return choices.choice(forms).format(quoted)


def shell_double_quoted(query: Query, choices: random.Random) -> str:
    text = json.dumps(query)
    for sign in '\\"`$':
        text = text.replace(sign, f"\\{sign}")
    return f'job-dispatch --docdb_query "{text}" --split_files 0'


# What surrounds a query


def request(query: Query, choices: random.Random) -> str:
    key = choices.choice(["filter", "query", "filter_query"])
    return json.dumps({key: query, "projection": {"name": 1}, "sort": {"name": 1}, "limit": 5})


def tool_call(query: Query, choices: random.Random) -> str:
    inner: Any = {"filter": query, "limit": 10}
    inner = json.dumps(inner) if choices.random() < 0.5 else inner
    return json.dumps({"type": "function", "function": {"name": "find", "arguments": inner}})


def log_record(query: Query, choices: random.Random) -> str:
    return json.dumps({"level": "INFO", "time": "2025-06-01", "msg": "find", "query": query})


def job_file(query: Query, choices: random.Random) -> str:
    job = {"s3_location": "s3://b/x", "asset_id": None, "asset_name": "x", "docdb_record_id": "1"}
    return json.dumps(job | {"query": json.dumps(query, ensure_ascii=False)}, indent=2)


def saved_request(query: Query, choices: random.Random) -> str:
    return json.dumps({"version": 1, "query": query, "file_extension": ".nwb"})


def no_braces(query: Query, choices: random.Random) -> str:
    return _text(query, choices).strip()[1:-1].strip()


def yaml(query: Query, choices: random.Random) -> str:
    def write(value: Query, indent: int) -> list[str]:
        lines = []
        for key, item in value.items():
            if isinstance(item, dict) and item:
                lines += [f"{' ' * indent}{key}:", *write(item, indent + 2)]
            else:
                lines.append(f"{' ' * indent}{key}: {json.dumps(item)}")
        return lines

    return "\n".join(write(query, 0))


# What carries a text


def escaped(query: Query, choices: random.Random) -> str:
    return json.dumps(json.dumps(query))[1:-1]


def logged(query: Query, choices: random.Random) -> str:
    return f"2025-06-01 INFO query={json.dumps(json.dumps(query))} took 3 s"


def cell(query: Query, choices: random.Random) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(["a1", json.dumps(query), 5])
    return out.getvalue()


def address(query: Query, choices: random.Random) -> str:
    text = json.dumps(query)
    forms = [
        urllib.parse.quote(text),
        f"https://host/v1/find?filter={urllib.parse.quote(text, safe='')}&limit=5",
        "https://host/v1/find?" + urllib.parse.urlencode({"limit": 5, "filter": text}),
        "https://host/v1/find?filter=" + urllib.parse.quote(text, safe="!~*'()"),
    ]
    return choices.choice(forms)


def entities(query: Query, choices: random.Random) -> str:
    return html.escape(_text(query, choices))


def mail(query: Query, choices: random.Random) -> str:
    return textwrap.indent(_text(query, choices), "> ", lambda _: True)


def numbered(query: Query, choices: random.Random) -> str:
    lines = json.dumps(query, indent=2).split("\n")
    start, sign = choices.randint(1, 99), choices.choice(["\t", ": ", " ", ". ", " | "])
    return "\n".join(f"{start + number}{sign}{line}" for number, line in enumerate(lines))


def fenced(query: Query, choices: random.Random) -> str:
    inner = choices.choice([_text(query, choices), f"query = {query!r}"])
    return f"Here's the query:\n\n```{choices.choice(['', 'json', 'python'])}\n{inner}\n```\nDone."


def in_prose(query: Query, choices: random.Random) -> str:
    opening = choices.choice(["This is the query: ", "I used\n\n", "Query: ", "It was "])
    return f"{opening}{_text(query, choices)}\n\nThanks!"


def mail_of_program(query: Query, choices: random.Random) -> str:
    inner = CERTAIN[choices.choice(["items set", "merged", "with names"])](query, choices)
    return textwrap.indent(inner, "> ", lambda _: True)


CERTAIN: dict[str, Writer] = {
    "assigned": assigned,
    "items set": items_set,
    "updated": updated,
    "merged": merged,
    "with names": with_names,
    "nested set": nested_set,
    "printed": printed,
    "python string": python_string,
    "in a function": in_function,
    "session": session,
    "javascript": javascript,
    "javascript string": javascript_string,
    "java string": java_string,
    "r string": r_string,
    "shell quoted": shell_quoted,
    "shell double quoted": shell_double_quoted,
    "request": request,
    "tool call": tool_call,
    "log record": log_record,
    "job file": job_file,
    "saved request": saved_request,
    "no braces": no_braces,
    "escaped": escaped,
    "logged": logged,
    "cell": cell,
    "address": address,
    "entities": entities,
    "mail": mail,
    "numbered": numbered,
    "fenced": fenced,
    "in prose": in_prose,
    "mail of a program": mail_of_program,
}
"""Spellings that are read for an everyday filter."""

REFUSED: dict[str, Writer] = {
    "changed by code": changed_by_code,
    "javascript set": javascript_set,
    "java joined": java_joined,
    "r list": r_list,
    "yaml": yaml,
}
"""Spellings that are refused, except where the text happens to be certain."""
