"""A trial run: a few of the assets instead of all, chosen before any file is listed.

What is kept are whole groups, so every job of a trial is a job of the whole
dispatch, with the same content and under the same name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

from dispatch_core.grouping import Grouped, shared_key
from dispatch_core.language.bson import SortKey
from dispatch_core.language.paths import value_at
from dispatch_core.request import Trial
from dispatch_core.types import AssetGroup, DataAsset, Exclusion, Reason, exclude


def take_trial(grouped: Grouped, trial: Trial | None) -> Grouped:
    """The groups of the trial, in their order, and the assets of all others in the ledger."""
    if trial is None:
        return grouped
    kept = _choices(trial)(grouped.groups)
    ids = {asset.record_id for group in kept for asset in group.assets}
    others = (asset for group in grouped.groups for asset in group.assets)
    excluded = {asset.record_id: asset for asset in others if asset.record_id not in ids}
    gone = (_excluded(asset, trial) for asset in excluded.values())
    return Grouped(tuple(kept), (*grouped.exclusions, *gone))


def _choices(trial: Trial) -> Callable[[Sequence[AssetGroup]], Sequence[AssetGroup]]:
    if trial.first is not None:
        return lambda groups: groups[: trial.first]
    if trial.random is not None:
        return lambda groups: _random(groups, trial)
    return lambda groups: _one_per(groups, str(trial.one_per))


def _random(groups: Sequence[AssetGroup], trial: Trial) -> Sequence[AssetGroup]:
    """Those with the smallest digests of seed and record id.

    So the same seed chooses the same assets whatever their order, and more of them
    are those and others.
    """

    def rank(number: int) -> bytes:
        ids = [trial.seed, *(asset.record_id for asset in groups[number].assets)]
        return hashlib.sha256(json.dumps(ids).encode()).digest()

    chosen = sorted(range(len(groups)), key=rank)[: trial.random]
    return [groups[number] for number in sorted(chosen)]


def _one_per(groups: Sequence[AssetGroup], path: str) -> Sequence[AssetGroup]:
    """The first group of each value; the groups that lack it count as one."""
    first: dict[SortKey, AssetGroup] = {}
    for group in groups:
        first.setdefault(shared_key([value_at(group.assets[0].fields, path)]), group)
    return list(first.values())


def _excluded(asset: DataAsset, trial: Trial) -> Exclusion:
    action = "Dispatch the whole, without the trial"
    return exclude(asset, Reason.NOT_IN_TRIAL, f"the trial takes {trial}", action)
