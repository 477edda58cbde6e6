"""Measures many simultaneous sessions: time of a rerun, memory, and leaks between sessions.

    make load                                                  the standard load
    make load ARGS="--while-listing 100000"                    others while one tab works
    make load ARGS="--come-and-go 440"                         memory over many short sessions
    make load ARGS="--list-again 100000"                       memory after four listings in a tab
    python -m benchmarks.load --sessions 8 --think 1 --reruns 5
    python -m benchmarks.load --sessions 0 --dispatches 50     only the dispatches

Each session loads a request with its own mark, finds the assets, and then visits pages at
random with pauses. All data sent to a session is searched for the marks of the other
sessions; the same search must find the leak of ``leaky_app.py``. Then all sessions press
*Write* at once, and every file is compared with the files that the core makes from the
same request. Only loopback is used, and the number of reruns limits the time.

With ``--while-listing N``, ten sessions visit pages while one tab finds, locates, plans and
zips the N assets of a demo. Their times are printed beside those just before, beside those of
a control without turns (``stalling.py``), and beside a loop that computes for 10 ms: on a busy
machine everything takes longer.

With ``--come-and-go N``, N sessions come and go, 20 at a time, each with its 4 reruns. The memory
of the server grows until the bounds of what is kept are reached, then no more.

With ``--list-again N``, one tab finds, locates and plans the N assets of a demo for four
extensions, one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import tempfile
import time
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.browserless import AppServer, Run, Tab
from dispatch_core.connect import SourceSettings, open_metadata_source, open_object_lister
from dispatch_core.dispatch import plan_dispatch
from dispatch_core.request import DispatchRequest

MARK = re.compile(r"mark-[0-9]{4}-end")
DERIVED = {"data_description.data_level": "derived"}
EVERYTHING = {"_id": {"$exists": True}}
LISTED = (".nwb", ".zarr", ".json", ".nwb.zarr")
"""The extensions that one tab lists for, one after the other."""
ROUNDS = ((25, 5.0), (50, 5.0), (100, 10.0))
"""Number of sessions, and seconds between two reruns of a session."""


def mark(number: int) -> str:
    """Return a text that only session `number` types."""
    return f"mark-{number:04}-end"


def request_of(number: int, assets: int = 50, sets: int = 2) -> DispatchRequest:
    """Return a request with the mark of session `number` for `assets` x `sets` jobs."""
    return DispatchRequest(
        query=[{"$match": DERIVED}, {"$sort": {"name": 1}}, {"$limit": assets}],
        parameters={
            "fixed_parameters": {"tag": mark(number)},
            "distributed_parameters": [{"seed": seed} for seed in range(sets)],
        },
    )


@dataclass
class Tally:
    """Results of one round of sessions."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    own: set[int] = field(default_factory=set)
    strangers: set[tuple[int, str]] = field(default_factory=set)
    memory: float = 0.0
    is_over: bool = False

    def note(self, number: int, run: Run) -> None:
        """Record errors and the marks that were sent to session `number`."""
        self.errors += run.errors
        for found in set(MARK.findall(run.text)):
            if found == mark(number):
                self.own.add(number)
            else:
                self.strangers.add((number, found))

    def percentile(self, share: float) -> float:
        """Return the milliseconds within which this share of the reruns finished."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else 0.0

    @property
    def percentiles(self) -> str:
        """The percentiles that are printed."""
        shares = (50, 95, 99)
        return ", ".join(f"p{share} {self.percentile(share / 100):.0f} ms" for share in shares)


async def prepare(tab: Tab, number: int, tally: Tally, **size: int) -> None:
    """Load the request of session `number` and find its assets."""
    content = request_of(number, **size).to_json().encode()
    tally.note(number, await tab.open())
    tally.note(number, await tab.go("Deliver"))
    tally.note(number, await tab.upload("load-", f"{mark(number)}.json", content))
    tally.note(number, await tab.press("find"))
    tally.note(number, await tab.settle())


async def person(url: str, number: int, tally: Tally, think: float, reruns: int) -> None:
    """Run one session: prepare it, then visit pages at random."""
    rng = random.Random(number)
    try:
        await asyncio.sleep(rng.uniform(0, think * 2))  # sessions do not start together
        async with Tab(url) as tab:
            await prepare(tab, number, tally)
            for _ in range(reruns):
                await asyncio.sleep(think * rng.uniform(0.5, 1.5))
                run = await tab.go(rng.choice(list(tab.pages)))
                tally.seconds.append(run.seconds)
                tally.note(number, run)
                tally.note(number, await tab.settle())
    except (OSError, TimeoutError, LookupError, RuntimeError) as error:
        tally.errors.append(f"{type(error).__name__}: {error}")


async def crowd(server: AppServer, sessions: int, think: float, reruns: int) -> Tally:
    """Run all sessions at the same time."""
    tally = Tally()
    async with Tab(server.url) as first:  # opens the catalogue that all sessions share
        await prepare(first, 9_999, Tally())
    before = server.memory
    people = (person(server.url, number, tally, think, reruns) for number in range(sessions))
    watch = asyncio.create_task(_peak(server, before, sessions, tally))
    await asyncio.gather(*people)
    watch.cancel()
    return tally


async def come_and_go(server: AppServer, sessions: int, at_once: int = 20) -> list[float]:
    """Run sessions one group after another; return the bytes of the server after each group."""
    memory: list[float] = []
    for first in range(0, sessions, at_once):
        tally = Tally()
        numbers = range(first, min(sessions, first + at_once))
        await asyncio.gather(*(person(server.url, one, tally, 0.2, 4) for one in numbers))
        if tally.errors or tally.strangers:
            raise RuntimeError(f"{tally.errors[:3]}, cross-talk {len(tally.strangers)}")
        memory.append(server.memory)
    return memory


async def list_again(server: AppServer, extensions: Sequence[str]) -> list[int]:
    """Locate the files of all assets in one tab, for one extension after another.

    Returns the bytes of the server before the first and after each.
    """
    memory = [server.memory]
    async with Tab(server.url) as tab:
        await tab.open()
        for extension in extensions:
            request = DispatchRequest(query=EVERYTHING, file_extension=extension)
            await tab.go("Deliver")
            await tab.upload("load-", f"all{extension}.json", request.to_json().encode())
            if len(memory) > 1:
                await tab.press("replace-request")  # it asks whether the former one may go
            await tab.press("update")
            run = await tab.settle(patience=1_800)
            if run.errors:
                raise RuntimeError(f"{extension}: {run.errors[:3]}")
            memory.append(server.memory)
    return memory


async def _peak(server: AppServer, before: int, sessions: int, tally: Tally) -> None:
    while True:
        tally.memory = max(tally.memory, (server.memory - before) / sessions)
        await asyncio.sleep(0.5)


@dataclass
class Dispatched:
    """Results of simultaneous dispatches."""

    count: int
    right: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)


async def dispatch_at_once(server: AppServer, count: int, assets: int, sets: int) -> Dispatched:
    """Prepare `count` sessions and press Write in all of them at the same time."""
    outcome = Dispatched(count)
    ready, go = asyncio.Barrier(count + 1), asyncio.Event()

    async def one(number: int) -> None:
        async with Tab(server.url) as tab:
            try:
                await prepare(tab, number, Tally(), assets=assets, sets=sets)
                await tab.go("Deliver")
                await tab.write("target", f"load-{number}")
            finally:
                await ready.wait()
            await go.wait()
            run = await tab.press("write")
            outcome.errors += run.errors
            await tab.settle()

    tasks = [asyncio.create_task(one(number)) for number in range(count)]
    await ready.wait()
    begun = time.perf_counter()
    go.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    outcome.errors += [repr(one) for one in ended if isinstance(one, BaseException)]
    outcome.seconds = time.perf_counter() - begun
    outcome.right = sum(
        _is_right(server.output_root / f"load-{number}", request_of(number, assets, sets))
        for number in range(count)
    )
    return outcome


def _is_right(folder: Path, request: DispatchRequest) -> bool:
    """Return whether `folder` has exactly the files of `request`, with its record beside it."""
    settings = SourceSettings()
    plan = plan_dispatch(request, open_metadata_source(settings), open_object_lister(settings))
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return found == dict(plan.files()) and folder.with_name(f"{folder.name}.dispatch.json").exists()


@dataclass
class WhileListing:
    """How long others waited for their pages while one tab found, located, planned and zipped.

    ``alone`` has their reruns just before, ``during`` those that began while the tab was at
    work; ``first`` has the first pages of new tabs in that time, and ``loop`` the times of a
    fixed loop in this process. ``planned`` and ``zipped`` are the seconds until the tab had its
    plan and its zip, ``first_part`` those from the press to the first bytes of the zip, and
    ``zip_memory`` the bytes by which the server grew while the zip was read.
    """

    alone: Tally = field(default_factory=Tally)
    during: Tally = field(default_factory=Tally)
    first: Tally = field(default_factory=Tally)
    loop: Tally = field(default_factory=Tally)
    planned: float = 0.0
    zipped: float = 0.0
    zip_bytes: int = 0
    first_part: float = 0.0
    zip_memory: int = 0


async def while_listing(
    server: AppServer, sessions: int, think: float, alone: float
) -> WhileListing:
    """Time the pages of `sessions` people for `alone` seconds, then while one tab works."""
    outcome = WhileListing()
    async with AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(Tab(server.url)) for _ in range(sessions)]
        for number, tab in enumerate(tabs):
            await prepare(tab, number, outcome.alone)
        await _visits(tabs, think, outcome.alone, asyncio.sleep(alone))
        beside = [_newcomers(server, think, outcome.first), _calibrate(outcome.loop)]
        tasks = [asyncio.create_task(one) for one in beside]
        try:
            await _visits(tabs, think, outcome.during, _work(server, outcome))
        finally:
            outcome.first.is_over = outcome.loop.is_over = True
            await asyncio.gather(*tasks)
    return outcome


async def _calibrate(tally: Tally) -> None:
    """Time a loop of about 10 ms again and again."""
    while not tally.is_over:
        await asyncio.sleep(0.5)
        tally.seconds.append(await asyncio.to_thread(_loop))


def _loop() -> float:
    begun = time.perf_counter()
    sum(range(500_000))
    return time.perf_counter() - begun


async def _visits(tabs: Sequence[Tab], think: float, tally: Tally, until: Awaitable[None]) -> None:
    """Let each tab visit pages at random until something ends."""
    visitors = [asyncio.create_task(_visit(tab, n, think, tally)) for n, tab in enumerate(tabs)]
    try:
        await until
    finally:
        tally.is_over = True
        await asyncio.gather(*visitors)


async def _visit(tab: Tab, number: int, think: float, tally: Tally) -> None:
    rng = random.Random(number)
    await asyncio.sleep(rng.uniform(0, think))
    while not tally.is_over:
        run = await tab.go(rng.choice(list(tab.pages)))
        tally.seconds.append(run.seconds)
        tally.note(number, run)
        await asyncio.sleep(think * rng.uniform(0.5, 1.5))


async def _newcomers(server: AppServer, think: float, tally: Tally) -> None:
    """Open a new tab again and again."""
    while not tally.is_over:
        begun = time.perf_counter()
        async with Tab(server.url) as tab:
            run = await tab.open()
            tally.seconds.append(time.perf_counter() - begun)
            tally.errors += run.errors
        await asyncio.sleep(think)


async def _work(server: AppServer, outcome: WhileListing) -> None:
    """Find all assets, locate their files, make the plan and the zip, in one tab."""
    async with Tab(server.url) as tab:
        request = DispatchRequest(query=EVERYTHING, file_extension=".nwb")
        begun = time.perf_counter()
        await tab.open()
        await tab.go("Deliver")
        await tab.upload("load-", "all.json", request.to_json().encode())
        await tab.press("update")
        await tab.settle(patience=1_800)
        outcome.planned = time.perf_counter() - begun
        await tab.go("Deliver")
        pressed, memory = time.perf_counter(), server.memory
        async for part in tab.read(await tab.offer_zip()):
            outcome.first_part = outcome.first_part or time.perf_counter() - pressed
            outcome.zip_bytes += len(part)
            outcome.zip_memory = max(outcome.zip_memory, server.memory - memory)
        outcome.zipped = time.perf_counter() - begun


async def leaks_caught(server: AppServer, sessions: int = 4) -> int:
    """Return how many leaked marks the search finds in the leaky app; 0 means it is broken."""
    tally = Tally()
    for number in range(sessions):
        async with Tab(server.url) as tab:
            await prepare(tab, number, tally)
    return len(tally.strangers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; return 1 if any result is wrong, regardless of the times."""
    given = _arguments().parse_args(arguments)
    rounds = ROUNDS if given.sessions is None else ((given.sessions, given.think),)
    print(f"{os.cpu_count()} cores, load before the start {os.getloadavg()[0]:.1f}")
    if given.while_listing:
        return 0 if _compare_while_listing(given.while_listing, given.sessions or 10) else 1
    if given.come_and_go:
        with tempfile.TemporaryDirectory() as folder, AppServer(Path(folder)) as server:
            memory = asyncio.run(come_and_go(server, given.come_and_go))
        print("MB after each 20 sessions:", *(f"{one / 1e6:.0f}" for one in memory))
        return 0
    if given.list_again:
        environment = {"DISPATCH_DEMO_ASSETS": str(given.list_again)}
        with (
            tempfile.TemporaryDirectory() as folder,
            AppServer(Path(folder), environment=environment) as server,
        ):
            sizes = asyncio.run(list_again(server, LISTED))
        for name, size in zip(("the start", *LISTED), sizes, strict=True):
            print(f"MB after {name}: {size / 1e6:.0f}")
        return 0
    is_right = True
    with tempfile.TemporaryDirectory() as folder:
        with AppServer(Path(folder), "benchmarks/leaky_app.py") as leaky:
            caught = asyncio.run(leaks_caught(leaky))
        print(f"leaky control: {caught} leaked marks found (0 means that the check is broken)")
        is_right &= caught > 0
        for sessions, think in rounds:
            if sessions:
                with AppServer(Path(folder)) as server:
                    tally = asyncio.run(crowd(server, sessions, think, given.reruns))
                is_right &= _print_tally(tally, sessions, think)
        if given.dispatches:
            with AppServer(Path(folder)) as server:
                outcome = asyncio.run(dispatch_at_once(server, given.dispatches, 50, 20))
            is_right &= _print_dispatched(outcome)
    return 0 if is_right else 1


