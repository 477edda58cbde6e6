"""Ready clauses for quality control, over both schemas.

v1 records hold ``latest_status`` in each evaluation. v2 records hold
``quality_control.status``, a document of free names (modality, stage, tag) -> status,
which only ``$expr`` can ask about as a whole. A status is Pass, Fail or Pending.
"""

from __future__ import annotations

from typing import Any, Final

from dispatch_core.types import Filter

_V1: Final = "quality_control.evaluations.latest_status"
_V2: Final = "$quality_control.status"
_STATUSES_V2: Final[dict[str, Any]] = {
    "$ifNull": [
        {"$map": {"input": {"$objectToArray": _V2}, "as": "one", "in": "$$one.v"}},
        [],
    ]
}

PASSED: Final[Filter] = {
    "$or": [
        {_V1: {"$exists": True, "$nin": ["Fail", "Pending", None]}},
        {
            "quality_control.status": {"$type": "object"},
            "$expr": {
                "$and": [
                    {"$in": ["Pass", _STATUSES_V2]},
                    {"$not": [{"$in": ["Fail", _STATUSES_V2]}]},
                    {"$not": [{"$in": ["Pending", _STATUSES_V2]}]},
                ]
            },
        },
    ]
}
"""Looked at, and nothing failed or is pending."""


def _any_is(status: str) -> Filter:
    in_v2 = {
        "quality_control.status": {"$type": "object"},
        "$expr": {"$in": [status, _STATUSES_V2]},
    }
    return {"$or": [{_V1: status}, in_v2]}


FAILED: Final[Filter] = _any_is("Fail")
PENDING: Final[Filter] = _any_is("Pending")
NOT_RECORDED: Final[Filter] = {
    _V1: {"$exists": False},
    "quality_control.status": {"$exists": False},
}

QUALITY_CLAUSES: Final[dict[str, Filter]] = {
    "passed": PASSED,
    "failed": FAILED,
    "pending": PENDING,
    "not recorded": NOT_RECORDED,
}
"""What to call it -> a filter. A record with failed and pending checks meets both."""
