"""What a heading says of the assets found: the figures, and that they agree with the rest."""

from __future__ import annotations

import pytest

from dispatch_core.equation import AssetAccount
from dispatch_core.types import DataAsset
from dispatch_core.views.asset_facts import AssetFacts, facts_of
from tests.fakes import asset


def of(name: str, subject: str, started: object) -> DataAsset:
    return asset(name, subject={"subject_id": subject}, session={"session_start_time": started})


def facts(*assets: DataAsset) -> AssetFacts:
    return facts_of(AssetAccount(len(assets), "asset", len(assets)), assets)


def test_the_facts_are_subjects_and_months_of_the_assets() -> None:
    three = facts(
        of("a", "1", "2026-01-31T09:00:00Z"),
        of("b", "1", "2026-11-01"),
        of("c", "2", None),
    )

    assert three == AssetFacts(AssetAccount(3, "asset", 3), 2, ("2026-01-31", "2026-11-01"), 1)
    assert three.months == "Jan to Nov 2026"


@pytest.mark.parametrize(
    ("dates", "months"),
    [
        (["2026-11-01", "2026-11-30"], "Nov 2026"),
        (["2022-08-16", "2026-11-30"], "Aug 2022 to Nov 2026"),
        (["5/28/2025", "2025-13-01", "x", None, 20250528], ""),
    ],
)
def test_months_are_said_in_words_and_unreadable_dates_are_none(
    dates: list[object], months: str
) -> None:
    assert facts(*(of(str(n), "1", one) for n, one in enumerate(dates))).months == months
