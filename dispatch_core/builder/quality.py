"""Predefined clauses for quality control, for both metadata schemas.

v1 records have ``latest_status`` in each evaluation. v2 records have metrics, each
with a ``status_history`` whose last entry counts. A status is Pass, Fail or Pending.
The clauses avoid ``$expr`` and ``$or`` inside ``$elemMatch``, which some document
databases lack.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dispatch_core.types import Filter, JsonValue

LONGEST_HISTORY: Final = 3
"""Statuses of one metric; a longer history is not evaluated. Real ones have one or two."""

QUALITY_PATHS: Final = ("quality_control.evaluations", "quality_control.metrics")
"""Paths of quality control in v1 and v2 records."""

_V1: Final = "quality_control.evaluations.latest_status"
_V2: Final = "quality_control.metrics"


def _some_metric_is(status: JsonValue) -> list[Filter]:
    """Filters, one for each length of history, for a metric whose last status is `status`."""
    ends = [
        {"status_history": {"$size": n}, f"status_history.{n - 1}.status": status}
        for n in range(1, LONGEST_HISTORY + 1)
    ]
    return [{_V2: {"$elemMatch": end}} for end in ends]


PASSED: Final[tuple[Filter, ...]] = (
    {_V1: {"$exists": True, "$nin": ["Fail", "Pending", None]}},
    {f"{_V2}.0": {"$exists": True}, "$nor": _some_metric_is({"$in": ["Fail", "Pending"]})},
)
"""Evaluated, and nothing failed or is pending."""

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
"""Label -> the v1 and the v2 filter. A record with failed and pending checks matches both."""


def either(filters: Sequence[Filter]) -> Filter:
    """One filter that matches what any of `filters` matches."""
    return filters[0] if len(filters) == 1 else {"$or": list(filters)}
