"""A random JavaScript program is read as the query that running it gives, or refused."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from typing import Any

import pytest

from dispatch_core.builder.pasted import convert
from dispatch_core.errors import InvalidInput
from tests.support.tier import amount

NODE = shutil.which("node")
STARTS = ["{}", "{a: 1}", "{a: {}}", "{a: 1, b: {c: 2}}"]
VALUES = [
    *["1", '"x"', "{c: 1}", "[1, 2]", "{$gt: 5}", "true", "-1.5", "`t`", "x", "null"],
    *["{c: {d: 2}}", "'it\\'s'", '"a // b"', "[{e: 1}]"],
]
STATEMENTS = [
    *["{name}.{key} = {value}"] * 5,
    *['{name}["{key}"] = {value}'] * 3,
    *["Object.assign({name}, {{{key}: {value}}})"] * 3,
    *["{name}.a.{key} = {value}", "{name}\n  .{key} = {value}", "{name}.{key} = ({value})"],
    *["if (flag) {name}.{key} = {value}", "if (flag) {{ {name}.{key} = {value}; }}"],
    *["flag && ({name}.{key} = {value})", "for (const i of [1]) {name}.{key} = {value}"],
    *["const same{number} = {name}; same{number}.{key} = {value}", "other = {name}"],
    *["const get{number} = () => {name}; get{number}().{key} = {value}", "{name} = {{z: 1}}"],
    *["// {name}.{key} = {value}", "/* {name}.{key} = {value} */", "console.log({name})"],
    *["delete {name}.{key}", "{name}.{key} = {value}\n+ 1", "{name}.{key} = {value}\n[0]"],
    *["{name}.{key} = {value} // note", "{name}.{key} = {name}.b = {value}", "change({name})"],
    *["function set{number}() {{ {name}.{key} = {value}; }}", "[{name}.{key}] = [{value}]"],
    *["[{name}].forEach(one => {{ one.{key} = {value} }})", "{name}.{key} ??= {value}"],
    *["{name} = {{...{name}, {key}: {value}}}", 'const text{number} = "if // {name}.b = 9"'],
    *["try {{ {name}.{key} = {value} }} catch (e) {{}}", "db.data.find({name})"],
]
RUNNER = """
const vm = require("vm");
const run = (program, flag) => {
  const used = [];
  const text = `(function(flag, x, change, db, console) {${program}\\n;used.push(["end", query])})`;
  const find = (query) => used.push(["used", JSON.parse(JSON.stringify(query))]);
  try {
    vm.runInNewContext(text, {used})(
      flag, "value of x", (one) => { one.changed = 1 }, {data: {find}}, {log() {}});
  } catch (error) { return null }
  return used;
};
const programs = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(programs.map((one) => [run(one, true), run(one, false)])));
"""


def program(choices: random.Random) -> str:
    lines = [f"let query = {choices.choice(STARTS)}"]
    lines += [f"let other = {choices.choice(STARTS)}"] * choices.randint(0, 1)
    for number in range(choices.randint(0, 5)):
        name = choices.choice(["query", "query", "other"])
        key, value = choices.choice(["a", "b", "c", "$or"]), choices.choice(VALUES)
        made = choices.choice(STATEMENTS).format(name=name, key=key, value=value, number=number)
        lines.append(made)
    lines += ["db.data.find(query)"] * choices.randint(0, 1)
    return choices.choice([";\n", "; ", "\n"]).join(lines) + choices.choice([";", ""])


def queries_of(run: list[Any]) -> list[Any]:
    """The queries that calls take; without a call, the last value of ``query``."""
    used = [query for kind, query in run if kind == "used"]
    return used or [query for kind, query in run if kind == "end"]


@pytest.mark.soak
@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_a_random_script_is_read_as_it_runs_or_refused() -> None:
    choices = random.Random(20261128)
    programs = [program(choices) for _ in range(amount(200, 30_000))]
    command = [str(NODE), "-e", RUNNER]
    ran = subprocess.run(command, input=json.dumps(programs), capture_output=True, text=True)
    wrong, read = [], 0

    for text, runs in zip(programs, json.loads(ran.stdout), strict=True):
        if None in runs:
            continue
        try:
            value = convert(text).value
        except InvalidInput:
            continue
        read += 1
        if any(json.dumps(one) != json.dumps(value) for run in runs for one in queries_of(run)):
            wrong.append((text, value, runs))

    assert wrong == []
    assert read > 20
