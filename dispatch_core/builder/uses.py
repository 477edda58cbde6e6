"""What the calls of a program do with its values: which query they take, what they may change."""

from __future__ import annotations

import ast
from typing import Any, Final

from dispatch_core.builder.candidate import QUERY_CALLS, QUERY_NAMES, Candidate, Kind, may_be_query
from dispatch_core.builder.expressions import Evaluator, Unknown, dotted
from dispatch_core.errors import InvalidInput
from dispatch_core.types import JsonValue

_READING: Final = ("get", "fetch", "retrieve", "search", "count", "read", "load", "run", "list")
_HARMLESS: Final = frozenset(
    "print len pprint pprint.pprint repr type sorted isinstance display str json.dumps dumps"
    " print_json rprint logging.info logger.info logger.debug log.info sum max min any all"
    " enumerate zip list tuple set DataFrame pd.DataFrame pandas.DataFrame check_query".split()
)
_CHANGES: Final = frozenset("update setdefault append extend insert pop clear".split())


class CallReader(Evaluator):
    """Collects the candidates of a program, and doubts what its calls may change.

    `found` has the candidates, `set_by` the expression that last set each name, and
    `changed` the names that code has changed in a way that cannot be followed.
    """

    def __init__(self, text: str, where: str) -> None:
        super().__init__(text, where)
        self.found: list[Candidate] = []
        self.set_by: dict[str, ast.AST] = {}
        self.changed: dict[str, InvalidInput] = {}

    def _candidate(
        self, kind: Kind, name: str, node: ast.AST, value: Any, error: InvalidInput | None = None
    ) -> None:
        try:
            plain = self.as_json(value, node)
        except InvalidInput as problem:
            error = error or problem
            plain = None
        self._add(kind, name, node, plain, error)

    def _add(
        self,
        kind: Kind,
        name: str,
        node: ast.AST,
        value: JsonValue = None,
        error: InvalidInput | None = None,
    ) -> None:
        start, end = self.position(node), self.end(node)
        line = self.text.count("\n", 0, start) + 1
        self.found.append(Candidate(kind, name, line, start, end, value, error))

    def _change(self, node: ast.AST, holder: Any, error: InvalidInput) -> None:
        """Remember that code has changed a value in a way that cannot be followed."""
        self.doubt(holder, error)
        root = root_of(node)
        self.reads.discard(root)
        self.doubt(self.names.get(root), error)
        if holder is None:
            self._doubt_mentioned(node, error)
        name = dotted(node)
        for one in {name, root} - {None}:
            assert one is not None
            self.changed[one] = error

    def _holder(self, node: ast.expr) -> tuple[Any, InvalidInput | None]:
        """The container of an item that is set; setting an item does not use its holder."""
        before = set(self.reads)
        try:
            return self.value(node), None
        except InvalidInput as error:
            return None, error
        finally:
            self.reads = before - {root_of(node)}

    def _forget(
        self, name: str, node: ast.AST, what: str, error: InvalidInput | None = None
    ) -> None:
        shared = self._mentions_container(node)
        self.names[name] = Unknown(error or self.problem(node, what), may_share=shared)
        self.set_by[name] = node
        self.reads.discard(name)

    def _survey(self, node: ast.AST) -> None:
        """Look at each call inside an expression that has no known value."""
        names, set_by, reads = dict(self.names), dict(self.set_by), set(self.reads)
        bound = {name for one in ast.walk(node) for name in _bound_names(one)}
        for name in bound:
            self._forget(name, node, f"{name} is set inside an expression")
        for one in ast.walk(node):
            self.step()
            if isinstance(one, ast.Call):
                self._use(one)
        self._change_items(node)
        lasting = {one.target.id for one in ast.walk(node) if isinstance(one, ast.NamedExpr)}
        for name in bound - lasting:
            self._restore(name, names, set_by, was_read=name in reads)

    def _change_items(self, node: ast.AST) -> None:
        """Doubt the containers whose items a loop, a with or a comprehension sets."""
        for one in ast.walk(node):
            if isinstance(one, ast.Subscript) and isinstance(one.ctx, ast.Store | ast.Del):
                holder, _ = self._holder(one.value)
                problem = self.problem(one, "this assignment is not plain", "Write the whole value")
                self._change(one.value, holder, problem)

    def _restore(
        self, name: str, names: dict[str, Any], set_by: dict[str, ast.AST], *, was_read: bool
    ) -> None:
        """Undo what an inner name of an expression hides."""
        for now, before in ((self.names, names), (self.set_by, set_by)):
            now.pop(name, None)
            if name in before:
                now[name] = before[name]
        self.reads.discard(name)
        if was_read:
            self.reads.add(name)

    def _use(self, call: ast.Call) -> None:
        """Record the query that a call takes; doubt the containers that it may change."""
        name = dotted(call.func) or (call.func.attr if isinstance(call.func, ast.Attribute) else "")
        short = name.rpartition(".")[2]
        before = set(self.reads)
        used = self._query_arguments(call, short)
        for query, label in used:
            self._record_use(query, label)
        if isinstance(call.func, ast.Attribute) and short not in QUERY_CALLS:
            self._change_receiver(call, call.func)
        if self.canonical(name) in _HARMLESS or short in _HARMLESS:
            self.reads = before
        elif name in self.names or not (short in QUERY_CALLS or short.startswith(_READING)):
            self._doubt_arguments(call, short, {id(query) for query, _ in used})

    def _query_arguments(self, call: ast.Call, short: str) -> list[tuple[ast.expr, str]]:
        named = [
            (one.value, one.arg)
            for one in call.keywords
            if one.arg in QUERY_NAMES and not isinstance(one.value, ast.Lambda)
        ]
        if not named and short in QUERY_CALLS and call.args:
            return [(call.args[0], short)]
        if not named and short in QUERY_CALLS:
            return [(one.value, short) for one in call.keywords if one.arg is None]
        return [(value, name) for value, name in named if name is not None]

    def _record_use(self, node: ast.expr, label: str) -> None:
        try:
            value = self.value(node)
        except InvalidInput as error:
            self._add("used", label, node, error=error)
            return
        if may_be_query(value):
            self._candidate("used", label, node, value)

    def _change_receiver(self, call: ast.Call, method: ast.Attribute) -> None:
        holder, _ = self._holder(method.value)
        root = root_of(method.value)
        is_known = isinstance(holder, dict | list) or isinstance(self.names.get(root), dict | list)
        if is_known:
            problem = self.problem(call, f".{method.attr}(..) may change the query")
            self._change(method.value, holder, problem)
        elif method.attr in _CHANGES or self._may_share(method.value):
            problem = self.problem(call, f".{method.attr}(..) changes a value that is not known")
            self._change(method.value, holder, problem)

    def _doubt_arguments(self, call: ast.Call, short: str, used: set[int]) -> None:
        arguments = [*call.args, *(one.value for one in call.keywords)]
        for node in arguments:
            if not isinstance(node, ast.Lambda) and id(node) not in used:
                self._doubt_argument(call, short or "a call", node)

    def _doubt_argument(self, call: ast.Call, short: str, node: ast.expr) -> None:
        problem = self.problem(call, f"{short}(..) may change the query")
        try:
            value = self.value(node)
        except InvalidInput:
            if not isinstance(node, ast.Call):  # a call inside is looked at by itself
                self._doubt_mentioned(node, problem)
            return
        if isinstance(node, ast.Dict | ast.List):
            self._other_argument(node, value)
        self.doubt(value, problem)
        self.reads.discard(root_of(node))

    def _mentions_container(self, node: ast.AST) -> bool:
        """Whether an expression or statement names a container, or what may be one."""
        return any(
            isinstance(self.names.get(name), dict | list | tuple) or self._is_shared(name)
            for name in _names_in(node)
        )

    def _is_shared(self, name: str) -> bool:
        value = self.names.get(name)
        return isinstance(value, Unknown) and value.may_share

    def _may_share(self, node: ast.AST) -> bool:
        return any(self._is_shared(name) for name in _names_in(node))

    def _doubt_mentioned(self, node: ast.AST, error: InvalidInput) -> None:
        """Doubt the containers that an expression names; all, if it can be any of them."""
        shared = self._may_share(node)
        for name in list(self.names) if shared else _names_in(node):
            self.doubt(self.names.get(name), error)

    def _other_argument(self, node: ast.expr, value: Any) -> None:
        if may_be_query(value):
            self._candidate("other", "", node, value)


def root_of(node: ast.AST) -> str:
    """The name before the first subscript, as ``q`` of ``q["a"]["b"]``; "" for others."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return dotted(node) or ""


def _bound_names(node: ast.AST) -> set[str]:
    """The name that a comprehension, a lambda or a walrus sets at `node`, if any."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    return {node.arg} if isinstance(node, ast.arg) else set()


def _names_in(node: ast.AST) -> set[str]:
    """Every name and dotted name in a syntax tree."""
    return {name for one in ast.walk(node) if (name := dotted(one)) is not None}
