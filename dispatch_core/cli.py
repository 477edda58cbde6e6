"""The command line: arguments in, an exit code out.

Exit codes: 0 written, 2 bad input, 3 nothing found, 4 a service or the disk failed,
130 interrupted, 141 the reader of the output closed it, 143 terminated.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from dispatch_core.arguments import add_environment, parse_arguments
from dispatch_core.environment.env_file import load_env_file
from dispatch_core.errors import DispatchError, Terminated
from dispatch_core.options import VERBS
from dispatch_core.text.words import one_line
from dispatch_core.views.streams import standard_streams


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names in an ASCII terminal
    with standard_streams(), _ended_by_sigterm():
        return _exit_code(arguments)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Raises `Terminated` at the first SIGTERM, and ignores others while the command ends.

    A process that ignores the signal goes on ignoring it. Only the main thread can take it.
    """
    is_taken = False

    def take(*_: object) -> None:
        nonlocal is_taken
        if not is_taken:
            is_taken = True
            raise Terminated

    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_IGN:
        with suppress(ValueError):  # another thread
            signal.signal(signal.SIGTERM, take)
    try:
        yield
    finally:
        with suppress(ValueError, TypeError):  # None: a handler that is not of Python
            signal.signal(signal.SIGTERM, before)


def _exit_code(arguments: Sequence[str] | None) -> int:
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except DispatchError as error:
        print("error:", "\n".join(map(one_line, str(error).split("\n"))), file=sys.stderr)
        code = error.exit_code
    except Terminated:
        print("error: terminated; no partial output is left", file=sys.stderr)
        code = 128 + signal.SIGTERM
    except KeyboardInterrupt:
        print("error: interrupted; no partial output is left", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        # as a shell reports it; 0 would say that the jobs are written, which may be false
        code = 141
    return code


def _run(arguments: Sequence[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if words and words[0] in VERBS:
            load_env_file()
            from dispatch_core.verbs.run_verb import run_verb

            return run_verb(words[0], words[1:])
        given = parse_arguments(words)
    except SystemExit as ended:  # --help, --version and wrong arguments, printed by argparse
        return int(ended.code or 0)
    load_env_file()
    add_environment(given, os.environ)
    # Imported only now: --help and a wrong argument end above, and need none of it.
    from dispatch_core.command import run_command

    return run_command(given)
