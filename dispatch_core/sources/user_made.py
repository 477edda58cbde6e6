"""Sources and listers that a user wrote: every answer is checked where it enters.

Whatever such an object does wrong becomes a `ServiceError` that names its method; the
errors of this package pass. So the pipeline meets only answers of the right shape.
"""

from __future__ import annotations

import json
import operator
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn, cast

from dispatch_core.errors import DispatchError, InvalidInput, Issue, ServiceError
from dispatch_core.sources.protocols import ListPage, MetadataSource, ObjectLister, StoredObject
from dispatch_core.types import Filter, Pipeline, Record

_PACKAGE = "dispatch_core"


def checked_source(source: object, argument: str = "source") -> MetadataSource:
    """`source`, with its answers checked unless its class is one of this package.

    Raises
    ------
    InvalidInput
        It lacks a method or the label of `MetadataSource`, or it is a class.
    """
    if _is_own(source):
        return cast(MetadataSource, source)
    label = _label_of(source, argument, "MetadataSource", ("find_page", "aggregate", "count"))
    return _CheckedSource(_UserMade(source, label))


def checked_lister(lister: object, argument: str = "lister") -> ObjectLister:
    """`lister`, with its answers checked unless its class is one of this package.

    Raises
    ------
    InvalidInput
        It lacks the method or the label of `ObjectLister`, or it is a class.
    """
    if _is_own(lister):
        return cast(ObjectLister, lister)
    label = _label_of(lister, argument, "ObjectLister", ("list_page",))
    return _CheckedLister(_UserMade(lister, label))


def _is_own(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == _PACKAGE


def _label_of(value: object, argument: str, protocol: str, methods: Iterable[str]) -> str:
    """The label of `value`; raises `InvalidInput` if it does not have what `protocol` has."""
    if isinstance(value, type):
        action = f"Give an instance, such as {value.__name__}()"
        raise InvalidInput(Issue(f"{value.__name__} is a class", argument, action))
    lacking = [name for name in methods if not callable(getattr(value, name, None))]
    label = _UserMade(value).read_label()
    lacking += [] if isinstance(label, str) else ["label (text)"]
    if lacking:
        what = f"a value of type {type(value).__name__} has no {', no '.join(lacking)}"
        raise InvalidInput(Issue(what, argument, f"Give an object with all of {protocol}"))
    return str(label)


@dataclass(frozen=True, slots=True)
class _UserMade:
    """An object that a user wrote, whose exceptions become errors of this package."""

    made: Any
    label: str = ""

    def read_label(self) -> object:
        """Its label, or None if it has none."""
        try:
            return getattr(self.made, "label", None)
        except Exception as error:  # noqa: BLE001 - the code of a user may raise anything
            self.fail("label", _raised(error), error)

    def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """What `method` returns."""
        try:
            return getattr(self.made, method)(*arguments, **named)
        except DispatchError:
            raise
        except Exception as error:  # noqa: BLE001 - the code of a user may raise anything
            self.fail(method, _raised(error), error)

    def fail(self, method: str, what: str, cause: Exception | None = None) -> NoReturn:
        """Raises a `ServiceError` that names the method."""
        name = f"{type(self.made).__name__}.{method}"
        raise ServiceError(Issue(f"{name} {what}", self.label, "Correct this method")) from cause


def _raised(error: Exception) -> str:
    return f"raised {''.join(traceback.format_exception_only(error)).strip()}"


def _kind(value: object) -> str:
    return f"a value of type {type(value).__name__}"


@dataclass(frozen=True, slots=True)
class _CheckedSource:
    """A `MetadataSource` over an object that a user wrote."""

    user: _UserMade

    @property
    def label(self) -> str:
        """The label that the object had when it was given."""
        return self.user.label

    def find_page(
        self, filter_query: Filter, projection: Mapping[str, Any], limit: int
    ) -> list[Record]:
        """The page, whose records all have an ``_id`` that pages can continue after."""
        records = self._records(
            "find_page", self.user.call("find_page", filter_query, projection, limit)
        )
        for record in records:
            if not isinstance(record.get("_id"), str | int | float):
                self.user.fail("find_page", "returned a record whose _id is not text")
        return records

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        """The results, which may have no ``_id``."""
        return self._records("aggregate", self.user.call("aggregate", pipeline))

    def count(self, filter_query: Filter) -> int:
        """The count, a whole number."""
        counted = self.user.call("count", filter_query)
        try:
            return operator.index(counted)
        except TypeError:
            self.user.fail("count", f"returned {_kind(counted)}, not a whole number")

    def _records(self, method: str, answer: object) -> list[Record]:
        """Copies of the records as JSON has them: the user may change the originals later."""
        if not isinstance(answer, list):
            self.user.fail(method, f"returned {_kind(answer)}, not a list of records")
        for record in answer:
            if not isinstance(record, dict):
                self.user.fail(method, f"returned a list with {_kind(record)}, not a record")
        try:
            copies: list[Record] = json.loads(json.dumps(answer))
        except (TypeError, ValueError, RecursionError) as error:
            self.user.fail(method, f"returned a record that is not JSON: {error}", error)
        return copies


@dataclass(frozen=True, slots=True)
class _CheckedLister:
    """An `ObjectLister` over an object that a user wrote."""

    user: _UserMade

    @property
    def label(self) -> str:
        """The label that the object had when it was given."""
        return self.user.label

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        """The page; its objects are checked when read."""
        named = {"delimiter": delimiter, "start_after": start_after, "token": token}
        page = self.user.call("list_page", bucket, prefix, **named)
        if not isinstance(page, ListPage):
            self.user.fail("list_page", f"returned {_kind(page)}, not a ListPage")
        if problem := _problem_of(page, delimiter):
            self.user.fail("list_page", problem)
        return replace(page, read=partial(_read, self.user, page))


def _problem_of(page: ListPage, delimiter: str) -> str:
    """What is wrong with a page; empty if nothing is."""
    if not _are_texts(page.keys) or not _are_texts(page.prefixes):
        return "returned a page whose keys and prefixes are not lists of text"
    if not isinstance(page.token, str | None):
        return f"returned a page whose token is {_kind(page.token)}, not text or None"
    if page.prefixes and not delimiter:
        return "returned a page with prefixes, although no delimiter was given"
    return ""


def _are_texts(names: object) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _read(user: _UserMade, page: ListPage, index: int) -> StoredObject:
    """The object at `index` of a page of `user`, if it is the one that the page lists."""
    found = _UserMade(page, user.label).call("read", index)
    is_object = (
        isinstance(found, StoredObject)
        and isinstance(found.size, int | None)
        and isinstance(found.modified, str | None)
    )
    if not is_object or found.key != page.keys[index]:
        what = "returned a page whose read does not return the StoredObject of each key"
        user.fail("list_page", f"{what}; use ListPage.of(objects, prefixes)")
    return cast(StoredObject, found)
