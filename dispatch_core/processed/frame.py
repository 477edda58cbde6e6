"""The frame of a job's identity: the wrapper, its version, its panel and further inputs.

The frame is in the request, or it is learned from the results: one wrapper and version is
used, and of several a user chooses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.request import AnalysisCode
from dispatch_core.text.words import counted

MOST_LISTED = 12
"""The most frames that a message lists."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the jobs of one wrapper share in their identity.

    Attributes
    ----------
    url, name, version
        The wrapper's capsule, and its release or commit.
    panel
        Labels of its panel -> non-empty values as text.
    input_urls
        The data assets that are attached to its computation, in addition to a job's own.
    """

    url: str | None
    name: str | None
    version: str | None
    panel: Mapping[str, str] = field(default_factory=dict)
    input_urls: tuple[str, ...] = ()

    def __str__(self) -> str:
        version = f"version {self.version}" if self.version else "no version"
        return f"{self.name or self.url or 'unnamed code'}, {version}"


@dataclass(frozen=True, slots=True)
class LearnedFrame:
    """A wrapper and version in the results, with the number of results and the latest end."""

    url: str | None
    name: str | None
    version: str | None
    count: int
    latest: str = ""

    def __str__(self) -> str:
        frame = Frame(self.url, self.name, self.version)
        latest = f", last {self.latest[:10]}" if self.latest else ""
        return f"{frame}: {counted(self.count, 'result')}{latest}"


def given_frame(asked: AnalysisCode | None) -> Frame | None:
    """The frame of the request, or None if it lacks the url, the name or the version."""
    if asked is None or None in (asked.url, asked.name, asked.version):
        return None
    return _with_panel(asked.url, asked.name, asked.version, asked)


def choose_frame(
    asked: AnalysisCode | None, learned: Sequence[LearnedFrame], where: str
) -> Frame | None:
    """The one learned frame that agrees with the request; None without any result.

    Raises
    ------
    InvalidInput
        Several agree, or none of those in the results; the message lists them.
    """
    agreeing = [one for one in learned if _agrees(one, asked)]
    if len(agreeing) == 1:
        (one,) = agreeing
        return _with_panel(one.url, one.name, one.version, asked)
    if not learned:
        return None
    if not agreeing:
        raise _ambiguous("no result is by this wrapper and version", learned, where)
    what = f"{len(agreeing):,} wrappers or versions have results, and the request names none"
    if asked is not None and not asked.is_unnamed:
        what = f"{len(agreeing):,} wrappers or versions agree with the request"
    raise _ambiguous(what, agreeing, where)


def _ambiguous(what: str, offered: Sequence[LearnedFrame], where: str) -> InvalidInput:
    """The error that the wrapper is to be chosen among those that have results."""
    action = f"Choose one in the app, or name it: {_NAMING}; {_listed(offered)}"
    return InvalidInput(Issue(what, f"analysis_code, {where}", action, path=("analysis_code",)))


def unnamed_wrapper(count: int, where: str) -> InvalidInput:
    """The error of results whose records do not say which wrapper ran.

    They may be those of the jobs to dispatch, so these jobs are not new for sure.
    """
    what = f"{counted(count, 'record')} here, and none says which wrapper ran"
    return InvalidInput(Issue(what, f"analysis_code, {where}", f"Name it: {_NAMING}"))


_EXAMPLE = '{"url": "...", "name": "...", "version": "..."}'
_NAMING = f"--analysis_code '{_EXAMPLE}'"


def _with_panel(
    url: str | None, name: str | None, version: str | None, asked: AnalysisCode | None
) -> Frame:
    if asked is None:
        return Frame(url, name, version)
    return Frame(url, name, version, asked.parameters, asked.input_urls)


def _agrees(one: LearnedFrame, asked: AnalysisCode | None) -> bool:
    if asked is None:
        return True
    pairs = ((one.url, asked.url), (one.name, asked.name), (one.version, asked.version))
    return all(wanted is None or wanted == held for held, wanted in pairs)


def _listed(frames: Sequence[LearnedFrame]) -> str:
    shown = "; ".join(map(_line, frames[:MOST_LISTED]))
    more = len(frames) - MOST_LISTED
    return f"the results have {shown}" + (f"; and {more:,} more" if more > 0 else "")


def _line(one: LearnedFrame) -> str:
    return f"{one} ({one.url})" if one.url and one.name else str(one)
