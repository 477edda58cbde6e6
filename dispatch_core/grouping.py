"""The step "assets are grouped": latest only, one job per group, and what is excluded.

The rules are those of the newer upstream pipeline (match not null, sort, group,
unwind, group), applied here so that each excluded asset has a reason. Two things are
better than upstream: dates, which records write in a dozen layouts, are compared as
points in time, and groups keep the order of the assets.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dispatch_core.language.bson import MISSING, SortKey, sort_key
from dispatch_core.language.paths import is_below, value_at
from dispatch_core.types import AssetGroup, DataAsset, Exclusion, Reason, exclude


@dataclass(frozen=True, slots=True)
class GroupingRules:
    """How assets become groups; field names are dotted paths.

    ``latest_field`` and ``one_per`` keep, of the assets that share ``one_per``,
    the one with the greatest ``latest_field``. ``group_by`` puts assets that
    share these fields into one job; without it each asset is a group of one.
    """

    group_by: tuple[str, ...] = ()
    latest_field: str | None = None
    one_per: tuple[str, ...] = ()
    unwind: tuple[str, ...] = ()
    drop_null: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """Every path that the rules read."""
        latest = (self.latest_field,) if self.latest_field else ()
        return (*self.group_by, *latest, *self.one_per, *self.unwind)


@dataclass(frozen=True, slots=True)
class Grouped:
    """The groups in the order of their first assets, and the excluded assets."""

    groups: tuple[AssetGroup, ...]
    exclusions: tuple[Exclusion, ...] = ()


def group_assets(assets: Sequence[DataAsset], rules: GroupingRules) -> Grouped:
    """Each asset in a group or in the exclusions; without rules, groups of one."""
    kept, exclusions = list(assets), []
    if rules.drop_null:
        kept, nulls = _without_nulls(kept, (*rules.one_per, *rules.group_by))
        exclusions += nulls
    if rules.latest_field:
        kept, older = _latest(kept, rules.latest_field, rules.one_per)
        exclusions += older
    if not rules.group_by:
        return Grouped(tuple(AssetGroup((asset,)) for asset in kept), tuple(exclusions))
    groups, empty = _groups(kept, rules)
    return Grouped(groups, (*exclusions, *empty))


def _without_nulls(
    assets: Iterable[DataAsset], paths: Sequence[str]
) -> tuple[list[DataAsset], list[Exclusion]]:
    kept: list[DataAsset] = []
    exclusions: list[Exclusion] = []
    for asset in assets:
        lacking = [path for path in paths if _is_null(value_at(asset.fields, path))]
        if not lacking:
            kept.append(asset)
            continue
        message = f"{', '.join(lacking)} is null or missing"
        action = "Fill the field in, or set --drop_null_groups=0"
        exclusions.append(exclude(asset, Reason.NULL_GROUP_FIELD, message, action))
    return kept, exclusions


def _is_null(value: Any) -> bool:
    if isinstance(value, list):
        return any(_finite(item) is None for item in value)
    return value is MISSING or _finite(value) is None


def _finite(value: Any) -> Any:
    """`value` with null for NaN and infinities, which the database has and JSON has not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value


def _latest(
    assets: Sequence[DataAsset], field: str, one_per: Sequence[str]
) -> tuple[list[DataAsset], list[Exclusion]]:
    sharing: dict[SortKey, list[DataAsset]] = {}
    for asset in assets:
        sharing.setdefault(shared_key(_values(asset.fields, one_per)), []).append(asset)
    kept: set[str] = set()
    exclusions: dict[str, Exclusion] = {}
    for rivals in sharing.values():
        best = max(rivals, key=lambda asset: (_rank(value_at(asset.fields, field)), asset.name))
        kept.add(best.record_id)
        for asset in rivals:
            if asset is not best:
                exclusions[asset.record_id] = _superseded(asset, best, field)
    return (
        [asset for asset in assets if asset.record_id in kept],
        [exclusions[asset.record_id] for asset in assets if asset.record_id in exclusions],
    )


def _superseded(asset: DataAsset, best: DataAsset, field: str) -> Exclusion:
    own, newer = (_shown(value_at(one.fields, field)) for one in (asset, best))
    message = f"{field} is {own}; {best.name} has {newer}"
    action = "Dispatch it by its id, or remove --filter_latest"
    return exclude(asset, Reason.SUPERSEDED, message, action)


def _rank(value: Any) -> tuple[int, Any]:
    """A sort key: missing values, numbers, texts that are not dates, then dates."""
    value = _finite(value)
    if isinstance(value, list):
        return max(map(_rank, value), default=(0, 0))
    if isinstance(value, str):
        moment = moment_of(value)
        return (2, value) if moment is None else (3, moment)
    if isinstance(value, int | float):
        return (1, value)
    return (0, 0)


def moment_of(text: str) -> datetime | None:
    """The point in time of an ISO 8601 text, in UTC unless it has an offset."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _groups(
    assets: Sequence[DataAsset], rules: GroupingRules
) -> tuple[tuple[AssetGroup, ...], list[Exclusion]]:
    members: dict[SortKey, dict[str, DataAsset]] = {}
    metadata: dict[SortKey, dict[str, Any]] = {}
    exclusions: list[Exclusion] = []
    for asset in assets:
        variants = _unwound(asset.fields, rules.unwind)
        if not variants:
            empty = [path for path in rules.unwind if value_at(asset.fields, path) == []]
            message = f"{', '.join(empty)} is an empty list"
            action = "Remove it from --unwind_list_fields"
            exclusions.append(exclude(asset, Reason.NOTHING_TO_UNWIND, message, action))
        for variant in variants:
            values = [_unwound_value(asset.fields, variant, path) for path in rules.group_by]
            key = shared_key(values)
            members.setdefault(key, {})[asset.record_id] = asset
            metadata.setdefault(key, _metadata(rules.group_by, values))
    groups = (AssetGroup(tuple(m.values()), metadata[key]) for key, m in members.items())
    return tuple(groups), exclusions


def _unwound(fields: Mapping[str, Any], paths: Sequence[str]) -> list[dict[str, Any]]:
    """A {path: item} for each combination of items of the lists at `paths`."""
    variants: list[dict[str, Any]] = [{}]
    for path in paths:
        value = value_at(fields, path)
        items = value if isinstance(value, list) else [value]
        variants = [{**variant, path: item} for variant in variants for item in items]
    return variants


def _unwound_value(fields: Mapping[str, Any], variant: Mapping[str, Any], path: str) -> Any:
    for parent, item in variant.items():
        if is_below(path, parent):
            return item if path == parent else value_at(item, path[len(parent) + 1 :])
    return value_at(fields, path)


def _values(fields: Mapping[str, Any], paths: Sequence[str]) -> list[Any]:
    return [value_at(fields, path) for path in paths]


def shared_key(values: Iterable[Any]) -> SortKey:
    """A key that is the same for values that the database groups together, as 1 and 1.0."""
    return tuple(sort_key(None if value is MISSING else _finite(value)) for value in values)


def _metadata(paths: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Field -> value, named as upstream does: dots become double underscores."""
    return {
        path.replace(".", "__"): None if value is MISSING else _finite(value)
        for path, value in zip(paths, values, strict=True)
    }


def _shown(value: Any) -> str:
    return "missing" if value is MISSING else json.dumps(value)
