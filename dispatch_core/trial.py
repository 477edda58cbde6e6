"""A trial run: a few assets instead of all, selected before any file is listed.

A trial selects whole groups, so each of its jobs is a job of the complete dispatch,
with the same content and the same name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

from dispatch_core.grouping import Grouped, shared_key
from dispatch_core.language.bson import SortKey
from dispatch_core.language.paths import field_value
from dispatch_core.request import Trial
from dispatch_core.types import AssetGroup, DataAsset, Exclusion, Reason, exclude


def take_trial(grouped: Grouped, trial: Trial | None) -> Grouped:
    """The groups of the trial, in order; the assets of all others are excluded."""
    if trial is None:
        return grouped
    kept = _choices(trial)(grouped.groups)
    ids = {asset.record_id for group in kept for asset in group.assets}
    others = (asset for group in grouped.groups for asset in group.assets)
    excluded = {asset.record_id: asset for asset in others if asset.record_id not in ids}
    exclusions = (_excluded(asset, trial) for asset in excluded.values())
    return Grouped(tuple(kept), (*grouped.exclusions, *exclusions), grouped.warnings)


def _choices(trial: Trial) -> Callable[[Sequence[AssetGroup]], Sequence[AssetGroup]]:
    if trial.first is not None:
        return lambda groups: groups[: trial.first]
    if trial.random is not None:
        return lambda groups: _random(groups, trial)
    return lambda groups: _one_per(groups, str(trial.one_per))


def _random(groups: Sequence[AssetGroup], trial: Trial) -> Sequence[AssetGroup]:
    """The groups with the smallest digests of seed and record ids.

    So the same seed selects the same assets in any order, and a larger trial includes
    the smaller one.
    """

    def rank(number: int) -> bytes:
        ids = [trial.seed, *(asset.record_id for asset in groups[number].assets)]
        return hashlib.sha256(json.dumps(ids).encode()).digest()

    chosen = sorted(range(len(groups)), key=rank)[: trial.random]
    return [groups[number] for number in sorted(chosen)]


def _one_per(groups: Sequence[AssetGroup], path: str) -> Sequence[AssetGroup]:
    """The first group of each value; groups without a value share one."""
    first: dict[SortKey, AssetGroup] = {}
    for group in groups:
        first.setdefault(shared_key([field_value(group.assets[0].fields, path)]), group)
    return list(first.values())


def _excluded(asset: DataAsset, trial: Trial) -> Exclusion:
    action = "Dispatch without the trial"
    return exclude(asset, Reason.NOT_IN_TRIAL, f"the trial takes {trial}", action)