def _compare_while_listing(assets: int, sessions: int) -> bool:
    """Print how long others wait while one tab works on `assets` assets, and in the control."""
    is_right = True
    for name, module in (("with turns", "streamlit"), ("control", "benchmarks.stalling")):
        with tempfile.TemporaryDirectory() as folder:
            environment = {"DISPATCH_DEMO_ASSETS": str(assets)}
            with AppServer(Path(folder), environment=environment, module=module) as server:
                outcome = asyncio.run(while_listing(server, sessions, think=1.0, alone=10.0))
                memory = server.memory / 1e6
        print(
            f"{name}: {assets:,} assets planned after {outcome.planned:.1f} s, a zip of "
            f"{outcome.zip_bytes / 1e6:.1f} MB after {outcome.zipped:.1f} s, its first bytes "
            f"{outcome.first_part:.2f} s after the press, {outcome.zip_memory / 1e6:.0f} MB more "
            f"meanwhile; server {memory:.0f} MB"
        )
        tallies = {
            "others just before": outcome.alone,
            "others meanwhile": outcome.during,
            "first pages meanwhile": outcome.first,
            "calibrating loop": outcome.loop,
        }
        for kind, tally in tallies.items():
            print(f"  {kind}: {len(tally.seconds)} times, {tally.percentiles}")
            is_right &= not tally.errors and not tally.strangers
            for error in sorted(set(tally.errors))[:5]:
                print(f"    {error}")
    return is_right


