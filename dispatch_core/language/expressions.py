"""Aggregation expressions, compiled into functions of a scope.

A scope contains the variables: the record as ``ROOT`` and ``CURRENT``, and those of
``$map``, ``$filter``, ``$reduce`` and ``$let``. A path that does not exist gives
`MISSING`, which sorts before null and is not equal to it; a result document omits it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn, TypeAlias

from dispatch_core.errors import CannotEvaluate, InvalidInput, Issue
from dispatch_core.language.allowance import (
    Allowance,
    document_weight,
    list_weight,
    text_weight,
)
from dispatch_core.language.bson import MISSING, sort_key, type_name
from dispatch_core.language.expression_functions import (
    FUNCTIONS,
    Function,
    OperandError,
    parse_date,
)
from dispatch_core.language.paths import value_along
from dispatch_core.language.pcre import compile_pattern
from dispatch_core.types import JsonValue, Record

Scope: TypeAlias = Mapping[str, JsonValue]
Expression: TypeAlias = Callable[[Scope], JsonValue]


def scope_of(record: Record) -> Scope:
    """The initial variables of every expression over a record."""
    return {"ROOT": record, "CURRENT": record, "REMOVE": MISSING}


def compile_expression(
    spec: JsonValue, where: str, allowance: Allowance | None = None
) -> Expression:
    """A function from a scope to the value of an expression.

    `where` names the expression in `InvalidInput`, which is raised both now for an
    invalid expression and later for an unsuitable record (``$size`` of a string), or for
    a value over the `allowance`, which expressions of one pipeline share.
    """
    return _Context(where, allowance or Allowance()).compile(spec)


def is_true(value: JsonValue) -> bool:
    """Whether an expression treats the value as true: all but false, 0, null and missing."""
    if isinstance(value, bool | int | float):
        return bool(value)
    return value is not None and value is not MISSING


_ACCUMULATORS = frozenset(("$addToSet", "$push", "$count"))
"""Allowed only in a stage such as ``$group``; a server refuses them elsewhere, too."""


@dataclass(frozen=True, slots=True)
class _Context:
    """The position of an expression, for errors, and the variables it may use."""

    where: str
    allowance: Allowance = field(default_factory=Allowance)
    variables: frozenset[str] = frozenset({"ROOT", "CURRENT", "REMOVE"})

    def refuse(self, what: str, action: str = "") -> NoReturn:
        raise InvalidInput(Issue(what, self.where, action)) from None

    def compile(self, spec: JsonValue) -> Expression:
        if isinstance(spec, str) and spec.startswith("$"):
            return self.path(spec)
        if _is_constant(spec):
            return _constant(spec)
        if isinstance(spec, list):
            return _array(self, [self.compile(item) for item in spec])
        return self.document(spec)

    def with_variables(self, *variables: str) -> _Context:
        return replace(self, variables=self.variables | set(variables))

    def path(self, text: str) -> Expression:
        if not text.startswith("$$"):
            return _reader("CURRENT", self.segments(text, text[1:]))
        variable, dot, rest = text[2:].partition(".")
        if variable not in self.variables:
            known = ", ".join(f"$${name}" for name in sorted(self.variables))
            self.refuse(f"the variable $${variable} is not defined", f"Known here: {known}")
        return _reader(variable, self.segments(text, rest) if dot else [])

    def segments(self, text: str, path: str) -> list[str]:
        segments = path.split(".")
        if "" in segments or any(segment.startswith("$") for segment in segments):
            self.refuse(f"{text!r} is not a field path", "Write $field or $field.inner")
        return segments

    def document(self, spec: dict[str, JsonValue]) -> Expression:
        operators = [name for name in spec if name.startswith("$")]
        if operators and len(spec) > 1:
            self.refuse(f"{operators[0]} is used beside other fields", "Put it in its own braces")
        if operators:
            return self.operator(operators[0], spec[operators[0]])
        if any("." in name for name in spec):
            self.refuse("a field name of a new document contains a dot", "Nest the documents")
        return _built(self, {name: self.compile(item) for name, item in spec.items()})

    def operator(self, name: str, argument: JsonValue) -> Expression:
        if name in _SPECIAL_FORMS:
            return _SPECIAL_FORMS[name](self, name, argument)
        if name not in FUNCTIONS:
            supported = ", ".join(supported_operators())
            refusal = InvalidInput if name in _ACCUMULATORS else CannotEvaluate
            issue = Issue(
                f"the expression {name} is not supported", self.where, f"Supported: {supported}"
            )
            raise refusal(issue)
        return self.function(name, FUNCTIONS[name], argument)

    def function(self, name: str, function: Function, argument: JsonValue) -> Expression:
        given = argument if isinstance(argument, list) else [argument]
        if not function.least <= len(given) <= function.most:
            self.refuse(f"{name} takes {function.arity}, but {len(given)} were given")
        arguments = [self.compile(item) for item in given]
        call, weight, heavy = function.call, function.weight, function.weighs
        build, where = self.allowance.build, self.where

        def run(scope: Scope) -> JsonValue:
            values = [item(scope) for item in arguments]
            if heavy:
                self.allowance.weigh(values, where)
            try:
                if weight is not None:
                    build(weight(values), where)
                result = call(*values)
                if weight is None and result.__class__ is str:
                    build(text_weight(result), where)
                elif weight is None and result.__class__ is list:
                    build(list_weight(len(result)), where)
                return result
            except OperandError as error:
                self.refuse(f"{name} {error}")
            except (OverflowError, ValueError):
                self.refuse(f"{name} has no result for these values")

        return run

    def named(
        self, name: str, argument: JsonValue, required: Iterable[str], optional: Iterable[str] = ()
    ) -> dict[str, JsonValue]:
        if not isinstance(argument, dict):
            self.refuse(f"{name} needs a document", f"Give it {', '.join(required)}")
        for key in required:
            if key not in argument:
                self.refuse(f"{name} needs {key!r}")
        for key in argument.keys() - {*required, *optional}:
            self.refuse(f"{name} does not take {key!r}")
        return argument

    def constant_name(self, name: str, value: JsonValue) -> str:
        if not isinstance(value, str) or not value[:1].islower() or not value.isidentifier():
            what = f"{name} has a variable named {value!r}"
            self.refuse(what, "Start the name with a lower-case letter")
        return value


def supported_operators() -> list[str]:
    """The names of all supported expression operators, sorted."""
    return sorted({*_SPECIAL_FORMS, *FUNCTIONS})


def _constant(value: JsonValue) -> Expression:
    return lambda scope: value


def _is_constant(spec: JsonValue) -> bool:
    """Whether a value has no path, operator or dotted name, so that it is built only once."""
    if isinstance(spec, str):
        return not spec.startswith("$")
    if isinstance(spec, list):
        return all(map(_is_constant, spec))
    if isinstance(spec, dict):
        names = all(not name.startswith("$") and "." not in name for name in spec)
        return names and all(map(_is_constant, spec.values()))
    return True


def _array(context: _Context, items: list[Expression]) -> Expression:
    allowance, where = context.allowance, context.where

    def build(scope: Scope) -> JsonValue:
        values = [item(scope) for item in items]
        allowance.build_list(values, where)
        return [None if value is MISSING else value for value in values]

    return build


def _built(context: _Context, fields: dict[str, Expression]) -> Expression:
    allowance, where = context.allowance, context.where

    def build(scope: Scope) -> JsonValue:
        values = {name: field(scope) for name, field in fields.items()}
        weight = document_weight(len(values)) + allowance.weigh(values.values(), where)
        allowance.build(weight, where)
        return {name: value for name, value in values.items() if value is not MISSING}

    return build


def _reader(variable: str, segments: list[str]) -> Expression:
    if not segments:
        return lambda scope: scope[variable]
    if len(segments) > 1:
        return lambda scope: value_along(scope[variable], segments)
    (name,) = segments

    def read(scope: Scope) -> JsonValue:
        value = scope[variable]
        if isinstance(value, dict):
            return value.get(name, MISSING)
        return value_along(value, segments)

    return read


def _all_true(context: _Context, name: str, argument: JsonValue) -> Expression:
    items = _operands(context, argument)
    return lambda scope: all(is_true(item(scope)) for item in items)


def _any_true(context: _Context, name: str, argument: JsonValue) -> Expression:
    items = _operands(context, argument)
    return lambda scope: any(is_true(item(scope)) for item in items)


def _operands(context: _Context, argument: JsonValue) -> list[Expression]:
    return [
        context.compile(item) for item in (argument if isinstance(argument, list) else [argument])
    ]


def _literal(context: _Context, name: str, argument: JsonValue) -> Expression:
    return _constant(argument)


def _cond(context: _Context, name: str, argument: JsonValue) -> Expression:
    if isinstance(argument, list):
        if len(argument) != 3:
            context.refuse(f"$cond takes 3 values, but {len(argument)} were given")
        argument = dict(zip(("if", "then", "else"), argument, strict=True))
    parts = context.named(name, argument, ("if", "then", "else"))
    test, then, otherwise = (context.compile(parts[key]) for key in ("if", "then", "else"))
    return lambda scope: then(scope) if is_true(test(scope)) else otherwise(scope)


def _if_null(context: _Context, name: str, argument: JsonValue) -> Expression:
    items = _operands(context, argument)
    if len(items) < 2:
        context.refuse("$ifNull takes at least 2 values")

    def choose(scope: Scope) -> JsonValue:
        for item in items[:-1]:
            value = item(scope)
            if value is not None and value is not MISSING:
                return value
        return items[-1](scope)

    return choose


def _switch(context: _Context, name: str, argument: JsonValue) -> Expression:
    parts = context.named(name, argument, ("branches",), ("default",))
    if not isinstance(parts["branches"], list) or not parts["branches"]:
        context.refuse("$switch needs a list of branches")
    branches = [
        (context.compile(branch["case"]), context.compile(branch["then"]))
        for branch in (
            context.named("a branch of $switch", item, ("case", "then"))
            for item in parts["branches"]
        )
    ]
    default = context.compile(parts["default"]) if "default" in parts else None

    def choose(scope: Scope) -> JsonValue:
        for case, then in branches:
            if is_true(case(scope)):
                return then(scope)
        if default is None:
            context.refuse("$switch has no default, and no branch is true")
        return default(scope)

    return choose


def _elements(context: _Context, name: str, value: JsonValue) -> list[JsonValue] | None:
    if value is None or value is MISSING:
        return None
    if not isinstance(value, list):
        context.refuse(f"{name} needs an array, not {type_name(value)}")
    context.allowance.visit(len(value), context.where)
    return value


def _map(context: _Context, name: str, argument: JsonValue) -> Expression:
    parts = context.named(name, argument, ("input", "in"), ("as",))
    source = context.compile(parts["input"])
    variable = context.constant_name(name, parts.get("as", "this"))
    body = context.with_variables(variable).compile(parts["in"])

    def run(scope: Scope) -> JsonValue:
        elements = _elements(context, name, source(scope))
        if elements is None:
            return None
        values = [body({**scope, variable: element}) for element in elements]
        context.allowance.build_list(values, context.where)
        return [None if value is MISSING else value for value in values]

    return run


def _filter(context: _Context, name: str, argument: JsonValue) -> Expression:
    parts = context.named(name, argument, ("input", "cond"), ("as", "limit"))
    source = context.compile(parts["input"])
    variable = context.constant_name(name, parts.get("as", "this"))
    keep = context.with_variables(variable).compile(parts["cond"])
    limit = context.compile(parts.get("limit"))

    def run(scope: Scope) -> JsonValue:
        elements = _elements(context, name, source(scope))
        if elements is None:
            return None
        kept = [element for element in elements if is_true(keep({**scope, variable: element}))]
        context.allowance.build(list_weight(len(kept)), context.where)
        most = limit(scope)
        return kept[:most] if isinstance(most, int) and most > 0 else kept

    return run


def _reduce(context: _Context, name: str, argument: JsonValue) -> Expression:
    parts = context.named(name, argument, ("input", "initialValue", "in"))
    source, initial = context.compile(parts["input"]), context.compile(parts["initialValue"])
    body = context.with_variables("this", "value").compile(parts["in"])

    def run(scope: Scope) -> JsonValue:
        elements = _elements(context, name, source(scope))
        if elements is None:
            return None
        value = initial(scope)
        for element in elements:
            value = body({**scope, "this": element, "value": value})
        return value

    return run


def _let(context: _Context, name: str, argument: JsonValue) -> Expression:
    parts = context.named(name, argument, ("vars", "in"))
    if not isinstance(parts["vars"], dict):
        context.refuse("$let needs a document of variables")
    variables = {
        context.constant_name(name, key): context.compile(v) for key, v in parts["vars"].items()
    }
    body = context.with_variables(*variables).compile(parts["in"])

    def run(scope: Scope) -> JsonValue:
        return body({**scope, **{key: value(scope) for key, value in variables.items()}})

    return run


def _regex_match(context: _Context, name: str, argument: JsonValue) -> Expression:
    parts = context.named(name, argument, ("input", "regex"), ("options",))
    source, pattern = context.compile(parts["input"]), context.compile(parts["regex"])
    options = context.compile(parts.get("options", ""))
    budget = context.allowance.patterns

    def run(scope: Scope) -> JsonValue:
        text, form, letters = source(scope), pattern(scope), options(scope)
        if text is None or text is MISSING or form is None or form is MISSING:
            return False
        if not (isinstance(text, str) and isinstance(form, str) and isinstance(letters, str)):
            context.refuse(f"$regexMatch needs strings, not {type_name(text)}")
        return compile_pattern(form, letters, context.where, budget).search(text) is not None

    return run


def _date_from_string(context: _Context, name: str, argument: JsonValue) -> Expression:
    parts = context.named(name, argument, ("dateString",), ("format", "onError", "onNull"))
    source, form = context.compile(parts["dateString"]), context.compile(parts.get("format"))
    on_null = context.compile(parts.get("onNull"))
    on_error = context.compile(parts["onError"]) if "onError" in parts else None

    def run(scope: Scope) -> JsonValue:
        text = source(scope)
        if text is None or text is MISSING:
            return on_null(scope)
        try:
            return parse_date(text, form(scope))
        except OperandError as error:
            if on_error is None:
                context.refuse(f"{name} {error}")
            return on_error(scope)

    return run


def _compared(holds: Callable[[int], bool]) -> Callable[[_Context, str, JsonValue], Expression]:
    def form(context: _Context, name: str, argument: JsonValue) -> Expression:
        if not isinstance(argument, list) or len(argument) != 2:
            context.refuse(f"{name} takes 2 values in a list")
        left, right = (context.compile(item) for item in argument)

        def run(scope: Scope) -> JsonValue:
            values = left(scope), right(scope)
            context.allowance.weigh(values, context.where)
            first, second = map(sort_key, values)
            return holds((first > second) - (first < second))

        return run

    return form


_SPECIAL_FORMS: Final[dict[str, Callable[[_Context, str, JsonValue], Expression]]] = {
    "$and": _all_true,
    "$or": _any_true,
    "$literal": _literal,
    "$cond": _cond,
    "$ifNull": _if_null,
    "$switch": _switch,
    "$map": _map,
    "$filter": _filter,
    "$reduce": _reduce,
    "$let": _let,
    "$regexMatch": _regex_match,
    "$dateFromString": _date_from_string,
    "$eq": _compared(lambda order: order == 0),
    "$ne": _compared(lambda order: order != 0),
    "$gt": _compared(lambda order: order > 0),
    "$gte": _compared(lambda order: order >= 0),
    "$lt": _compared(lambda order: order < 0),
    "$lte": _compared(lambda order: order <= 0),
}
