"""MongoDB as a source of records, through pymongo, which is an optional extra.

Record ids may be ObjectIds here. They are returned as strings, as from every other
source. A filter with such a string under ``_id`` therefore matches both types: ``$gt``
of a string never matches an ObjectId, and paging would end early.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dispatch_core.errors import AccessDenied, DispatchError, InvalidInput, Issue, ServiceError
from dispatch_core.text.words import install_action
from dispatch_core.types import Filter, Pipeline, Record

if TYPE_CHECKING:
    from dispatch_core.sources.transport import RetryPolicy

SCHEMES = ("mongodb://", "mongodb+srv://")
_DEFAULTS = {
    "serverSelectionTimeoutMS": 10_000,
    "connectTimeoutMS": 10_000,
    "appname": "dispatch_core",
}
"""Connection options for what the URI does not set."""
_OBJECT_ID = re.compile("[0-9a-f]{24}")
_POSITIVE = frozenset({"$eq", "$in", "$gt", "$gte", "$lt", "$lte"})
_REFUSED_QUERY = frozenset({2, 9, 14, 168})
_FIRST_ASSERTION = 15_000
"""Error codes from here on mean an invalid query, such as 40324 for an unknown stage."""
_UNAUTHORISED = frozenset({13, 18})
_OUT_OF_TIME = 50
_TIME_LIMITS = ("timeoutms", "sockettimeoutms")
"""The options of a URI that limit the time of a query, the first that is given."""


class MongoSource:
    """A `MetadataSource` over one collection of a MongoDB or DocumentDB.

    The first request opens the connection. The label never contains the credentials of
    the URI. The database stops a query after the time that the gateway has for a response,
    or that the URI gives.
    """

    def __init__(
        self,
        uri: str,
        *,
        database: str,
        collection: str,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        pymongo, self._unencodable, self._object_id = _import_pymongo()
        self._errors = (pymongo.errors.PyMongoError, OSError, *self._unencodable)
        self._no_response = pymongo.errors.NetworkTimeout
        policy = retry_policy or _default_policy()
        try:
            parsed = pymongo.uri_parser.parse_uri(uri)
            given = {name.lower(): value for name, value in parsed["options"].items()}
            defaults = {**_DEFAULTS, "socketTimeoutMS": round(policy.total * 1000)}
            unset = {name: value for name, value in defaults.items() if name.lower() not in given}
            limits = [given[name] for name in _TIME_LIMITS if name in given]
            self._seconds = float((limits[0] if limits else policy.read) or 0)
            self._collection = pymongo.MongoClient(uri, **unset)[database][collection]
        except self._errors as error:
            action = "Write mongodb://HOST:PORT/ with credentials quoted"
            raise InvalidInput(
                Issue(f"cannot connect: {_scrubbed(error)}", "MongoDB URI", action)
            ) from None
        shown = ",".join(f"{host}:{port}" if port else host for host, port in parsed["nodelist"])
        self.label = f"MongoDB {shown}/{database}.{collection}"

    def find_page(
        self, filter_query: Filter, projection: Mapping[str, Any], limit: int
    ) -> list[Record]:
        """See `MetadataSource.find_page`."""
        wanted = _either_id(filter_query, self._object_id)
        with self._mapped_errors():
            found = self._collection.find(
                wanted,
                dict(projection) or None,
                sort=[("_id", 1)],
                limit=limit,
                max_time_ms=self._most_time.get("maxTimeMS"),
            )
            return [_plain(record) for record in found]

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        """See `MetadataSource.aggregate`."""
        with self._mapped_errors():
            found = self._collection.aggregate(pipeline, **self._most_time)
            return [_plain(record) for record in found]

    def count(self, filter_query: Filter) -> int:
        """See `MetadataSource.count`."""
        wanted = _either_id(filter_query, self._object_id)
        with self._mapped_errors():
            return int(self._collection.count_documents(wanted, **self._most_time))

    @property
    def _most_time(self) -> dict[str, int]:
        """The option that limits the time of a query; empty if the URI sets no limit (0)."""
        return {"maxTimeMS": round(self._seconds * 1000)} if self._seconds else {}

    @contextmanager
    def _mapped_errors(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise self._mapped(error) from None

    def _mapped(self, error: Exception) -> DispatchError:
        code = getattr(error, "code", None) or 0
        text = _scrubbed(error)
        if code == _OUT_OF_TIME or isinstance(error, self._no_response):
            what = f"the query took longer than {self._seconds:g} s and was stopped"
            action = "Narrow the query, or allow more time in the URI, as ?timeoutMS=300000"
            return ServiceError(Issue(what, self.label, action))
        refused = code in _REFUSED_QUERY or code >= _FIRST_ASSERTION
        if refused or isinstance(error, self._unencodable):
            return InvalidInput(Issue(f"the database refuses the query: {text}", "query"))
        if code in _UNAUTHORISED:
            action = "Check the user and the password of the URI"
            return AccessDenied(Issue(f"access denied: {text}", self.label, action))
        action = "Check that the database is running and can be reached"
        return ServiceError(Issue(f"the database failed: {text}", self.label, action))


def _default_policy() -> RetryPolicy:
    # imported here: it imports requests, which other commands do not need
    from dispatch_core.sources.transport import RetryPolicy

    return RetryPolicy()


def _import_pymongo() -> tuple[Any, tuple[type[Exception], ...], Callable[[str], Any]]:
    """pymongo, the errors for values that BSON cannot encode, and ObjectId."""
    try:
        import pymongo
        import pymongo.errors
        import pymongo.uri_parser
        from bson import ObjectId
        from bson.errors import BSONError
    except ImportError:
        action = install_action("mongodb")
        raise InvalidInput(Issue("a mongodb:// host needs pymongo", "host", action)) from None
    return pymongo, (BSONError, ValueError, OverflowError), ObjectId


def _either_id(query: Any, object_id: Callable[[str], Any]) -> Any:
    """`query` in which each condition on ``_id`` also matches its strings as ObjectIds."""
    if not isinstance(query, dict):
        return query
    query = {
        key: [_either_id(one, object_id) for one in value]
        if key in ("$and", "$or", "$nor") and isinstance(value, list)
        else value
        for key, value in query.items()
    }
    given = query.get("_id")
    native = _native_ids(given, object_id)
    if native == given:
        return query
    del query["_id"]
    return {"$and": [query, {"$or": [{"_id": given}, {"_id": native}]}]}


def _native_ids(value: Any, object_id: Callable[[str], Any]) -> Any:
    """`value` with strings converted to ObjectIds; unchanged under a negation or a regex."""
    if isinstance(value, str) and _OBJECT_ID.fullmatch(value):
        return object_id(value)
    if isinstance(value, list):
        return [_native_ids(item, object_id) for item in value]
    if isinstance(value, dict) and value.keys() <= _POSITIVE:
        return {key: _native_ids(item, object_id) for key, item in value.items()}
    return value


def _plain(value: Any) -> Any:
    """`value` with ObjectIds as strings and dates as ISO 8601, as the gateway writes them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _scrubbed(error: Exception) -> str:
    """The first sentence of an error, without the part before an @ in an address."""
    text = str(error).partition(", full error:")[0].partition(", Timeout:")[0][:200]
    return text.rpartition("@")[2] if "@" in text else text
