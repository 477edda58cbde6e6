"""The tables of ``docs/reference.md`` that are made from the code; ``make docs`` writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dispatch_core.environment.limits import LIMITS
from dispatch_core.options import OPTIONS, VERBS, Option, every_option
from dispatch_core.verbs.run_verb import build_verb_parser
from tests.support.world import ROOT

PAGE = ROOT / "docs" / "reference.md"

_MARKED = "<!-- {name}: made by make docs -->\n\n{table}\n<!-- {name}: end -->"


def with_tables(page: str) -> str:
    """`page` with each marked table as the options have it now."""
    tables = {
        "options": _argument_table(),
        "variables": _variable_table(),
        "verbs": _verb_table(),
        "limits": _limit_table(),
    }
    for name, table in tables.items():
        marked = _MARKED.format(name=name, table=table)
        pattern = rf"<!-- {name}: made by make docs -->.*?<!-- {name}: end -->"
        page = re.sub(pattern, lambda found, marked=marked: marked, page, flags=re.DOTALL)
    return page


def _argument_table() -> str:
    rows = [("`--version`", "", "print the version", "")]
    for options in OPTIONS.values():
        rows += map(_row, options)
    return _table(("option", "in a notebook", "meaning", "default"), rows)


def _row(option: Option) -> tuple[str, str, str, str]:
    argument = f"`--{option.argument}`" if option.argument else ""
    name = f"`{option.name}`" if option.name else ""
    return argument, name, option.description, option.default_text


def _variable_table() -> str:
    rows = [
        (f"`{option.variable}`", f"as `--{option.argument}`", option.default_text)
        for option in every_option()
        if option.variable
    ]
    return _table(("variable", "meaning", "if it is not set"), rows)


def _limit_table() -> str:
    rows = [(f"`{limit.variable}`", limit.bounds, limit.default_text) for limit in LIMITS]
    return _table(("variable", "the most of", "if it is not set"), rows)


def _verb_table() -> str:
    """The verbs, each with the arguments of its parser."""
    rows: list[tuple[str, str, str]] = []
    for verb, meaning in VERBS.items():
        rows.append((f"`{verb}`", "", meaning))
        for action in build_verb_parser(verb)._actions:
            if action.dest != "help":
                shown = " ".join([*action.option_strings[-1:], str(action.metavar or "")]).strip()
                rows.append(("", f"`{shown}`", str(action.help)))
    return _table(("verb", "argument", "meaning"), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
