"""Which of the built jobs remain: each is dispatched, or has one row with the first reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.dispatch_plan import remaining_jobs
from dispatch_core.earlier.before import Before
from dispatch_core.jobs import LocatedGroup, build_jobs
from dispatch_core.request import make_request
from dispatch_core.types import LocatedAsset
from tests.fakes import asset

EIGHT = build_jobs(
    [LocatedGroup((LocatedAsset(asset(f"a{number}")),)) for number in range(8)],
    (),
    split_files=True,
)
INDICES = st.sets(st.integers(0, 7))


@given(before=INDICES, only=st.none() | INDICES)
def test_each_job_is_dispatched_or_has_one_row_with_the_first_reason(
    before: set[int], only: set[int] | None
) -> None:
    names = [job.name for job in EIGHT.jobs]
    chosen = None if only is None else [names[index] for index in only]
    earlier = Before(dict.fromkeys((names[index] for index in before), "monday"), {}, 1)

    left = remaining_jobs(EIGHT, make_request(query={}, only_jobs=chosen), earlier)

    kept = set(range(8)) if only is None else only
    reasons = {row.job: str(row.reason) for row in left.exclusions}
    assert [job.name for job in left.jobs] == [names[one] for one in sorted(kept - before)]
    assert len(left.jobs) + len(left.exclusions) == 8
    assert reasons == {
        **{names[index]: "dispatched_before" for index in before & kept},
        **{names[index]: "not_chosen" for index in set(range(8)) - kept},
    }
