"""Counts with their nouns, and text for one line of a terminal."""

from __future__ import annotations

from collections.abc import Iterable


def counted(number: int, noun: str) -> str:
    """A count and its noun: "1 job", "2 jobs", "1,000 jobs"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shown_list(names: Iterable[str], most: int = 8) -> str:
    """The first names, each quoted and cut: "'id', 'name'", with an ellipsis if there are more."""
    every = [repr(name.strip()[:40]) for name in names]
    return ", ".join(every[:most]) + (", ..." if len(every) > most else "")


def install_action(extra: str) -> str:
    """What to do if the packages of an optional part are not installed."""
    return (
        f"Install it: pip install 'job-dispatch[{extra}]', or in a checkout: "
        f"pip install -r requirements-{extra}.txt"
    )


def one_line(text: str) -> str:
    """`text` on one line of a terminal: a name may hold line breaks and escape codes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
