"""MongoDB filters over JSON values, with the exact semantics of MongoDB.

A filter is compiled into `Clause` values that must all match. Each has its path and
its own JSON text, so that an explanation can show which clause a record fails. A
filter that MongoDB refuses raises `InvalidInput` with path and operator.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.allowance import Allowance
from dispatch_core.language.bson import (
    MISSING,
    NULL_RANK,
    NUMBER_RANK,
    STRING_RANK,
    TYPE_CODES,
    is_number,
    json_problem,
    rank_of,
    sort_key,
    type_name,
)
from dispatch_core.language.expression_functions import remainder
from dispatch_core.language.expressions import compile_expression, is_true, scope_of
from dispatch_core.language.pcre import text_test
from dispatch_core.types import Filter, JsonValue, Record

Test: TypeAlias = Callable[[JsonValue], bool]
RecordTest: TypeAlias = Callable[[Record], bool]

MAX_DEPTH: Final = 100
"""Levels of nesting; a deeper filter is refused, as in MongoDB."""

_LONE_OPTIONS: Final = "$options is used without $regex"


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition of a conjunction.

    Attributes
    ----------
    path
        The dotted path, or ``""`` if there is none (``$or``, ``$expr``).
    query
        The condition, as a complete filter.
    test
        Whether a record matches.
    """

    path: str
    query: Filter
    test: RecordTest

    @property
    def text(self) -> str:
        """The condition as JSON."""
        return _text(self.query)


def compile_filter(filter_query: Filter, allowance: Allowance | None = None) -> RecordTest:
    """A function that tells whether a record matches a filter; ``{}`` matches every record.

    Raises `InvalidInput` for a filter that MongoDB refuses. The function itself raises
    only for an ``$expr`` that cannot be evaluated for a record (``$size`` of a string).
    """
    return _all_of([clause.test for clause in compile_clauses(filter_query, allowance)])


def compile_clauses(filter_query: Filter, allowance: Allowance | None = None) -> tuple[Clause, ...]:
    """The clauses that must all match, in the filter's order.

    Each operator of a field is a separate clause (``$regex`` beside ``$not`` are two),
    and the members of an ``$and`` count as clauses of the filter itself.
    """
    _check_shape(filter_query)
    return tuple(_clauses(filter_query, allowance or Allowance()))


def _check_shape(filter_query: Filter) -> None:
    if not isinstance(filter_query, dict):
        raise _refusal("a filter is a document", "", 'Write {"field": value}')
    problem = json_problem(filter_query, MAX_DEPTH)
    if problem:
        raise _refusal(f"the filter cannot be used: {problem}", "")


def _refusal(what: str, path: str, action: str = "") -> InvalidInput:
    return InvalidInput(Issue(what, path, action))


def _all_of(tests: list[RecordTest]) -> RecordTest:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda record: first(record) and second(record)

    def match(record: Record) -> bool:
        for test in tests:  # noqa: SIM110 - a generator takes twice the time
            if not test(record):
                return False
        return True

    return match


def _any_of(tests: list[RecordTest]) -> RecordTest:
    def match(record: Record) -> bool:
        for test in tests:  # noqa: SIM110 - a generator takes twice the time
            if test(record):
                return True
        return False

    return match


def _none_of(tests: list[RecordTest]) -> RecordTest:
    match = _any_of(tests)
    return lambda record: not match(record)


# A filter, field by field


def _clauses(filter_query: Filter, allowance: Allowance | None) -> Iterator[Clause]:
    """The clauses of a filter; an ``$expr`` is refused without an allowance."""
    for name, condition in filter_query.items():
        if name.startswith("$"):
            yield from _logical_clauses(name, condition, allowance)
        else:
            yield from _field_clauses(name, condition)


