#!/usr/bin/env python3
"""Runs the jobs of one worker folder, one after the other, and leaves a mark for each.

    python3 run_worker.py out/5 --results out.results --command 'python analyze.py {job}'

One file that needs only Python 3.8 or later: a compute node may have nothing else. For each
job file, sorted by name, the command runs in ``<results>/<name>/``, with its output in
``log.txt`` there. Then ``<results>/<name>.done`` or ``<name>.failed`` appears in one step, as
JSON: exit code, seconds, host, time, and why it failed.

- A job that is done is skipped, one that failed runs again, and a job that fails stops no other.
- ``.done`` means that the command ended with 0, whenever the worker is killed. Beside it,
  other marks do not count.
- While a job runs, its worker and its command hold a lock on ``<name>.running``, so two workers
  never run a job at the same time. A kill ends the lock; the file stays: it was interrupted.
- SIGTERM, SIGINT or SIGHUP ends the command, and the job keeps the mark that it had.

Exit codes: 0 all jobs are done, 1 some are not, 2 invalid input, 128 + N stopped by signal N.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

DONE, FAILED, RUNNING = ".done", ".failed", ".running"
"""How the names of the marks, and of the lock of a running job, end."""

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL for a command that has to end."""

PATIENCE = 15.0
"""Seconds to wait, at the end, for jobs that other workers run; longer than `GRACE`, so that
the jobs of a worker that was just killed are run here."""

SIGN_OF_LIFE = 60.0
ABANDONED = 900.0
"""On a file system without locks: seconds between two signs of life of a worker, and seconds
without one after which its job is free again."""

