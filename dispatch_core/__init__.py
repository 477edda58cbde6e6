"""Dispatch analysis jobs over data assets: a request in, worker folders out.

::

    import dispatch_core as dispatch

    plan = dispatch.plan(query={"subject.subject_id": "900003"}, file_extension=".nwb")
    plan.write("out")

Importing this package imports no other module: each name below is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dispatch_core.api import Plan, check, compare, history, plan
    from dispatch_core.dispatch import plan_dispatch
    from dispatch_core.errors import (
        AccessDenied,
        AnswerTooLarge,
        CannotEvaluate,
        DelimiterRefused,
        DispatchError,
        EmptyCollection,
        InvalidInput,
        Issue,
        NoSuchBucket,
        NothingFound,
        ServiceError,
        WriteFailed,
    )
    from dispatch_core.request import DispatchRequest, edit_request, load_request, make_request
    from dispatch_core.sources.protocols import ListPage, MetadataSource, ObjectLister, StoredObject

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "AnswerTooLarge",
    "CannotEvaluate",
    "DelimiterRefused",
    "DispatchError",
    "DispatchRequest",
    "EmptyCollection",
    "InvalidInput",
    "Issue",
    "ListPage",
    "MetadataSource",
    "NoSuchBucket",
    "NothingFound",
    "ObjectLister",
    "Plan",
    "ServiceError",
    "StoredObject",
    "WriteFailed",
    "__version__",
    "check",
    "compare",
    "edit_request",
    "history",
    "load_request",
    "make_request",
    "plan",
    "plan_dispatch",
]

_MODULES = {
    "api": "Plan check compare history plan",
    "dispatch": "plan_dispatch",
    "errors": "AccessDenied AnswerTooLarge CannotEvaluate DelimiterRefused DispatchError "
    "EmptyCollection InvalidInput Issue NoSuchBucket NothingFound ServiceError WriteFailed",
    "request": "DispatchRequest edit_request load_request make_request",
    "sources.protocols": "ListPage MetadataSource ObjectLister StoredObject",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__]