def _logical_clauses(
    name: str, condition: JsonValue, allowance: Allowance | None
) -> Iterator[Clause]:
    if name == "$comment":
        return
    if name == "$expr":
        yield _expr_clause(condition, allowance)
        return
    if name not in ("$and", "$or", "$nor"):
        raise _unknown_top(name)
    members = [list(_clauses(member, allowance)) for member in _members(name, condition)]
    if name == "$and":
        for clauses in members:
            yield from clauses
        return
    tests = [_all_of([clause.test for clause in clauses]) for clauses in members]
    yield Clause("", {name: condition}, (_any_of if name == "$or" else _none_of)(tests))


def _unknown_top(name: str) -> InvalidInput:
    if name in _OPERATORS or name == "$options":
        action = f'It belongs to a field: {{"field": {{"{name}": ...}}}}'
        return _refusal(f"{name} is used where a field is expected", name, action)
    action = "Supported beside fields: $and, $or, $nor, $expr, $comment"
    return _refusal(f"the operator {name} is not supported here", name, action)


def _members(name: str, condition: JsonValue) -> list[Filter]:
    if not isinstance(condition, list) or not condition:
        raise _refusal(f"{name} needs a list of at least one filter", name)
    for member in condition:
        if not isinstance(member, dict):
            raise _refusal(f"{name} contains {_text(member)}, which is not a filter", name)
    return condition


def _expr_clause(condition: JsonValue, allowance: Allowance | None) -> Clause:
    if allowance is None:
        action = "Move it out of $elemMatch to the top of the filter"
        raise _refusal("$expr works only on the whole record", "$expr", action)
    expression = compile_expression(condition, "$expr", allowance)
    query = {"$expr": condition}
    return Clause("", query, lambda record: is_true(expression(scope_of(record))))


def _field_clauses(path: str, condition: JsonValue) -> Iterator[Clause]:
    if not is_operator_document(condition):
        yield Clause(path, {path: condition}, _leaf_test(path, _equal(condition)))
        return
    for name, argument in condition.items():
        if name != "$options":
            test = _path_test(path, name, argument, condition)
            yield Clause(path, _clause_query(path, name, condition), test)
        elif "$regex" not in condition:
            raise _refusal(_LONE_OPTIONS, path, "Add $regex beside it")


def is_operator_document(condition: JsonValue) -> bool:
    """Whether a field's condition is a document of operators, not a value to compare with.

    The first key decides, as in MongoDB; ``{"$ref": .., "$id": ..}`` is a value.
    """
    if not isinstance(condition, dict) or not condition:
        return False
    first = next(iter(condition))
    is_reference = "$ref" in condition and "$id" in condition
    return isinstance(first, str) and first.startswith("$") and not is_reference


def _clause_query(path: str, name: str, condition: dict[str, JsonValue]) -> Filter:
    kept = ("$regex", "$options") if name == "$regex" else (name,)
    return {path: {key: condition[key] for key in kept if key in condition}}