POLL = 0.2
INVALID_USE = 2
_CANNOT_LOCK = {errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_SHELL_SIGNS = {"|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1"}


class InvalidUse(Exception):
    """The arguments cannot be used; nothing was run."""


class Work(NamedTuple):
    """What is the same for every job of the worker."""

    results: str
    command: Command
    time_limit: float | None
    stop: Stop
    has_locks: bool


class Outcome(NamedTuple):
    """The result of one job: ``done``, ``failed``, ``skipped``, ``busy`` or ``stopped``."""

    state: str
    detail: str = ""


class Ending(NamedTuple):
    """How a command ended; an empty reason means with 0, and before its time limit."""

    exit_code: int | None
    reason: str
    signal: str | None = None
    time_limit: float | None = None


def main(arguments: list[str] | None = None) -> int:
    """Run the worker and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        jobs = _chosen(jobs_of(given.worker), given.only)
        work = _prepared(given)
    except InvalidUse as error:
        print(f"error: {error}", file=sys.stderr)
        return INVALID_USE
    return run_jobs(jobs, work)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0], allow_abbrev=False)
    add = parser.add_argument
    add("worker", metavar="WORKER", help="the folder with job files, or one job file")
    add("--results", required=True, metavar="DIR", help="where marks, outputs and logs go")
    add("--command", required=True, help="{job} in it is the path of a job file, {name} its name")
    add("--shell", action="store_true", help="run the command with /bin/sh, {job} quoted")
    add("--time_limit", type=_seconds, metavar="SECONDS", help="end a command that takes longer")
    add("--only", metavar="FILE", help="run only the jobs that are named in this file, one a line")
    add(
        "--stop_with_parent", action="store_true", help="stop when the process that started it ends"
    )
    return parser


def _seconds(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise ValueError
    return float(text)


def _prepared(given: argparse.Namespace) -> Work:
    command = Command(given.command, given.shell, os.getcwd())
    command.check()
    results = os.path.abspath(given.results)
    worker = os.path.realpath(given.worker)
    if (os.path.realpath(results) + os.sep).startswith(worker + os.sep):
        raise InvalidUse(f"--results: {results} is inside the worker folder. Put it beside.")
    has_locks = _open_results(results)
    if not has_locks:
        _say(f"note: {results} has no file locks; files named *{RUNNING} replace them")
    return Work(results, command, given.time_limit, Stop(given.stop_with_parent), has_locks)


def _open_results(results: str) -> bool:
    """Makes the folder if it is missing; whether its file system has locks."""
    try:
        os.makedirs(results, exist_ok=True)
        with tempfile.TemporaryFile(dir=results) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _CANNOT_LOCK:
            return False
        what = f"--results: cannot write into {results}: {error.strerror}"
        raise InvalidUse(f"{what}. Choose another folder.") from None
    return True


def jobs_of(worker: str) -> list[str]:
    """The full paths of the job files of a worker folder, sorted; of a job file, itself."""
    if os.path.isfile(worker) and worker.endswith(".json"):
        return [os.path.abspath(worker)]
    try:
        with os.scandir(worker) as entries:
            found = {entry.name: is_job(entry) for entry in entries}
    except OSError as error:
        what = f"{worker}: cannot read the worker folder: {error.strerror}"
        raise InvalidUse(f"{what}. Name a folder with job files.") from None
    others = sorted(name for name, is_one in found.items() if not is_one)
    if others:
        _say(f"note: not a job file, so not run: {', '.join(others[:5])}")
    jobs = sorted(name for name, is_one in found.items() if is_one)
    if not jobs:
        what = f"{worker}: no job file (*.json) in it"
        raise InvalidUse(f"{what}. Name one worker folder, such as out/0.")
    return [os.path.join(os.path.abspath(worker), name) for name in jobs]


def is_job(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a worker folder is a job file."""
    return entry.name.endswith(".json") and entry.name[0] != "." and entry.is_file()


def name_of(text: str) -> str:
    """The name of a job from its name, its path, or one of its marks."""
    name = os.path.basename(text.strip())
    ends = (end for end in (".json", DONE, FAILED, RUNNING) if name.endswith(end))
    return name[: -len(next(ends, "")) or None]


def _chosen(jobs: list[str], only: str | None) -> list[str]:
    if only is None:
        return jobs
    try:
        with open(only, encoding="utf-8-sig", errors="surrogateescape") as file:
            names = {name_of(line) for line in file}
    except OSError as error:
        raise InvalidUse(f"--only: cannot read {only}: {error.strerror}.") from None
    chosen = [job for job in jobs if name_of(job) in names]
    if not chosen:
        _say(f"note: {only} names no job of this worker")
    return chosen


class Command:
    """The command of every job: words with ``{job}`` and ``{name}`` in them.

    The words are separated before the path is entered, so a path with spaces or quotes stays
    one argument. A word that names a file of the folder where the worker was started gets its
    full path, because the command runs in the folder of its job.
    """

    def __init__(self, text: str, use_shell: bool, folder: str) -> None:
        self.text = text
        self.use_shell = use_shell
        self.words = [] if use_shell else [full_path(word, folder) for word in _split(text)]

    def check(self) -> None:
        """Raises `InvalidUse` if no job could be started with it; prints what is unusual."""
        if not self.text.strip():
            raise InvalidUse("--command is empty. Write it as 'python analyze.py {job}'.")
        program = self.words[0] if self.words else "/bin/sh"
        if not _has_placeholder(program) and shutil.which(program) is None:
            what = f"--command: {program} was not found, or cannot be run"
            raise InvalidUse(f"{what}. Write its full path.")
        if not _has_placeholder(self.text) and "DISPATCH_" not in self.text:
            _say("note: --command has neither {job} nor {name}; DISPATCH_JOB has the path")
        signs = [word for word in self.words if word in _SHELL_SIGNS or word[:1] == "$"]
        if signs:
            _say(f"note: --command: {' '.join(signs)} is passed as it is; --shell uses a shell")

    def words_for(self, job: str) -> list[str]:
        """The words to start for one job."""
        values = {"job": job, "name": name_of(job)}
        if self.use_shell:
            quoted = {key: shlex.quote(value) for key, value in values.items()}
            return ["/bin/sh", "-c", _filled(self.text, quoted)]
        return [_filled(word, values) for word in self.words]


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidUse(f"--command: {error}. Close the quote.") from None


def full_path(word: str, folder: str) -> str:
    """The full path of a word that names a file of `folder`; any other word as it is.

    Only a word with a dot or a slash is taken for a file: ``analyze.py``, ``~/run``.
    """
    path = os.path.join(folder, os.path.expanduser(word))
    is_path = ("/" in word or "." in word) and not word.startswith("-")
    return path if is_path and os.path.isfile(path) else word


def _has_placeholder(text: str) -> bool:
    return "{job}" in text or "{name}" in text


def _filled(text: str, values: dict[str, str]) -> str:
    # in one pass: a path may contain "{name}"
    return re.sub(r"\{(job|name)\}", lambda found: values[found.group(1)], text)


class Stop:
    """Whether the worker has to stop: after a signal, or because its parent ended."""

    def __init__(self, watches_parent: bool) -> None:
        self.signal = 0
        self.is_urgent = False
        self._parent = os.getppid() if watches_parent else None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
                signal.signal(number, self._take)

    def _take(self, number: int, frame: Any) -> None:
        self.is_urgent = number == self.signal
        self.signal = number

    def is_asked(self) -> bool:
        """Whether to stop."""
        if self._parent is not None and os.getppid() != self._parent:
            self.signal = self.signal or signal.SIGTERM
        return self.signal != 0


def run_jobs(jobs: list[str], work: Work) -> int:
    """Run every job that is not done, and return the exit code of the worker."""
    states: set[str] = set()
    busy = _run_each(jobs, work, states)
    until = time.monotonic() + PATIENCE
    while busy and not work.stop.is_asked() and time.monotonic() < until:
        time.sleep(POLL)
        busy = _run_each(busy, work, states, tells_busy=False)
    if work.stop.is_asked():
        return 128 + work.stop.signal
    if busy:
        _say(f"note: still run by another worker: {', '.join(map(name_of, busy[:5]))}")
    return 1 if busy or "failed" in states else 0


def _run_each(
    jobs: Iterable[str], work: Work, states: set[str], tells_busy: bool = True
) -> list[str]:
    """Runs the jobs until the worker has to stop; those that another worker runs."""
    busy = []
    for job in jobs:
        if work.stop.is_asked():
            break
        try:
            outcome = run_job(job, work)
        except OSError as error:
            outcome = Outcome("failed", f"{error}; it has no mark")
        states.add(outcome.state)
        if outcome.state == "busy":
            busy.append(job)
        if outcome.state != "busy" or tells_busy:
            _say(f"{outcome.state} {name_of(job)} {outcome.detail}")
    return busy


def run_job(job: str, work: Work) -> Outcome:
    """Run one job, unless it is done or another worker runs it."""
    place = os.path.join(work.results, name_of(job))
    claim = take_claim(place + RUNNING, work.has_locks)
    if claim is None:
        return Outcome("busy", "another worker runs it")
    try:
        outcome = _run_claimed(job, place, work, claim)
        if outcome.state != "stopped":
            claim.remove()
        return outcome
    finally:
        claim.release()


def _run_claimed(job: str, place: str, work: Work, claim: Claim) -> Outcome:
    with open(job, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if os.path.isfile(place + DONE):
        return _skipped(place, digest)
    started = time.monotonic()
    ending = _execute(job, place, work, claim)
    if ending is None:
        return Outcome("stopped", "it keeps the mark that it had")
    seconds = round(time.monotonic() - started, 3)
    return _mark(place, ending, {"seconds": seconds, "sha256": digest})


def _skipped(place: str, digest: str) -> Outcome:
    """The outcome of a job that is done, if it is still the job that was done."""
    try:
        with open(place + DONE, encoding="utf-8") as file:
            done = json.load(file).get("sha256", digest)
    except (ValueError, AttributeError):
        done = digest  # a mark that someone made by hand
    if done == digest:
        return Outcome("skipped", "it is done")
    detail = f"another job of this name is done: remove {place + DONE} to run this one"
    return Outcome("failed", detail)


def _execute(job: str, place: str, work: Work, claim: Claim) -> Ending | None:
    """How the command ended; None if the worker has to stop."""
    os.makedirs(place, exist_ok=True)
    path = os.path.join(place, "log.txt")
    with suppress(FileNotFoundError):
        os.replace(path, os.path.join(place, "log.previous.txt"))
    with open(path, "wb") as log:
        try:
            process = _start(job, place, work, claim, log)
        except OSError as error:
            reason = f"the command cannot be started: {error}"
            log.write(reason.encode("utf-8", "backslashreplace") + b"\n")
            return Ending(None, reason)
    return _wait(process, work, claim)


def _start(job: str, place: str, work: Work, claim: Claim, log: Any) -> subprocess.Popen[bytes]:
    # The command inherits the claim: if the worker is killed, the lock lasts as long as it.
    return subprocess.Popen(  # noqa: S603 - the command is what the user asks for
        work.command.words_for(job),
        cwd=place,
        env=dict(os.environ, DISPATCH_JOB=job, DISPATCH_NAME=name_of(job)),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(claim.descriptor,),
        preexec_fn=_DIES_WITH_ITS_WORKER,
    )


def _death_signal() -> Callable[[], object] | None:
    """What a command calls before it starts, so that Linux kills it when its worker dies."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes  # not in every build of Python

        prctl = ctypes.CDLL(None).prctl
        return lambda: prctl(1, int(signal.SIGKILL))  # PR_SET_PDEATHSIG
    return None


_DIES_WITH_ITS_WORKER = _death_signal()


def _wait(process: subprocess.Popen[bytes], work: Work, claim: Claim) -> Ending | None:
    """Waits for the end of the command, and ends it at its time limit or at a signal."""
    limit, stop = work.time_limit, work.stop
    deadline = float("inf") if limit is None else time.monotonic() + limit
    while True:
        try:
            code = process.wait(max(0.0, min(POLL, deadline - time.monotonic())))
            # a command that takes SIGTERM too may end with 0 before its work is done
            return None if stop.is_asked() else _ending(code)
        except subprocess.TimeoutExpired:
            claim.touch()
        if stop.is_asked() or time.monotonic() >= deadline:
            is_late = not stop.is_asked()
            code = _end(process, stop)
            return _ending(code, limit) if is_late else None


def _ending(code: int, time_limit: float | None = None) -> Ending:
    name = _signal_name(-code) if code < 0 else None
    reason = f"killed by {name}" if name else f"exit code {code}" if code else ""
    if time_limit is not None:
        reason = f"time limit of {time_limit:.15g} s"
    return Ending(None if name else code, reason, name, time_limit)


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _end(process: subprocess.Popen[bytes], stop: Stop) -> int:
    """Ends the command and all processes of its group; its exit code."""
    _signal_group(process, signal.SIGTERM)
    until = time.monotonic() + GRACE
    while time.monotonic() < until and not stop.is_urgent:
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL)
            break
    # also after the command ended: processes that it started may ignore SIGTERM
    _signal_group(process, signal.SIGKILL)
    return process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _mark(place: str, ending: Ending, facts: dict[str, Any]) -> Outcome:
    """Puts the mark into place in one step; an earlier ``.failed`` goes after that."""
    folder, name = os.path.split(place)
    ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    known = {"host": os.uname().nodename, "ended": ended, **facts}
    # one name for each job: only the holder of its claim writes it
    temporary = os.path.join(folder, f".{name}.mark")
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(json.dumps({"job": name, **ending._asdict(), **known}, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, place + (FAILED if ending.reason else DONE))
    _sync_folder(folder)
    if ending.reason:
        return Outcome("failed", f"{ending.reason}: {place}/log.txt")
    with suppress(OSError):  # .done counts
        os.unlink(place + FAILED)
    return Outcome("done", f"{facts['seconds']:g} s")


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # not every file system can
        os.fsync(descriptor)
    os.close(descriptor)


class Claim:
    """The right to run one job: a locked file that exists while the job runs."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self._touched = time.monotonic()
        owner = {"host": os.uname().nodename, "pid": os.getpid()}
        with suppress(OSError):  # a full disk is an error of the job, not of its claim
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(owner).encode())

    def touch(self) -> None:
        """Show now and then that the worker lives, for a file system without locks."""
        if time.monotonic() - self._touched > SIGN_OF_LIFE:
            self._touched = time.monotonic()
            with suppress(OSError):
                os.utime(self.descriptor)

    def remove(self) -> None:
        """Remove the file; one that stays without a lock means that the job was interrupted."""
        if _is_at(self.path, self.descriptor):
            os.unlink(self.path)

    def release(self) -> None:
        """End the lock."""
        os.close(self.descriptor)


def take_claim(path: str, has_locks: bool) -> Claim | None:
    """The claim of the file `path`, or None if another worker has it."""
    take = _lock if has_locks else _create
    while True:
        descriptor = take(path)
        if descriptor is None or _is_at(path, descriptor):
            return None if descriptor is None else Claim(path, descriptor)
        os.close(descriptor)  # its holder ended and removed it in between


def _is_at(path: str, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    return False


def _lock(path: str) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    os.close(descriptor)
    return None


def _create(path: str) -> int | None:
    """The new file `path`, or None; an abandoned one is moved away first."""
    with suppress(FileExistsError):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        before = os.stat(path)
        if not is_abandoned(path):
            return None
        aside = f"{path}.{os.uname().nodename}-{os.getpid()}"
        os.rename(path, aside)
        if not os.path.samestat(before, os.stat(aside)):
            with suppress(FileExistsError):
                os.link(aside, path)  # another worker was faster, and this is its claim
        os.unlink(aside)
    except FileNotFoundError:
        return None
    return _create(path)


def is_running(path: str) -> bool:
    """Whether a live worker has the claim of the file `path`."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        return error.errno in _CANNOT_LOCK and not is_abandoned(path)
    return False


def is_abandoned(path: str) -> bool:
    """Whether the worker of a claim without a lock is dead, or has been silent for long."""
    try:
        # by the clock of the file system: those of two nodes may differ
        with open(path, "rb") as file, tempfile.TemporaryFile(dir=os.path.dirname(path)) as now:
            silent = os.fstat(now.fileno()).st_mtime - os.fstat(file.fileno()).st_mtime
            text = file.read()
    except OSError as error:
        return error.errno == errno.ENOENT
    if silent > ABANDONED:
        return True
    with suppress(ValueError, KeyError, TypeError):
        owner = json.loads(text)
        if owner["host"] == os.uname().nodename:
            return not _is_alive(owner["pid"])
    return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return error.errno == errno.EPERM  # it is another user's
    return True


def _say(text: str) -> None:
    """Print a line; a job does not fail because no one reads it."""
    try:
        print(text, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python ends with a code of its own


if __name__ == "__main__":
    for one in filter(None, (sys.stdout, sys.stderr)):  # None if the caller closed it
        one.reconfigure(errors="backslashreplace")
    sys.exit(main())