def _print_tally(tally: Tally, sessions: int, think: float) -> bool:
    print(
        f"{sessions} sessions, {think:g} s think time, {len(tally.seconds)} reruns: "
        f"{tally.percentiles}; {len(tally.errors)} errors; "
        f"cross-talk {len(tally.strangers)}; {tally.memory / 1e6:.1f} MB a session"
    )
    for error in sorted(set(tally.errors))[:5]:
        print(f"  {error}")
    return not tally.errors and not tally.strangers and len(tally.own) == sessions


def _print_dispatched(outcome: Dispatched) -> bool:
    print(
        f"{outcome.count} simultaneous dispatches of 1,000 jobs: {outcome.right} correct, "
        f"{len(outcome.errors)} errors, {outcome.seconds:.1f} s"
    )
    for error in sorted(set(outcome.errors))[:5]:
        print(f"  {error}")
    return outcome.right == outcome.count and not outcome.errors


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.load", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sessions", type=int, help="instead of 25, 50 and 100")
    parser.add_argument("--think", type=float, default=5.0, help="seconds between two reruns")
    parser.add_argument("--reruns", type=int, default=10, help="reruns of each session")
    parser.add_argument("--dispatches", type=int, default=50, help="0: none")
    parser.add_argument("--while-listing", type=int, metavar="N", help="only this; N assets")
    parser.add_argument("--come-and-go", type=int, metavar="N", help="only this; N sessions")
    parser.add_argument("--list-again", type=int, metavar="N", help="only this; N assets")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
