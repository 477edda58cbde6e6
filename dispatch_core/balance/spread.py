"""How the bytes of the files of a plan are spread over its workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dispatch_core.balance.assign import assign_sizes, loads_of
from dispatch_core.balance.sizes import JobSizes, measure_jobs
from dispatch_core.job_model import Job
from dispatch_core.jobs import Workers
from dispatch_core.request import DispatchRequest
from dispatch_core.text.byte_size import size_range, size_text
from dispatch_core.text.words import counted
from dispatch_core.types import Balance

_OTHER: Mapping[Balance, Balance] = {"count": "size", "size": "count"}
_NAMES: Mapping[Balance, str] = {"count": "count", "size": "size"}


@dataclass(frozen=True, slots=True)
class Spread:
    """The bytes of each worker as the plan balances them, and as the other rule would.

    Attributes
    ----------
    balance
        The rule of the plan.
    loads, other_loads
        The bytes of worker 0, 1, ... by the rule of the plan, and by the other one.
    """

    balance: Balance
    sizes: JobSizes
    loads: tuple[int, ...]
    other_loads: tuple[int, ...]

    @property
    def is_known(self) -> bool:
        """Whether the size of any file is known."""
        return self.sizes.median is not None

    @property
    def by_rule(self) -> dict[Balance, tuple[int, ...]]:
        """The bytes of each worker by count and by size."""
        if self.balance == "count":
            return {"count": self.loads, "size": self.other_loads}
        return {"count": self.other_loads, "size": self.loads}

    def text(self, names: Mapping[Balance, str] = _NAMES) -> str:
        """ "1.2 to 1.4 GB each; by count it would be 0.1 to 9 GB"; `names` are those of the rules.

        Only if `is_known`.
        """
        other = size_range(self.other_loads) if self.loads != self.other_loads else "the same"
        other_rule = names[_OTHER[self.balance]]
        return f"{size_range(self.loads)} each; by {other_rule} it would be {other}"

    def notes(self) -> Iterator[str]:
        """How directory stores count, if there are any."""
        sizes, of_jobs = self.sizes, f"of {counted(len(self.sizes.sizes), 'job')}"
        if sizes.median is not None and sizes.unknown:
            verb = "counts" if sizes.unknown == 1 else "count"
            yield (
                f"directory stores have no known size: {sizes.unknown:,} {of_jobs} {verb} as the "
                f"median, {size_text(sizes.median)}"
            )
        if sizes.median_file is not None and sizes.partial:
            yield (
                f"directory stores have no known size: each counts as the median file, "
                f"{size_text(sizes.median_file)}, in {sizes.partial:,} {of_jobs}"
            )


def spread_of(jobs: Sequence[Job], workers: Workers, request: DispatchRequest) -> Spread:
    """The spread of the `jobs` of `request`, which are assigned to `workers`."""
    measured = measure_jobs(jobs)
    others = assign_sizes(measured.sizes, request, _OTHER[request.balance])
    return Spread(
        balance=request.balance,
        sizes=measured,
        loads=loads_of(workers, measured.sizes),
        other_loads=loads_of(others, measured.sizes),
    )