def _text(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


# Paths


def _path_test(path: str, name: str, argument: JsonValue, beside: Filter) -> RecordTest:
    """The test of one operator on a path, over every value that the path reaches."""
    if name in _NEGATIONS:
        positive = _path_test(path, _NEGATIONS[name], argument, beside)
        return lambda record: not positive(record)
    if name == "$not":
        operators = _negated_operators(path, argument)
        negated = _all_of([clause.test for clause in _field_clauses(path, operators)])
        return lambda record: not negated(record)
    if name == "$exists" and not is_true(argument):
        return _negated(_leaf_test(path, _exists))
    if name == "$all":
        return _all_of([_one_of_all(path, item) for item in _all_items(path, argument)])
    if name in _ARRAY_OPERATORS:
        return _array_test(path, _ARRAY_OPERATORS[name](path, argument))
    return _leaf_test(path, _element_test(path, name, argument, beside))


def _negated(test: Test) -> Test:
    return lambda value: not test(value)


def _negated_operators(path: str, argument: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(argument, dict) or not argument:
        raise _refusal("$not needs a document of operators", path, 'Write {"$not": {"$eq": ..}}')
    if not is_operator_document(argument):
        raise _unknown_operator(path, next(iter(argument)))
    return argument


def _leaf_test(path: str, test: Test) -> RecordTest:
    """`test` on the value at a path; for an array, on each element and on the array itself."""
    names = path.split(".")
    if len(names) > MAX_DEPTH:
        raise _refusal(f"the path has more than {MAX_DEPTH} parts", path[:80])
    if len(names) == 1:
        return _one_name_test(names[0], test)
    *parents, last = names

    def match(record: Record) -> bool:
        value: JsonValue = record
        for name in parents:
            value = value.get(name, MISSING)
            if not isinstance(value, dict):
                return any(map(test, _reached(record, names)))
        value = value.get(last, MISSING)
        if isinstance(value, list):
            return any(map(test, value)) or test(value)
        return test(value)

    return match


def _one_name_test(name: str, test: Test) -> RecordTest:
    def match(record: Record) -> bool:
        value = record.get(name, MISSING)
        if isinstance(value, list):
            return any(map(test, value)) or test(value)
        return test(value)

    return match


def _array_test(path: str, test: Callable[[list[JsonValue]], bool]) -> RecordTest:
    names = path.split(".")

    def match(record: Record) -> bool:
        values = _reached(record, names, spread=False)
        return any(test(value) for value in values if isinstance(value, list))

    return match


def _reached(
    document: Record, names: list[str], start: int = 0, *, spread: bool = True
) -> Iterator[JsonValue]:
    """Every value at a path, and `MISSING` for a document without it.

    An array at the end also gives its elements, if `spread`. An array in the middle
    gives the values of its documents, and nothing if it has no documents.
    """
    value: JsonValue = document
    for position in range(start, len(names)):
        if isinstance(value, list):
            yield from _reached_in_array(value, names, position, spread=spread)
            return
        if not isinstance(value, dict):
            yield MISSING
            return
        value = value.get(names[position], MISSING)
    if spread and isinstance(value, list):
        yield from value
    yield value


def _reached_in_array(
    array: list[JsonValue], names: list[str], position: int, *, spread: bool
) -> Iterator[JsonValue]:
    """Every value that a path reaches from inside an array.

    The next name is a field of each document in the array and, if it is a number, also
    an index. An array reached by index at the end of a path is one value and not spread;
    a nested array is entered only by index.
    """
    index = names[position]
    is_last = position + 1 == len(names)
    for number, element in enumerate(array):
        if isinstance(element, dict):
            yield from _reached(element, names, position, spread=spread)
        if str(number) != index:
            continue
        if is_last:
            yield element
        elif isinstance(element, dict):
            yield from _reached(element, names, position + 1, spread=spread)
        elif isinstance(element, list):
            yield from _reached_in_array(element, names, position + 1, spread=spread)


# Operators on one element


def _element_test(path: str, name: str, argument: JsonValue, beside: Filter) -> Test:
    if name == "$regex":
        return _regex(path, argument, beside.get("$options", ""))
    if name not in _OPERATORS:
        raise _unknown_operator(path, name)
    return _ELEMENT_OPERATORS[name](path, argument)


def _unknown_operator(path: str, name: str) -> InvalidInput:
    if not name.startswith("$"):
        action = "Write conditions on inner fields as dotted paths"
        return _refusal(f"the field {name!r} is used where an operator is expected", path, action)
    if name in ("$and", "$or", "$nor", "$expr"):
        action = "Move it out of the field, and name the field inside it"
        return _refusal(f"{name} is used under a field", path, action)
    supported = ", ".join(sorted(_OPERATORS))
    return _refusal(f"the operator {name} is not supported", path, f"Supported: {supported}")


def _equal(wanted: JsonValue) -> Test:
    if wanted is None:
        return lambda value: value is None or value is MISSING
    if isinstance(wanted, str):
        return lambda value: bool(value == wanted)
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    if is_number(wanted) and wanted == wanted:
        return lambda value: value == wanted and value is not True and value is not False
    key = sort_key(wanted)
    size = len(wanted) if isinstance(wanted, dict | list) else None

    def match(value: JsonValue) -> bool:
        if rank_of(value) != key[0] or (size is not None and len(value) != size):
            return False
        return sort_key(value) == key

    return match


def _equality(path: str, argument: JsonValue) -> Test:
    return _equal(argument)


def _ordered(
    name: str, holds: Callable[[JsonValue, JsonValue], bool]
) -> Callable[[str, JsonValue], Test]:
    takes_null = name in ("$gte", "$lte")

    def make(path: str, bound: JsonValue) -> Test:
        rank = rank_of(bound)
        if rank <= NULL_RANK:
            return _equal(None) if takes_null else lambda value: False
        if rank == STRING_RANK:
            return lambda value: isinstance(value, str) and holds(value, bound)
        if rank == NUMBER_RANK and not math.isnan(bound):
            return lambda value: rank_of(value) == NUMBER_RANK and holds(value, bound)
        key = sort_key(bound)
        return lambda value: rank_of(value) == rank and holds(sort_key(value), key)

    return make


def _in(path: str, argument: JsonValue) -> Test:
    if not isinstance(argument, list):
        raise _refusal("$in needs a list", path, "Put the values in [ ]")
    for item in argument:
        if is_operator_document(item):
            raise _refusal(f"$in contains the operator document {_text(item)}", path, "Use $or")
    strings = frozenset(item for item in argument if isinstance(item, str))
    if len(strings) == len(argument):
        return lambda value: isinstance(value, str) and value in strings
    return _in_mixed(argument, strings)


def _in_mixed(wanted: list[JsonValue], strings: frozenset[str]) -> Test:
    keys = frozenset(map(sort_key, wanted))
    ranks = frozenset(map(rank_of, wanted))
    has_null = None in wanted

    def match(value: JsonValue) -> bool:
        if isinstance(value, str):
            return value in strings
        if value is MISSING:
            return has_null
        return rank_of(value) in ranks and sort_key(value) in keys

    return match


def _exists(value: JsonValue) -> bool:
    return value is not MISSING


def _exists_operator(path: str, argument: JsonValue) -> Test:
    return _exists if is_true(argument) else _negated(_exists)


def _regex(path: str, pattern: JsonValue, options: JsonValue) -> Test:
    if not isinstance(pattern, str):
        raise _refusal("$regex needs a string", path, "Write the pattern in quotes")
    if not isinstance(options, str):
        raise _refusal("$options needs a string", path, 'Write the letters in quotes, "i"')
    test = text_test(pattern, options, path)
    return lambda value: isinstance(value, str) and test(value)


def _mod(path: str, argument: JsonValue) -> Test:
    if not isinstance(argument, list) or len(argument) != 2:
        raise _refusal("$mod needs a list of divisor and remainder", path)
    if not all(is_number(item) and math.isfinite(item) for item in argument):
        raise _refusal("$mod needs two numbers", path)
    divisor, wanted = (int(item) for item in argument)
    if divisor == 0:
        raise _refusal("$mod has the divisor 0", path)

    def match(value: JsonValue) -> bool:
        if not is_number(value) or not math.isfinite(value):
            return False
        return remainder(int(value), divisor) == wanted

    return match


def _type(path: str, argument: JsonValue) -> Test:
    given = argument if isinstance(argument, list) else [argument]
    if not given:
        raise _refusal("$type needs at least one type", path)
    names: set[str] = set()
    for item in given:
        names |= _type_names(path, item)
    return lambda value: type_name(value) in names


def _type_names(path: str, item: JsonValue) -> set[str]:
    if item == "number":
        return {"int", "long", "double", "decimal"}
    if isinstance(item, str) and item in TYPE_CODES:
        return {item}
    found = {name for name, code in TYPE_CODES.items() if is_number(item) and code == item}
    if not found:
        known = ", ".join(["number", *TYPE_CODES])
        raise _refusal(f"$type does not accept {_text(item)}", path, f"Types: {known}")
    return found


# Operators on a whole array


def _size(path: str, argument: JsonValue) -> Callable[[list[JsonValue]], bool]:
    if not is_number(argument) or argument != argument or argument < 0 or argument % 1 != 0:
        raise _refusal("$size needs a whole number of at least 0", path)
    return lambda array: len(array) == argument


def _elem_match(path: str, argument: JsonValue) -> Callable[[list[JsonValue]], bool]:
    if not isinstance(argument, dict):
        raise _refusal("$elemMatch needs a document", path)
    first = next(iter(argument), "")
    if is_operator_document(argument) and first not in ("$and", "$or", "$nor"):
        value_test = _value_test(path, argument)
        return lambda array: any(map(value_test, array))
    record_test = _all_of([clause.test for clause in _clauses(argument, None)])
    return lambda array: any(map(record_test, _documents_in(array)))


def _documents_in(array: Iterable[JsonValue]) -> Iterator[Record]:
    """The documents of an array; a nested array counts as a document with fields 0, 1, .."""
    for element in array:
        if isinstance(element, dict):
            yield element
        elif isinstance(element, list):
            yield {str(number): item for number, item in enumerate(element)}


def _value_test(path: str, operators: dict[str, JsonValue]) -> Test:
    """The test of an operator document on one value; an array is not expanded."""
    if "$options" in operators and "$regex" not in operators:
        raise _refusal(_LONE_OPTIONS, path, "Add $regex beside it")
    return _all_of(
        [
            _value_operator(path, name, argument, operators)
            for name, argument in operators.items()
            if name != "$options"
        ]
    )


def _value_operator(path: str, name: str, argument: JsonValue, beside: Filter) -> Test:
    if name in _NEGATIONS:
        return _negated(_value_operator(path, _NEGATIONS[name], argument, beside))
    if name == "$not":
        return _negated(_value_test(path, _negated_operators(path, argument)))
    if name == "$all":
        return _all_of([_one_value_of_all(path, item) for item in _all_items(path, argument)])
    if name in _ARRAY_OPERATORS:
        test = _ARRAY_OPERATORS[name](path, argument)
        return lambda value: isinstance(value, list) and test(value)
    return _element_test(path, name, argument, beside)


# $all


def _all_items(path: str, argument: JsonValue) -> list[JsonValue]:
    if not isinstance(argument, list):
        raise _refusal("$all needs a list", path, "Put the values in [ ]")
    kinds = {_is_elem_match(item) for item in argument}
    others = [item for item in argument if is_operator_document(item) and not _is_elem_match(item)]
    if others or len(kinds) > 1:
        raise _refusal("$all contains operators other than $elemMatch, or mixes them", path)
    # An empty $all matches nothing, as an empty $in does.
    return argument or [_NOTHING]


_NOTHING: Final[JsonValue] = {"$in": []}


def _is_elem_match(item: JsonValue) -> bool:
    return isinstance(item, dict) and next(iter(item), "") == "$elemMatch"


def _one_of_all(path: str, item: JsonValue) -> RecordTest:
    if item is _NOTHING:
        return lambda record: False
    if _is_elem_match(item):
        return _array_test(path, _elem_match(path, item["$elemMatch"]))
    return _leaf_test(path, _equal(item))


def _one_value_of_all(path: str, item: JsonValue) -> Test:
    if item is _NOTHING:
        return lambda value: False
    if _is_elem_match(item):
        test = _elem_match(path, item["$elemMatch"])
        return lambda value: isinstance(value, list) and test(value)
    return _equal(item)


_NEGATIONS: Final = {"$ne": "$eq", "$nin": "$in"}
_ARRAY_OPERATORS: Final = {"$size": _size, "$elemMatch": _elem_match}
_ELEMENT_OPERATORS: Final[dict[str, Callable[[str, JsonValue], Test]]] = {
    "$eq": _equality,
    "$gt": _ordered("$gt", operator.gt),
    "$gte": _ordered("$gte", operator.ge),
    "$lt": _ordered("$lt", operator.lt),
    "$lte": _ordered("$lte", operator.le),
    "$in": _in,
    "$exists": _exists_operator,
    "$mod": _mod,
    "$type": _type,
}
_OPERATORS: Final = frozenset(
    {*_ELEMENT_OPERATORS, *_NEGATIONS, *_ARRAY_OPERATORS, "$regex", "$not", "$all"}
)
