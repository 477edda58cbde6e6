"""The step "assets are grouped": latest only, one job per group, and what is excluded.

The rules are those of the newer upstream pipeline (match not null, sort, group,
unwind, group), applied here so that each excluded asset has a reason. Four things are
better than upstream: dates, which records write in a dozen layouts, are compared as
points in time; if it is not certain which asset is the latest, none is used and each is
named; groups keep the order of the assets; and of a list that is unwound, only the null
items are skipped, while upstream excludes the asset with all its other items.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from dispatch_core.language.bson import MISSING, SortKey, sort_key
from dispatch_core.language.paths import (
    field_value,
    is_below,
    spelling_of,
    spellings_in,
    value_at,
)
from dispatch_core.text.dates import DateReader, convention_between, read
from dispatch_core.text.latest import latest_of
from dispatch_core.text.words import counted
from dispatch_core.types import AssetGroup, DataAsset, Exclusion, Reason, exclude

_TIME_NAME = re.compile(r"(?i)time|date|created|modified|start|end[^.]*$|_at$")
"""Names of fields whose numbers are points in time."""

_BY_ID = "Dispatch the asset by its id, or remove --filter_latest"
_SUPERSEDED = "another asset with the same values is later"


@dataclass(frozen=True, slots=True)
class GroupingRules:
    """How assets become groups; a field is a dotted path, or several with ``|`` between.

    Of several paths, the first one with a value counts, as of a field with a different name in
    each schema.

    ``latest_field`` and ``one_per`` keep, of the assets that share ``one_per``,
    the one with the latest ``latest_field``. ``group_by`` puts assets that
    share these fields into one job; without it each asset is a group of one.
    """

    group_by: tuple[str, ...] = ()
    latest_field: str | None = None
    one_per: tuple[str, ...] = ()
    unwind: tuple[str, ...] = ()
    drop_null: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that the rules read."""
        latest = (self.latest_field,) if self.latest_field else ()
        return (*self.group_by, *latest, *self.one_per, *self.unwind)


@dataclass(frozen=True, slots=True)
class GroupsOfOne(Sequence[AssetGroup]):
    """A group for each asset, made when it is read: 100,000 groups would take 17 MB."""

    assets: Sequence[DataAsset]

    def __len__(self) -> int:
        return len(self.assets)

    def __iter__(self) -> Iterator[AssetGroup]:
        return (AssetGroup((asset,)) for asset in self.assets)

    @overload
    def __getitem__(self, index: int) -> AssetGroup: ...

    @overload
    def __getitem__(self, index: slice) -> GroupsOfOne: ...

    def __getitem__(self, index: int | slice) -> AssetGroup | GroupsOfOne:
        if isinstance(index, slice):
            return GroupsOfOne(self.assets[index])
        return AssetGroup((self.assets[index],))


