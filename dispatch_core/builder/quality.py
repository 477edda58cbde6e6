"""Ready clauses for quality control, in the spelling of either schema.

v1 records hold ``latest_status`` in each evaluation. v2 records hold metrics, each
with its ``status_history``; the last one counts. A status is Pass, Fail or Pending.
No ``$expr`` is used, nor ``$or`` in ``$elemMatch``: not every document database has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dispatch_core.types import Filter, JsonValue

LONGEST_HISTORY: Final = 3
"""Statuses of one metric; a longer history is not judged. Real ones hold one or two."""

QUALITY_PATHS: Final = ("quality_control.evaluations", "quality_control.metrics")
"""Where v1 and v2 records hold it."""

_V1: Final = "quality_control.evaluations.latest_status"
_V2: Final = "quality_control.metrics"


def _some_metric_is(status: JsonValue) -> list[Filter]:
    """Filters of which a record meets one where the last status of some metric is `status`."""
    ends = [
        {"status_history": {"$size": n}, f"status_history.{n - 1}.status": status}
        for n in range(1, LONGEST_HISTORY + 1)
    ]
    return [{_V2: {"$elemMatch": end}} for end in ends]


PASSED: Final[tuple[Filter, ...]] = (
    {_V1: {"$exists": True, "$nin": ["Fail", "Pending", None]}},
    {f"{_V2}.0": {"$exists": True}, "$nor": _some_metric_is({"$in": ["Fail", "Pending"]})},
)
"""Looked at, and nothing failed or is pending."""

FAILED: Final[tuple[Filter, ...]] = ({_V1: "Fail"}, {"$or": _some_metric_is("Fail")})
PENDING: Final[tuple[Filter, ...]] = ({_V1: "Pending"}, {"$or": _some_metric_is("Pending")})
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
