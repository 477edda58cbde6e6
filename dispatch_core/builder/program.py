"""The query of a Python program, found by following its plain statements.

Followed: assignments, changes of items (``q["a"] = 1``, ``|=``, ``+=``) and the methods of
objects and lists, as far as literals determine the values. What a condition, a loop or an
unknown function may set or change has no known value; it is an error only if the query
needs it. Nothing is executed.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from dispatch_core.builder.candidate import (
    SIDE_NAMES,
    Candidate,
    Kind,
    is_query_name,
    may_be_query,
)
from dispatch_core.builder.expressions import (
    Unknown,
    containers,
    copied,
    dotted,
)
from dispatch_core.builder.uses import CallReader
from dispatch_core.errors import InvalidInput

_DYNAMIC: Final = frozenset({"exec", "eval", "globals", "locals", "vars"})


def parsed(text: str) -> ast.Module | None:
    """The syntax tree of a Python program; None for any other text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about backslashes, which Python keeps
            tree = compile(text, "text", "exec", _FLAGS)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    assert isinstance(tree, ast.Module)
    return tree


def is_annotated(tree: ast.Module) -> bool:
    """Whether a statement is ``name: type = value``, which resembles ``key: value`` of YAML."""
    return any(isinstance(one, ast.AnnAssign) and one.value is not None for one in tree.body)


_FLAGS: Final = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def candidates(tree: ast.Module, text: str, where: str) -> list[Candidate]:
    """Every value of the program that could be its query, in the order of the text."""
    program = _Program(text, where)
    program.refuse_dynamic(tree)
    try:
        program.scope(tree.body)
    except RecursionError:
        program.refuse(tree.body[0], "the program is nested too deeply", "Keep only the query")
    return sorted(program.found, key=lambda one: one.start)


