"""The step "workers get their jobs", by the number of the jobs or by the size of their files."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heapreplace

from dispatch_core.balance.sizes import measure_jobs
from dispatch_core.job_model import Job
from dispatch_core.jobs import Workers, assign_workers
from dispatch_core.request import DispatchRequest
from dispatch_core.types import Balance


def assign_jobs(jobs: Sequence[Job], request: DispatchRequest) -> Workers:
    """The jobs of each worker as `request` balances them."""
    sizes = measure_jobs(jobs).sizes if request.balance == "size" else (1,) * len(jobs)
    return assign_sizes(sizes, request, request.balance)


def assign_sizes(sizes: Sequence[int], request: DispatchRequest, balance: Balance) -> Workers:
    """The jobs of each worker within the limits of `request`; `balance` may be its other rule."""
    most, each = request.num_parallel_workers, request.tasks_per_job
    if balance == "count":
        return assign_workers(len(sizes), num_parallel_workers=most, tasks_per_job=each)
    return balance_workers(sizes, num_parallel_workers=most, tasks_per_job=each)


def balance_workers(
    sizes: Sequence[int], *, num_parallel_workers: int, tasks_per_job: int | None = None
) -> Workers:
    """The jobs of each worker, in their order, such that the largest worker is small.

    Sizes 9, 1, 1, 1, 4 and 4 over 2 workers are 9 and 1, and 1, 1, 4 and 4. There are as many
    workers as `assign_workers` makes, each with a job, and with ``tasks_per_job`` at most
    that many jobs. If that does not make the workers more even, they are those of
    `assign_workers`.
    """
    by_count = assign_workers(
        len(sizes), num_parallel_workers=num_parallel_workers, tasks_per_job=tasks_per_job
    )
    by_size = _largest_first(sizes, len(by_count), tasks_per_job or len(sizes))
    return min(by_count, by_size, key=lambda workers: _unevenness(loads_of(workers, sizes)))


def loads_of(workers: Workers, sizes: Sequence[int]) -> tuple[int, ...]:
    """The sum of the sizes of each worker's jobs."""
    return tuple(sum(map(sizes.__getitem__, worker)) for worker in workers)


def _largest_first(sizes: Sequence[int], count: int, most: int) -> Workers:
    """Each job, the largest first, given to the smallest of `count` workers.

    Among equal workers it is the one with the fewest jobs, so that jobs of size 0 also leave
    no worker empty; among those the first. A worker with `most` jobs gets no more.
    """
    held: list[list[int]] = [[] for _ in range(count)]
    heap = [(0, 0, number) for number in range(count)]
    for index in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
        load, jobs, number = heap[0]
        held[number].append(index)
        if jobs + 1 < most:
            heapreplace(heap, (load + sizes[index], jobs + 1, number))
        else:
            heappop(heap)
    return tuple(tuple(sorted(jobs)) for jobs in held)


def _unevenness(loads: Sequence[int]) -> tuple[int, int]:
    """A key that is larger for a larger greatest load, then for a smaller least load."""
    return max(loads, default=0), -min(loads, default=0)
