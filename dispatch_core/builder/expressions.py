"""The values of Python expressions that only literals determine; nothing is executed.

Objects and lists are real Python values, shared between names as Python shares them, so
that an assignment through one name shows in the other.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Final, NoReturn

from dispatch_core.builder.calls import (
    CONSTANTS,
    NOT_PLAIN,
    Flag,
    OtherLayout,
    as_json,
    call_named,
    key_text,
)
from dispatch_core.errors import InvalidInput
from dispatch_core.text.strict_json import issue_at

MOST_STEPS: Final = 500_000
"""Nodes and copied values of one program; more is refused."""

JSON_WORDS: Final = {"true": True, "false": False, "null": None}
_WRITE_IT: Final = "Write the value itself"

_DICT_METHODS: Final = frozenset("update setdefault pop clear copy get".split())
_LIST_METHODS: Final = frozenset("append extend insert pop clear copy reverse".split())
_PARSERS: Final = frozenset(
    "json.loads ast.literal_eval loads literal_eval parse Document.parse BsonDocument.parse"
    " JSON.parse EJSON.parse bson.json_util.loads json_util.loads".split()
)
_WRITERS: Final = frozenset("json.dumps dumps".split())
_COPIES: Final = frozenset("copy.copy copy.deepcopy deepcopy".split())


class Unknown:
    """The value of a name that cannot be determined, with the error that says why.

    `may_share` tells whether it can be a container that another name holds too.
    """

    __slots__ = ("error", "may_share")

    def __init__(self, error: InvalidInput, *, may_share: bool = False) -> None:
        self.error, self.may_share = error, may_share


class Evaluator:
    """Evaluates the expressions of one program.

    `names` has the current value of each name, `reads` the names that another value or
    call has used since they were set, and `doubts` the containers that code may have
    changed, by identity: (container, error).
    """

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.names: dict[str, Any] = {}
        self.modules: dict[str, str] = {}
        self.reads: set[str] = set()
        self.doubts: dict[int, tuple[Any, InvalidInput]] = {}
        self.steps = 0
        starts = [0]
        for line in text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        self._starts, self._lines = starts, text.split("\n")

    # Positions and errors

    def position(self, node: ast.AST) -> int:
        """Where `node` starts in the text; the columns of `ast` count bytes of UTF-8."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        return self._starts[line - 1] + self._characters(line, column)

    def end(self, node: ast.AST) -> int:
        """Where `node` ends in the text."""
        line, column = getattr(node, "end_lineno", 1), getattr(node, "end_col_offset", 0)
        return self._starts[line - 1] + self._characters(line, column)

    def _characters(self, line: int, column: int) -> int:
        row = self._lines[line - 1]
        return column if row.isascii() else len(row.encode()[:column].decode(errors="ignore"))

    def problem(self, node: ast.AST, what: str, action: str = _WRITE_IT) -> InvalidInput:
        """The error `what` at the position of `node`."""
        return InvalidInput(issue_at(self.text, self.position(node), what, self.where, action))

    def refuse(self, node: ast.AST, what: str, action: str = _WRITE_IT) -> NoReturn:
        """Raise the error `what` at the position of `node`."""
        raise self.problem(node, what, action)

    def step(self, count: int = 1) -> None:
        """Count work; a program of too many steps is refused."""
        self.steps += count
        if self.steps > MOST_STEPS:
            self.refuse(ast.Pass(lineno=1, col_offset=0), "the program is too long", "Shorten it")

    # Doubts

    def doubt(self, value: Any, error: InvalidInput) -> None:
        """Remember that code may have changed `value`, or a container inside it."""
        for one in containers(value):
            self.step()
            self.doubts.setdefault(id(one), (one, error))

    def checked(self, value: Any) -> Any:
        """`value`, or the error of the container in it that code may have changed."""
        for one in containers(value):
            self.step()
            if id(one) in self.doubts:
                raise self.doubts[id(one)][1]
        return value

    # Expressions

    def finished(self, node: ast.AST) -> Any:
        """The value of an expression as JSON, in a copy of its own."""
        return self.as_json(self.value(node), node)

    def as_json(self, value: Any, node: ast.AST) -> Any:
        """`value` as JSON, or an error at `node` if JSON cannot express it."""
        try:
            return as_json(self.checked(value), self.step)
        except ValueError as error:
            self.refuse(node, str(error), "Write a value that JSON can express")

    def value(self, node: ast.AST) -> Any:
        """The value of an expression, or `InvalidInput` if only running code could tell."""
        self.step()
        read: Callable[[Any], Any] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if read is None:
            kind = _KINDS.get(type(node).__name__, "this")
            self.refuse(node, f"{kind} is computed by code")
        return read(node)

    def _constant(self, node: ast.Constant) -> Any:
        value = node.value
        if isinstance(value, bytes):
            self.refuse(node, "bytes are not text", "Remove the b")
        if not isinstance(value, str | int | float | bool | None):
            self.refuse(node, "this is not a JSON value")
        if isinstance(value, float) and not math.isfinite(value):
            self.refuse(node, "this is too large for a number", "Write a finite number")
        return value

    def _dict(self, node: ast.Dict) -> dict[str, Any]:
        value: dict[str, Any] = {}
        own: set[str] = set()
        for key, item in zip(node.keys, node.values, strict=True):
            if key is None:
                value.update(self.mapping(item))
                continue
            name = self.key(key)
            if name in own:
                what = f"the key {key_text(name)} appears twice in one object"
                self.refuse(key, what, "Keep one of them")
            own.add(name)
            value[name] = self.value(item)
        return value

    def key(self, node: ast.expr) -> str:
        """The key that `node` writes: a string, or a bare name as in JavaScript."""
        bare = dotted(node)
        if bare is None:
            value = self.value(node)
        elif isinstance(node, ast.Attribute) or bare not in self.names:
            value = bare
        else:
            what = f"{bare} is a key in JavaScript and the value of {bare} in Python"
            self.refuse(node, what, "Write the key in quotes")
        if not isinstance(value, str):
            self.refuse(node, "a key is not a string", "Write the key in quotes")
        return value

    def mapping(self, node: ast.AST) -> dict[str, Any]:
        """The object that `node` writes; any other value is an error."""
        value = self.checked(self.value(node))
        if not isinstance(value, dict):
            self.refuse(node, "this is not an object", "Write the merged object itself")
        return value

    def _list(self, node: ast.List) -> list[Any]:
        return list(self._items(node.elts))

    def _tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self._items(node.elts))

    def _items(self, nodes: list[ast.expr]) -> Iterator[Any]:
        for node in nodes:
            if isinstance(node, ast.Starred):
                yield from self._sequence(node.value)
            else:
                yield self.value(node)

    def _sequence(self, node: ast.AST) -> list[Any]:
        value = self.checked(self.value(node))
        if not isinstance(value, list | tuple):
            self.refuse(node, "this is not a list", "Write the list itself")
        return list(value)

    def _name(self, node: ast.Name) -> Any:
        if node.id in self.names:
            self.reads.add(node.id)
            value = self.names[node.id]
            if isinstance(value, Unknown):
                raise value.error
            return self.checked(value)
        return self._constant_name(node, self.canonical(node.id))

    def _attribute(self, node: ast.Attribute) -> Any:
        name = dotted(node)
        if name is None:
            self.refuse(node, f".{node.attr} is computed by code")
        if name in self.names:
            return self._name(ast.Name(id=name, lineno=node.lineno, col_offset=node.col_offset))
        return self._constant_name(node, self.canonical(name))

    def _constant_name(self, node: ast.AST, name: str) -> Any:
        if name in JSON_WORDS:
            return JSON_WORDS[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in ("NaN", "Infinity", "undefined", "nan", "inf"):
            self.refuse(node, f"{name} is not a JSON value", "Write a finite number, or null")
        self.refuse(node, f"{name} is a name, and its value is not in this text")

    def canonical(self, name: str) -> str:
        """A dotted name as its module exports it: ``dt.datetime`` as ``datetime``."""
        first, _, rest = name.partition(".")
        whole = ".".join(filter(None, (self.modules.get(first, first), rest)))
        return whole.removeprefix("datetime.") if whole.startswith("datetime.") else whole

    def _subscript(self, node: ast.Subscript) -> Any:
        before = set(self.reads)
        holder, key = self.value(node.value), self.value(node.slice)
        try:
            item = self.checked(holder[key])
        except (KeyError, IndexError, TypeError):
            self.refuse(node, "this item is not in the value that the text defines")
        if isinstance(item, dict | list):
            self.reads = before  # a name for a part of an object does not use the object
        return item

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub | ast.UAdd) and is_number(value):
            return -value if isinstance(node.op, ast.USub) else value
        self.refuse(node, "this expression is computed by code")

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        join = _JOINS.get(type(node.op))
        joined = join(self.checked(left), self.checked(right)) if join else None
        if joined is None:
            self.refuse(node, "this expression is computed by code")
        self.step(len(joined) // 100 if isinstance(joined, str) else 1)
        return joined

    def _joinedstr(self, node: ast.JoinedStr) -> str:
        if any(not isinstance(part, ast.Constant) for part in node.values):
            self.refuse(node, "code inserts values into this string", "Write the whole text")
        return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))

    # Calls

    def _call(self, node: ast.Call) -> Any:
        name = self.canonical(dotted(node.func) or "")
        if isinstance(node.func, ast.Attribute):
            found, value = self._method(node, node.func)
            if found:
                return value
        if name in _PARSERS:
            return self._parsed(node, name)
        if name in _WRITERS and node.args:
            return json.dumps(self.finished(node.args[0]))
        if name in _COPIES and len(node.args) == 1:
            return copied(self.checked(self.value(node.args[0])), {})
        return self._built(node, name)

    def _parsed(self, node: ast.Call, name: str) -> Any:
        (text,) = self.arguments(node)[0] or [None]
        try:
            if not isinstance(text, str):
                raise ValueError
            return ast.literal_eval(text) if name.endswith("eval") else json.loads(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            self.refuse(node, f"{name}(..) cannot read this text", "Paste the text itself")

    def _built(self, node: ast.Call, name: str) -> Any:
        if name in ("dict", "list", "tuple") and name not in self.names:
            return self._container(node, name)
        read = None if name.partition(".")[0] in self.names else call_named(name)
        if read is None:
            shown = name or "this call"
            what = f"{shown}(..) is computed by code, and its value is not in this text"
            self.refuse(node, what)
        arguments, named = self.arguments(node)
        try:
            return read(*arguments, **named)
        except OtherLayout as error:
            self.refuse(node, str(error))
        except NOT_PLAIN as error:
            what = str(error) if "options" in str(error) else f"{name} has no plain value"
            self.refuse(node, what)

    def _container(self, node: ast.Call, name: str) -> Any:
        arguments, named = self.arguments(node)
        try:
            made = {"dict": dict, "list": list, "tuple": tuple}[name](
                *map(self.checked, arguments), **named
            )
        except (TypeError, ValueError):
            self.refuse(node, f"{name}(..) is computed by code")
        if isinstance(made, dict) and not all(isinstance(key, str) for key in made):
            self.refuse(node, "a key is not a string", "Write the key in quotes")
        return made

    def arguments(self, node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        """The values of the arguments of a call: by position, and by name."""
        named: dict[str, Any] = {}
        by_position = list(self._items(node.args))
        for keyword in node.keywords:
            if keyword.arg is None:
                named.update(self.mapping(keyword.value))
            else:
                named[keyword.arg] = self.value(keyword.value)
        return by_position, named

    def _method(self, node: ast.Call, method: ast.Attribute) -> tuple[bool, Any]:
        """Whether this is a method of a known value, and its result."""
        if dotted(method.value) not in self.names and isinstance(
            method.value, ast.Name | ast.Attribute
        ):
            return False, None
        before = set(self.reads)
        holder = self.value(method.value)
        if method.attr != "copy":
            self.reads = before - {dotted(method.value) or ""}
        known = _methods_of(holder)
        if method.attr not in known:
            self.refuse(node, f".{method.attr}(..) is computed by code")
        arguments, named = self.arguments(node)
        try:
            return True, getattr(holder, method.attr)(*arguments, **named)
        except (TypeError, ValueError, LookupError):
            self.refuse(node, f".{method.attr}(..) fails for the value that the text defines")


def _methods_of(value: Any) -> frozenset[str]:
    if isinstance(value, dict):
        return _DICT_METHODS
    if isinstance(value, list):
        return _LIST_METHODS
    if isinstance(value, date):
        return frozenset({"isoformat", "date"})
    return frozenset({"strip"}) if isinstance(value, str) else frozenset()


def is_number(value: Any) -> bool:
    """Whether `value` is an int or a float; a bool is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _merged(left: Any, right: Any) -> Any:
    if isinstance(left, dict) and isinstance(right, dict):
        return left | right
    if isinstance(left, Flag) and isinstance(right, Flag):
        return Flag("".join(sorted(set(left + right))))
    return None


def _added(left: Any, right: Any) -> Any:
    is_text = isinstance(left, str) and isinstance(right, str)
    is_list = isinstance(left, list) and isinstance(right, list)
    is_tuple = isinstance(left, tuple) and isinstance(right, tuple)
    return left + right if is_text or is_list or is_tuple or _numbers(left, right) else None


def _numbers(left: Any, right: Any) -> bool:
    return is_number(left) and is_number(right) and max(abs(left), abs(right)) < 1e15


_JOINS: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.BitOr: _merged,
    ast.Add: _added,
    ast.Sub: lambda left, right: left - right if _numbers(left, right) else None,
    ast.Mult: lambda left, right: left * right if _numbers(left, right) else None,
}
_KINDS: Final = {
    "IfExp": "this condition (.. if .. else ..)",
    "Lambda": "this function",
    "ListComp": "this comprehension",
    "DictComp": "this comprehension",
    "SetComp": "this comprehension",
    "GeneratorExp": "this comprehension",
    "Compare": "this comparison",
    "BoolOp": "this condition",
    "Set": "a set has no order and",
    "Await": "this await",
    "NamedExpr": "this assignment",
}


def dotted(node: ast.AST) -> str | None:
    """``a.b.c`` for a name with attributes; None for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else None
    return None


def containers(value: Any) -> Iterator[Any]:
    """Every object and list in `value`, each once, also if it contains itself."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict | list | tuple) or id(one) in seen:
            continue
        seen.add(id(one))
        if not isinstance(one, tuple):
            yield one
        waiting.extend(one.values() if isinstance(one, dict) else one)


def copied(value: Any, made: dict[int, Any]) -> Any:
    """A deep copy of `value`; `made` maps the identity of each container to its copy."""
    if isinstance(value, tuple):
        return tuple(copied(item, made) for item in value)
    if not isinstance(value, dict | list):
        return value
    if id(value) in made:
        return made[id(value)]
    copy: Any = {} if isinstance(value, dict) else []
    made[id(value)] = copy
    if isinstance(value, dict):
        copy.update({key: copied(item, made) for key, item in value.items()})
    else:
        copy.extend(copied(item, made) for item in value)
    return copy
