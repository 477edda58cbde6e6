"""A random Python program is read as the query that running it gives, or refused."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from dispatch_core.builder.candidate import may_be_query
from dispatch_core.builder.pasted import convert
from dispatch_core.errors import InvalidInput
from tests.support.tier import amount

NAMES = ["query", "base", "part"]
KEYS = ["a", "b", "c"]
VALUES = [
    "1",
    '"x"',
    "None",
    "[]",
    '["x"]',
    "{}",
    '{"a": 2}',
    '{"b": {"c": [1]}}',
    "value",
    "items",
]
HOLDERS = ["query", "base", "part", 'query["a"]', 'base["b"]', 'query["b"]["c"]']
SIMPLE = [
    "{name} = {value}",
    "{name} = {other}",
    "{name} = {{**{other}, {key!r}: {value}}}",
    "{name} = dict({other})",
    "{name} = {other}.copy()",
    "{name} = copy.deepcopy({other})",
    "{name} = {other} | {{{key!r}: {value}}}",
    "{name} = {holder}",
    "{name}, {other} = {other}, {value}",
    "{holder}[{key!r}] = {value}",
    "{holder}[{key!r}] = {other}",
    "{holder}.update({{{key!r}: {value}}})",
    "{holder}.update({key}={value})",
    "{holder} |= {{{key!r}: {value}}}",
    "{holder}.setdefault({key!r}, {value})",
    "{holder}.pop({key!r}, None)",
    "del {holder}[{key!r}]",
    "{holder}.clear()",
    "items.append({value})",
    "items += [{value}]",
    "items.extend(items)",
    "items.insert(0, {value})",
    "{holder}[{key!r}].append({value})",
    'value = "y"',
    "change({other})",
    "shown = get_count({other})",
    "print({other})",
    "shown = [{holder}, find]",
    "find({name})",
    'find([{{"$match": {name}}}])[:3]',
]
BLOCKS = [
    "if {flag}:\n    {first}\nelse:\n    {second}",
    "for key in {keys}:\n    {first}\n    {second}",
    "for {name} in [{value}, {other}]:\n    {first}",
    "while {flag}:\n    {first}\n    break",
    "def act({name}):\n    {first}\nact({other})",
    "def act():\n    {first}\n    {second}\nact()",
    "def act():\n    global {name}\n    {first}\nact()",
    "try:\n    {first}\nexcept KeyError:\n    {second}",
    "with held({other}) as {name}:\n    {first}",
    "shown = [{name} for {name} in [{other}]]",
    "[{holder}.update({{{key!r}: one}}) for one in {keys}]",
    "shown = {flag} and {holder}.update({{{key!r}: {value}}})",
    "shown = (lambda one: one.update({{{key!r}: {value}}}))({other})",
    "for {holder}[{key!r}] in [{value}]:\n    {first}",
    "class Held:\n    {first}",
]


def program(choices: random.Random) -> str:
    """A program that changes some values and then finds with one of them."""

    def fill(template: str) -> str:
        return template.format(
            name=choices.choice(NAMES),
            other=choices.choice(NAMES),
            holder=choices.choice(HOLDERS),
            key=choices.choice(KEYS),
            value=choices.choice(VALUES),
            flag=choices.choice(["ready", "not ready"]),
            keys=choices.choice(['["a"]', "[]", '["b", "c"]']),
            first=simple(),
            second=simple(),
        )

    def simple() -> str:
        template = choices.choice(SIMPLE)
        return (
            template
            if "{first}" in template
            else template.format(
                name=choices.choice(NAMES),
                other=choices.choice(NAMES),
                holder=choices.choice(HOLDERS),
                key=choices.choice(KEYS),
                value=choices.choice(VALUES),
            )
        )

    start = ["import copy", 'value = "x"', "items = [1]", "base = {}", "part = {}"]
    start.append(choices.choice(["query = {}", 'query = {"a": {"b": 1}, "b": {"c": ["x"]}}']))
    lines = [fill(choices.choice(BLOCKS if choices.random() < 0.2 else SIMPLE)) for _ in range(5)]
    return "\n".join([*start, *lines, f"find({choices.choice(NAMES)})"])


class Held:
    """A context manager that gives back what it holds."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __enter__(self) -> Any:
        return self.value

    def __exit__(self, *error: object) -> None:
        pass


def queries_of(text: str, *, ready: bool) -> list[Any] | None:
    """Each query that the program finds with; None if the program fails."""
    found: list[Any] = []

    def find(query: Any) -> list[Any]:
        found.append(copy.deepcopy(query))
        return []

    def change(value: Any) -> None:
        if isinstance(value, dict):
            value["changed"] = True

    names: dict[str, Callable[..., Any] | bool] = {
        "find": find,
        "change": change,
        "get_count": lambda value: 1,
        "held": Held,
        "print": lambda *values: None,
        "ready": ready,
    }
    try:
        exec(text, names)
        json.dumps(found)
    except Exception:  # noqa: BLE001 - a random program may fail in any way
        return None
    return found if all(may_be_query(one) for one in found) else None


@pytest.mark.soak
def test_a_random_program_is_read_as_it_runs_or_refused() -> None:
    choices = random.Random(20261128)
    wrong, read, tried = [], 0, amount(600, 20_000, short=300)

    for _ in range(tried):
        text = program(choices)
        runs = [queries_of(text, ready=True), queries_of(text, ready=False)]
        if None in runs:
            continue
        try:
            value = convert(text).value
        except InvalidInput:
            continue
        read += 1
        if any(one != value for run in runs for one in run or []):
            wrong.append((text, value, runs))

    assert wrong == []
    assert read > tried / 30