class _Program(CallReader):
    """Follows the statements of a program and collects the candidates."""

    def refuse_dynamic(self, tree: ast.Module) -> None:
        """Raise an error for code that can set any name, such as ``exec(..)``."""
        for node in ast.walk(tree):
            self.step()
            if isinstance(node, ast.Name) and node.id in _DYNAMIC:
                self.refuse(node, f"{node.id}(..) can change any value", "Paste the final query")

    # Scopes

    def scope(self, body: Sequence[ast.stmt]) -> None:
        """Follow the statements of a module or function, then collect what its names hold."""
        before = self.set_by
        self.set_by = {}
        self.body(body)
        values = [self.names.get(name) for name in self.set_by]
        parts = {id(one) for value in values for one in containers(value) if one is not value}
        for name, node in self.set_by.items():
            is_part = id(self.names.get(name)) in parts and not is_query_name(_last(name))
            if name not in self.reads and not is_part:
                self._keep(name, node)
        self.set_by = before

    def _keep(self, name: str, node: ast.AST) -> None:
        short = name.rpartition(".")[2]
        value = self.names.get(name)
        kind: Kind = "named" if is_query_name(short) else "other"
        if isinstance(value, Unknown):
            if kind == "named":
                self._add(kind, short, node, error=value.error)
        elif may_be_query(value) and short.lower() not in SIDE_NAMES:
            error = self.changed.get(name)
            self._candidate(kind, short, node, value, error)

    # Statements

    def body(self, statements: Sequence[ast.stmt]) -> None:
        """Follow statements in their order."""
        for statement in statements:
            self.step()
            kind = type(statement).__name__.lower()
            follow: Callable[[Any], None] | None = getattr(self, f"_do_{kind}", None)
            if follow is not None:
                follow(statement)
            else:
                self._unfollowed(statement)

    def _unfollowed(self, statement: ast.stmt) -> None:
        for name in _set_names(statement):
            self._forget(name, statement, f"{name} is set by a statement that is not plain")
        self._survey(statement)

    def _do_import(self, statement: ast.Import) -> None:
        for alias in statement.names:
            self._import(alias.asname or alias.name.partition(".")[0], statement)
            if alias.asname:
                self.modules[alias.asname] = alias.name

    def _do_importfrom(self, statement: ast.ImportFrom) -> None:
        for alias in statement.names:
            for name in list(self.names) if alias.name == "*" else [alias.asname or alias.name]:
                self._import(name, statement)
            self.modules[alias.asname or alias.name] = f"{statement.module}.{alias.name}"

    def _import(self, name: str, statement: ast.stmt) -> None:
        if name in self.names:
            self._forget(name, statement, f"{name} is set by an import")

    def _do_assign(self, statement: ast.Assign) -> None:
        value = self._try(statement.value)
        for target in statement.targets:
            self._assign(target, value, statement.value)

    def _do_annassign(self, statement: ast.AnnAssign) -> None:
        if statement.value is not None:
            self._assign(statement.target, self._try(statement.value), statement.value)

    def _try(self, node: ast.AST) -> Any:
        """The value of an expression, or `Unknown` with the reason."""
        try:
            return self.value(node)
        except InvalidInput as error:
            self._survey(node)
            return Unknown(error, may_share=self._mentions_container(node))

    def _assign(self, target: ast.expr, value: Any, node: ast.expr) -> None:
        target = self._entry(target)
        name = dotted(target)
        if name is not None:
            self._overwrite(name, target)
            self.names[name] = value
            self.set_by[name] = node
            self.reads.discard(name)
            self.changed.pop(name, None)
        elif isinstance(target, ast.Subscript):
            self._set_item(target, value, target)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target, value, node)
        else:
            self._survey(target)

    def _entry(self, target: ast.expr) -> ast.expr:
        """``q["a"]`` for ``q.a`` if q is an object: an error in Python, an entry in JavaScript."""
        if not isinstance(target, ast.Attribute | ast.Subscript):
            return target
        inner = self._entry(target.value)
        if isinstance(target, ast.Subscript):
            key = target.slice
        elif isinstance(self.names.get(dotted(inner) or ""), dict | list) or inner != target.value:
            key = ast.copy_location(ast.Constant(target.attr), target)
        else:
            return target
        return ast.copy_location(ast.Subscript(inner, key, target.ctx), target)

    def _overwrite(self, name: str, node: ast.AST) -> None:
        """Keep a query that another one replaces before anything has used it."""
        before = self.names.get(name)
        first = self.set_by.get(name)
        if first is None or name in self.reads or not before or isinstance(before, Unknown):
            return
        if is_query_name(name.rpartition(".")[2]) and may_be_query(before):
            self._candidate("named", name, first, before)

    def _unpack(self, target: ast.Tuple | ast.List, value: Any, node: ast.expr) -> None:
        is_plain = isinstance(value, list | tuple) and len(value) == len(target.elts)
        parts = node.elts if isinstance(node, ast.Tuple | ast.List) else []
        for number, one in enumerate(target.elts):
            source = parts[number] if len(parts) == len(target.elts) else node
            if is_plain and not isinstance(one, ast.Starred):
                self._assign(one, value[number], source)
            else:
                error = self.problem(target, "this assignment is not plain")
                shared = self._mentions_container(node)
                self._assign(getattr(one, "value", one), Unknown(error, may_share=shared), source)

    def _set_item(self, target: ast.Subscript, value: Any, node: ast.AST) -> None:
        """Follow ``holder[key] = value``, or remember that the holder has changed."""
        holder, error = self._holder(target.value)
        try:
            if error is not None:
                raise error
            if isinstance(value, Unknown):
                raise value.error
            self._put(holder, self.value(target.slice), value, target)
        except InvalidInput as problem:
            self._change(target.value, holder, problem)

    def _put(self, holder: Any, key: Any, value: Any, node: ast.AST) -> None:
        is_entry = isinstance(holder, dict) and isinstance(key, str)
        is_item = (
            isinstance(holder, list) and type(key) is int and -len(holder) <= key < len(holder)
        )
        if not is_entry and not is_item:
            self.refuse(node, "this assignment is not plain", "Write the whole value")
        holder[key] = value

    def _do_augassign(self, statement: ast.AugAssign) -> None:
        target = self._entry(statement.target)
        holder, error = self._holder(target)
        try:
            if error is not None:
                raise error
            added = self.checked(self.value(statement.value))
            self._merge(holder, added, statement)
        except InvalidInput as problem:
            self._survey(statement.value)
            self._change(target, holder, problem)
            name = dotted(target)
            if name is not None:
                self._forget(name, statement, "", problem)

    def _merge(self, holder: Any, added: Any, statement: ast.AugAssign) -> None:
        if isinstance(holder, dict) and isinstance(statement.op, ast.BitOr):
            if not isinstance(added, dict):
                self.refuse(statement, "this is not an object", "Write the merged object itself")
            holder.update(added)
        elif isinstance(holder, list) and isinstance(statement.op, ast.Add):
            if not isinstance(added, list | tuple):
                self.refuse(statement, "this is not a list", "Write the list itself")
            holder.extend(added)
        else:
            joined = self.value(
                ast.copy_location(
                    ast.BinOp(self._entry(statement.target), statement.op, statement.value),
                    statement,
                )
            )
            self._assign(statement.target, joined, statement.value)

    def _do_delete(self, statement: ast.Delete) -> None:
        for target in statement.targets:
            name = dotted(target)
            if name is not None:
                self.names.pop(name, None)
                self.set_by.pop(name, None)
            elif isinstance(target, ast.Subscript):
                self._delete_item(target)

    def _delete_item(self, target: ast.Subscript) -> None:
        holder, error = self._holder(target.value)
        try:
            if error is not None:
                raise error
            del holder[self.value(target.slice)]
        except (InvalidInput, LookupError, TypeError):
            problem = self.problem(target, "this deletion is not plain", "Write the whole value")
            self._change(target.value, holder, problem)

    def _do_expr(self, statement: ast.Expr) -> None:
        before = set(self.reads)
        is_tuple = isinstance(statement.value, ast.Tuple)
        for node in statement.value.elts if isinstance(statement.value, ast.Tuple) else []:
            self._show(node)
        if not is_tuple:
            self._show(statement.value)
        if isinstance(statement.value, ast.Name):
            self.reads = before  # a notebook shows a value; that does not use it

    def _show(self, node: ast.expr) -> None:
        """Follow an expression whose value is used no further."""
        try:
            value = self.value(node)
        except InvalidInput as error:
            self._survey(node)
            if isinstance(node, _VALUES):
                self._add("other", "", node, error=error)
            return
        is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if may_be_query(value) and not isinstance(node, ast.Name) and not is_method:
            self._candidate("other", "", node, value)

    def _do_return(self, statement: ast.Return) -> None:
        if isinstance(statement.value, ast.Name):
            return
        if statement.value is not None:
            self._show(statement.value)

    def _do_with(self, statement: ast.With) -> None:
        for item in statement.items:
            self._survey(item)
            for name in _set_names(item):
                self._forget(name, statement, f"{name} is set by a with statement")
        self.body(statement.body)

    def _do_try(self, statement: ast.Try) -> None:
        self.body([*statement.body, *statement.orelse])
        for handler in statement.handlers:
            self._uncertain(handler.body, handler, "an except branch")
        self.body(statement.finalbody)

    def _do_if(self, statement: ast.If) -> None:
        self._survey(statement.test)
        if _is_main_guard(statement.test):
            self.body(statement.body)
            return
        self._uncertain(statement.body, statement, "a condition")
        self._uncertain(statement.orelse, statement, "a condition")

    def _do_for(self, statement: ast.For) -> None:
        self._survey(statement.iter)
        self._change_items(statement.target)
        self._loop(statement)

    def _do_while(self, statement: ast.While) -> None:
        self._survey(statement.test)
        self._loop(statement)

    def _loop(self, statement: ast.For | ast.While) -> None:
        for name in _set_names(statement):
            self._forget(name, statement, f"{name} is set in a loop")
        with self._unrecorded():
            self._uncertain(statement.body, statement, "a loop")
        self._uncertain(statement.body, statement, "a loop")
        self._uncertain(statement.orelse, statement, "a loop")

    def _do_functiondef(self, statement: ast.FunctionDef) -> None:
        arguments = statement.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        given += [one for one in (arguments.vararg, arguments.kwarg) if one]
        error = self.problem(statement, f"{statement.name}(..) is computed by code")
        local = {one.arg for one in given}.union(*map(_set_names, statement.body))
        before = set(self.reads)
        with self._fork(statement, "a function"):
            for one in given:
                what = f"{one.arg} is an argument of {statement.name}, with an unknown value"
                self.names[one.arg] = Unknown(self.problem(one, what))
            self.scope(statement.body)
        self.reads = before | (self.reads - local)
        self.names[statement.name] = Unknown(error)
        for inner in ast.walk(statement):
            for name in inner.names if isinstance(inner, ast.Global | ast.Nonlocal) else ():
                self._forget(name, statement, f"{name} is set in a function")

    def _do_match(self, statement: ast.Match) -> None:
        self._survey(statement.subject)
        for case in statement.cases:
            self._uncertain(case.body, statement, "a condition")

    def _do_classdef(self, statement: ast.ClassDef) -> None:
        with self._fork(statement, "a class"):
            self.scope(statement.body)

    _do_asyncfunctiondef = _do_functiondef
    _do_asyncwith = _do_with
    _do_asyncfor = _do_for
    _do_trystar = _do_try

    # What is not certain

    def _uncertain(self, body: Sequence[ast.stmt], node: ast.AST, what: str) -> None:
        """Follow statements that may or may not run; what they set or change is unknown."""
        with self._fork(node, what):
            self.body(body)
        for statement in body:
            for name in _set_names(statement):
                self._forget(name, statement, f"{name} is set in {what}")

    @contextmanager
    def _fork(self, node: ast.AST, what: str) -> Iterator[None]:
        """Follow statements on a copy of all values; then doubt what they changed."""
        names, doubts, outer = self.names, dict(self.doubts), self.set_by
        made: dict[int, Any] = {}
        self.names = {name: copied(value, made) for name, value in names.items()}
        self.step(len(made) + len(names))
        originals = {id(one): one for value in names.values() for one in containers(value)}
        for one, copy in [(originals[key], copy) for key, copy in made.items()]:
            if id(one) in doubts:
                self.doubts[id(copy)] = copy, doubts[id(one)][1]
        yield
        for key, copy in made.items():
            original = originals[key]
            changed = id(copy) in self.doubts and key not in doubts
            if changed or not _is_same(original, copy, made):
                line = getattr(node, "lineno", 1)
                problem = self.problem(node, f"the value changes in {what} on line {line}")
                self.doubts.setdefault(key, (original, problem))
                self._unread(names, original)
        self.names, self.set_by = names, outer

    def _unread(self, names: dict[str, Any], changed: Any) -> None:
        for name, value in names.items():
            if value is changed:
                self.reads.discard(name)

    @contextmanager
    def _unrecorded(self) -> Iterator[None]:
        found, self.found = self.found, []
        yield
        self.found = found