@dataclass(frozen=True, slots=True)
class Grouped:
    """The groups in the order of their first assets, the excluded assets, and what was skipped."""

    groups: Sequence[AssetGroup]
    exclusions: tuple[Exclusion, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def record_ids(self) -> frozenset[str]:
        """The record ids of all assets in groups; an asset may be in several."""
        return frozenset(asset.record_id for group in self.groups for asset in group.assets)


def group_assets(assets: Sequence[DataAsset], rules: GroupingRules) -> Grouped:
    """Each asset in a group or in the exclusions; without rules, groups of one."""
    kept: Sequence[DataAsset] = assets
    exclusions: list[Exclusion] = []
    if rules.drop_null and (rules.one_per or rules.group_by):
        kept, nulls = _without_nulls(kept, rules)
        exclusions += nulls
    if rules.latest_field:
        kept, older = _latest(kept, rules.latest_field, rules.one_per)
        exclusions += older
    if not rules.group_by:
        return Grouped(GroupsOfOne(tuple(kept)), tuple(exclusions))
    return _groups(kept, rules, exclusions)


def _without_nulls(
    assets: Iterable[DataAsset], rules: GroupingRules
) -> tuple[list[DataAsset], list[Exclusion]]:
    kept: list[DataAsset] = []
    exclusions: list[Exclusion] = []
    for asset in assets:
        values = [(path, field_value(asset.fields, path)) for path in rules.one_per]
        values += [
            (path, value)
            for path in rules.group_by
            if not isinstance(value := field_value(asset.fields, path), list)
            or not _is_unwound(asset.fields, path, rules)
        ]
        lacking = dict.fromkeys(path for path, value in values if _is_null(value))
        if not lacking:
            kept.append(asset)
            continue
        in_lists = {path for path, value in values if isinstance(value, list)}
        exclusions.append(_null(asset, [*lacking], in_lists))
    return kept, exclusions


def _is_unwound(fields: Mapping[str, Any], field: str, rules: GroupingRules) -> bool:
    """Whether the items of `field` are treated separately, so that a null item is one of them."""
    path = spelling_of(fields, field)
    return any(is_below(path, spelling_of(fields, parent)) for parent in rules.unwind)


def _null(asset: DataAsset, lacking: Sequence[str], in_lists: Collection[str]) -> Exclusion:
    """The exclusion of an asset whose fields `lacking` are null, or lists with null in them."""
    parts = {
        "is null or missing": [path for path in lacking if path not in in_lists],
        "is a list with null in it": [path for path in lacking if path in in_lists],
    }
    message = "; ".join(f"{', '.join(paths)} {what}" for what, paths in parts.items() if paths)
    return _null_row(asset, message)


def _null_row(asset: DataAsset, message: str) -> Exclusion:
    action = "Fill the field in, or set --drop_null_groups=0"
    return exclude(asset, Reason.NULL_GROUP_FIELD, message, action)


def _is_null(value: Any) -> bool:
    if isinstance(value, list):
        return any(_finite(item) is None for item in value)
    return value is MISSING or _finite(value) is None


def _finite(value: Any) -> Any:
    """`value` with null for NaN and infinities, which JSON does not have."""
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
    """The latest asset of each that share `one_per`; none if that cannot be known."""
    reader = read(field_value(asset.fields, field) for asset in assets)
    sharing: dict[SortKey, list[DataAsset]] = {}
    for asset in sorted(assets, key=lambda one: one.name):
        sharing.setdefault(shared_key(_values(asset.fields, one_per)), []).append(asset)
    kept: set[str] = set()
    exclusions: dict[str, Exclusion] = {}
    for rivals in sharing.values():
        best, excluded = _latest_of(rivals, field, reader)
        kept.update(asset.record_id for asset in best)
        exclusions |= excluded
    return (
        [asset for asset in assets if asset.record_id in kept],
        [exclusions[asset.record_id] for asset in assets if asset.record_id in exclusions],
    )


def _latest_of(
    rivals: Sequence[DataAsset], field: str, reader: DateReader
) -> tuple[list[DataAsset], dict[str, Exclusion]]:
    """The latest of `rivals`, if it is certain, and the exclusions of the others."""
    values = [_finite(field_value(asset.fields, field)) for asset in rivals]
    plain = [None if value is MISSING else value for value in values]
    latest = latest_of(plain, reader, are_dates=bool(_TIME_NAME.search(field)))
    exclusions: dict[str, Exclusion] = {}
    for index, why in latest.uncertain.items():
        message = f"{field} is {_shown(values[index])}, {why}"
        action = "Correct the field in the records, or dispatch the asset by its id"
        row = exclude(rivals[index], Reason.LATEST_UNCERTAIN, message, action)
        exclusions[row.record_id] = row
    for index, later in latest.earlier.items():
        own, newer = (_shown(values[one]) for one in (index, later))
        message = f"{field} is {own}; {rivals[later].name} has {newer}"
        message += _why_later(values[index], values[later], reader)
        row = exclude(rivals[index], Reason.SUPERSEDED, message, _BY_ID)
        row = replace(row, instead=rivals[later].name, shared=_SUPERSEDED)
        exclusions[row.record_id] = row
    return [rivals[latest.best]] if latest.best is not None else [], exclusions


def _why_later(value: Any, later: Any, reader: DateReader) -> str:
    """A note if the order of two values is not obvious."""
    if value == later:
        return ", and of equals the last by name is kept"
    own, newer = (reader.moment(one) for one in (value, later))
    convention = convention_between(own, newer) if own and newer else ""
    return f" ({convention})" if convention else ""


def _groups(
    assets: Sequence[DataAsset], rules: GroupingRules, excluded: Sequence[Exclusion]
) -> Grouped:
    members: dict[SortKey, dict[str, DataAsset]] = {}
    metadata: dict[SortKey, dict[str, Any]] = {}
    exclusions = list(excluded)
    skipped: dict[str, int] = {}
    for asset in assets:
        variants = _values_of_groups(asset, rules)
        valid = [values for values in variants if not (rules.drop_null and _null_in(values))]
        if not valid:
            exclusions.append(_without_group(asset, variants, rules))
        elif len(valid) < len(variants):
            for at in {at for values in variants for at in _null_in(values)}:
                skipped[rules.group_by[at]] = skipped.get(rules.group_by[at], 0) + 1
        for values in valid:
            key = shared_key(values)
            members.setdefault(key, {})[asset.record_id] = asset
            metadata.setdefault(key, _metadata(rules.group_by, values))
    groups = (AssetGroup(tuple(m.values()), metadata[key]) for key, m in members.items())
    return Grouped(tuple(groups), tuple(exclusions), tuple(_skipped(skipped)))


def _values_of_groups(asset: DataAsset, rules: GroupingRules) -> list[list[Any]]:
    """The values of ``group_by`` for each combination of unwound items."""
    unwind = [spelling_of(asset.fields, field) for field in rules.unwind]
    return [
        [_unwound_value(asset.fields, variant, field) for field in rules.group_by]
        for variant in _unwound(asset.fields, unwind)
    ]


def _null_in(values: Sequence[Any]) -> list[int]:
    """The indices of the values that are null."""
    return [at for at, value in enumerate(values) if _is_null(value)]


def _without_group(
    asset: DataAsset, variants: Sequence[Sequence[Any]], rules: GroupingRules
) -> Exclusion:
    """Why no combination of unwound items gives a group."""
    if variants:
        nulls = {at for values in variants for at in _null_in(values)}
        lacking = [field for at, field in enumerate(rules.group_by) if at in nulls]
        message = f"{', '.join(lacking)} is null or missing in every item that is unwound"
        return _null_row(asset, message)
    paths = [spelling_of(asset.fields, field) for field in rules.unwind]
    empty = [path for path in paths if value_at(asset.fields, path) == []]
    message = f"{', '.join(empty)} is an empty list"
    action = "Remove it from --unwind_list_fields"
    return exclude(asset, Reason.NOTHING_TO_UNWIND, message, action)


def _skipped(assets: Mapping[str, int]) -> Iterator[str]:
    """A warning for each field with null items that are skipped, from its number of assets."""
    for field, number in assets.items():
        yield (
            f"Items of {field} that are null or missing were skipped in "
            f"{counted(number, 'asset')}; set --drop_null_groups=0 to group by null too"
        )


def _unwound(fields: Mapping[str, Any], paths: Sequence[str]) -> list[dict[str, Any]]:
    """A {path: item} for each combination of items of the lists at `paths`."""
    variants: list[dict[str, Any]] = [{}]
    for path in paths:
        value = value_at(fields, path)
        items = value if isinstance(value, list) else [value]
        variants = [{**variant, path: item} for variant in variants for item in items]
    return variants


def _unwound_value(fields: Mapping[str, Any], variant: Mapping[str, Any], field: str) -> Any:
    path = spelling_of(fields, field)
    for parent, item in variant.items():
        if is_below(path, parent):
            return item if path == parent else value_at(item, path[len(parent) + 1 :])
    return field_value(fields, field)


def _values(fields: Mapping[str, Any], paths: Sequence[str]) -> list[Any]:
    return [field_value(fields, path) for path in paths]


def shared_key(values: Iterable[Any]) -> SortKey:
    """A key that is the same for values that the database groups together, as 1 and 1.0."""
    return tuple(sort_key(None if value is MISSING else _finite(value)) for value in values)


def _metadata(paths: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """First path of a field -> value, named as upstream does: dots become double underscores."""
    return {
        spellings_in(path)[0].replace(".", "__"): None if value is MISSING else _finite(value)
        for path, value in zip(paths, values, strict=True)
    }


def _shown(value: Any) -> str:
    return "missing" if value is MISSING else json.dumps(value)
