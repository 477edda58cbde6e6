"""What a heading says of the assets that are left."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dispatch_core.equation import AssetAccount
from dispatch_core.types import DataAsset
from dispatch_core.views.columns import ACQUIRED, SUBJECT, values_of

_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """The figures of the assets that are left.

    Attributes
    ----------
    account
        How many assets are left, of what is selected, and why the others are excluded.
    subjects
        How many subjects the assets left have.
    days
        The first and the last day of acquisition, ``2026-11-29``; None without a date.
    undated
        How many of the assets left have no date that begins with year and month.
    """

    account: AssetAccount
    subjects: int = 0
    days: tuple[str, str] | None = None
    undated: int = 0

    @property
    def months(self) -> str:
        """The months of acquisition, "Jan to Nov 2026"; "" without a date."""
        if self.days is None:
            return ""
        first, last = (_month(day) for day in self.days)
        if first == last:
            return last
        return f"{first.removesuffix(last[-5:])} to {last}"


def facts_of(account: AssetAccount, left: Sequence[DataAsset]) -> AssetFacts:
    """The figures of `left`, the assets that `account` leaves."""
    days = [day for asset in left if (day := _day(asset))]
    return AssetFacts(account, count_subjects(left), day_range(left), len(left) - len(days))


def count_subjects(assets: Iterable[DataAsset]) -> int:
    """The number of different subjects."""
    return len({value for one in assets for value in values_of(one.fields, SUBJECT)})


def day_range(assets: Iterable[DataAsset]) -> tuple[str, str] | None:
    """The first and the last day of acquisition, of the dates that begin with year and month."""
    days = [day for one in assets if (day := _day(one))]
    return (min(days), max(days)) if days else None


def _day(asset: DataAsset) -> str:
    """``2026-11-29``; "" if no date of the asset begins with year and month."""
    values = map(str, values_of(asset.fields, ACQUIRED))
    return next((one[:10] for one in values if _DATE.match(one)), "")


def _month(day: str) -> str:
    """ "Nov 2026" of ``2026-11-29``."""
    return f"{calendar.month_abbr[int(day[5:7])]} {day[:4]}"