_VALUES: Final = (ast.Dict, ast.List, ast.BinOp, ast.IfExp, ast.BoolOp, ast.UnaryOp)
"""Expressions that are refused by themselves, not only where a query needs them."""


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _set_names(node: ast.AST) -> set[str]:
    """The names that a statement sets, at any depth, except inside functions and classes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Name | ast.Attribute):
        is_set = isinstance(node.ctx, ast.Store)
        name = dotted(node) if is_set else None
        return {name} if name else set()
    found = [_set_names(child) for child in ast.iter_child_nodes(node)]
    return set().union(*found) if found else set()


def _is_main_guard(test: ast.expr) -> bool:
    return ast.unparse(test).replace("'", '"') in ('__name__ == "__main__"', "True")


def _is_same(original: Any, copy: Any, made: dict[int, Any]) -> bool:
    """Whether a copied container still has the items that its original has."""
    if len(original) != len(copy):
        return False
    pairs = zip(
        original.items() if isinstance(original, dict) else enumerate(original),
        copy.items() if isinstance(copy, dict) else enumerate(copy),
        strict=True,
    )
    return all(one == other and _is_copy(a, b, made) for (one, a), (other, b) in pairs)


def _is_copy(original: Any, copy: Any, made: dict[int, Any]) -> bool:
    if isinstance(original, dict | list):
        return made.get(id(original)) is copy
    return json_equal(original, copy)


def json_equal(one: Any, other: Any) -> bool:
    """Whether two scalar values are the same in JSON; 1 and True are not."""
    return type(one) is type(other) and bool(one == other)


def has_operator(tree: ast.Module) -> bool:
    """Whether the only expression of a program joins values by an operator or a call."""
    only = tree.body[0] if len(tree.body) == 1 else None
    return isinstance(only, ast.Expr) and not isinstance(
        only.value, ast.Dict | ast.List | ast.Tuple | ast.Set
    )


def joins_double_quotes(tree: ast.Module, text: str) -> bool:
    """Whether a lone value has two strings in double quotes side by side, as a slip in JSON."""
    return "'" not in text and re.search(r'[^"\\{\[,:(]"[ \t\n]+"', text) is not None
