"""The account of assets and the job equation: figures that a reader can add up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dispatch_core.equation import AssetAccount, Equation, account_of
from dispatch_core.types import Exclusion, Reason

PLAN = Equation(
    matched=3,
    listed=0,
    assets=2,
    inputs=2,
    input_kind="input",
    sets=2,
    excluded=1,
    repeated=0,
    not_chosen=0,
    dispatched_before=0,
    processed=0,
    capped=0,
    jobs=4,
    workers=2,
    smallest=2,
    largest=2,
)


def row(reason: Reason, stage: str = "") -> Exclusion:
    return Exclusion(stage or reason.stage, reason, "why", "what to do")  # type: ignore[arg-type]


def test_an_account_subtracts_each_excluded_asset_with_its_reason() -> None:
    rows = [row(Reason.DUPLICATE), row(Reason.NO_LOCATION), row(Reason.NO_LOCATION)]

    account = account_of(5, 0, rows)

    reasons = ((Reason.DUPLICATE, 1), (Reason.NO_LOCATION, 2))
    assert account == AssetAccount(5, "asset", 2, reasons)
    assert str(account) == "5 assets − 3 excluded = 2 assets"


def test_the_account_of_a_list_begins_with_its_ids() -> None:
    rows = [row(Reason.NOT_FOUND), row(Reason.NOT_FOUND), row(Reason.DUPLICATE, "input")]

    assert str(account_of(2, 5, rows)) == "5 listed ids − 3 excluded = 2 assets"


@pytest.mark.parametrize(
    "other",
    [row(Reason.NOT_NEWEST), row(Reason.DUPLICATE, "jobs"), row(Reason.OVER_THE_CAP)],
)
def test_rows_about_files_and_jobs_exclude_no_asset(other: Exclusion) -> None:
    assert str(account_of(2, 0, [other])) == "2 assets"


def test_the_equation_subtracts_what_is_excluded_first_of_assets_then_of_jobs() -> None:
    plan = replace(PLAN, repeated=1, capped=1, jobs=2, workers=1, excluded=3)

    assert plan.short == (
        "3 assets − 1 excluded = 2 assets → 2 inputs × 2 sets − 1 repeated − 1 over the cap"
        " = 2 jobs → 1 worker"
    )
    assert str(plan) == (
        "3 assets matched, 2 usable -> 2 inputs x 2 parameter sets - 1 repeated - 1 over the cap"
        " = 2 jobs -> 1 worker (2 jobs each); 1 excluded, 3 rows in the ledger"
    )


def test_the_equation_of_a_list_begins_with_its_ids() -> None:
    plan = replace(PLAN, matched=2, listed=5, excluded=3)

    assert plan.short.startswith("5 listed ids − 3 excluded = 2 assets → 2 inputs")
    assert str(plan).startswith("5 listed ids, 2 usable -> 2 inputs")
    assert str(plan).endswith("; 3 excluded")
