"""The command line: arguments in, an exit code out.

Exit codes: 0 written, 2 bad input, 3 nothing found, 4 a service failed.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from dispatch_core.arguments import parse_arguments
from dispatch_core.errors import DispatchError
from dispatch_core.text.words import one_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = parse_arguments(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names in an ASCII terminal
    try:
        # Imported only now: --help and a wrong argument end above, and need none of it.
        from dispatch_core.command import run_command

        code = run_command(given)
        sys.stdout.flush()
    except DispatchError as error:
        print("error:", "\n".join(map(one_line, str(error).split("\n"))), file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted; no partial output is left", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        # as a shell reports it; 0 would say that the jobs are written, which may be false
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    return code
