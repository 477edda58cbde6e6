"""One verb: its own parser, and the module that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from dispatch_core.arguments import ArgumentParser, program_name
from dispatch_core.options import VERBS


def build_verb_parser(verb: str) -> ArgumentParser:
    """The parser of one verb; its ``run`` is the function that takes what it parses."""
    module = import_module(f"dispatch_core.verbs.{verb}")
    description = f"{VERBS[verb][:1].upper()}{VERBS[verb][1:]}."
    parser = ArgumentParser(
        prog=f"{program_name()} {verb}", description=description, allow_abbrev=False
    )
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


def run_verb(verb: str, arguments: Sequence[str]) -> int:
    """Run one verb and return its exit code.

    A wrong argument ends the process with exit code 2, as argparse does.
    """
    given = build_verb_parser(verb).parse_args(arguments)
    code: int = given.run(given)
    return code
