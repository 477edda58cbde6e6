"""Ready clauses for quality control, in the spelling of either schema.

v1 records hold ``latest_status`` in each evaluation. v2 records hold metrics, each
with its ``status_history``; the last one counts. A status is Pass, Fail or Pending.
No ``$expr`` is used, which not every document database has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dispatch_core.types import Filter, JsonValue

LONGEST_HISTORY: Final = 4
"""Statuses of one metric; a longer history is not judged. Real ones hold one or two."""

QUALITY_PATHS: Final = ("quality_control.evaluations", "quality_control.metrics")
"""Where v1 and v2 records hold it."""

_V1: Final = "quality_control.evaluations.latest_status"
_V2: Final = "quality_control.metrics"


def _some_metric_is(status: JsonValue) -> dict[str, Any]:
    """What a list of metrics meets where the last status of one of them is `status`."""
    lengths = range(1, LONGEST_HISTORY + 1)
    ends = [
        {"status_history": {"$size": n}, f"status_history.{n - 1}.status": status} for n in lengths
    ]
    return {"$elemMatch": {"$or": ends}}


PASSED: Final[tuple[Filter, ...]] = (
    {_V1: {"$exists": True, "$nin": ["Fail", "Pending", None]}},
    {
        f"{_V2}.0": {"$exists": True},
        _V2: {"$not": _some_metric_is({"$in": ["Fail", "Pending"]})},
    },
)
"""Looked at, and nothing failed or is pending."""

FAILED: Final[tuple[Filter, ...]] = ({_V1: "Fail"}, {_V2: _some_metric_is("Fail")})
PENDING: Final[tuple[Filter, ...]] = ({_V1: "Pending"}, {_V2: _some_metric_is("Pending")})
NOT_RECORDED: Final[tuple[Filter, ...]] = (
    {_V1: {"$exists": False}, f"{_V2}.0": {"$exists": False}},
)

QUALITY_CLAUSES: Final[dict[str, tuple[Filter, ...]]] = {
    "passed": PASSED,
    "failed": FAILED,
    "pending": PENDING,
    "not recorded": NOT_RECORDED,
}
"""What to call it -> the v1 and the v2 filter. A record with failed and pending checks
meets both."""


def either(filters: Sequence[Filter]) -> Filter:
    """One filter that meets any of `filters`."""
    return filters[0] if len(filters) == 1 else {"$or": list(filters)}
