"""Counts with their nouns, for messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A count and its noun: "1 job", "2 jobs", "1,000 jobs"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
