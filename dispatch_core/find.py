"""The step "assets are found": a checked request and a source in, data assets out.

Only the fields that a dispatch uses are read, never a whole record. The number of
records is compared with the source's own count, and a shortfall is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, pairwise
from typing import Any, Literal, TypeVar

from dispatch_core.asset_list import AssetRow
from dispatch_core.errors import AnswerTooLarge, DispatchError, InvalidInput, Issue
from dispatch_core.language.paths import outermost_paths, value_along, value_at
from dispatch_core.query import Query
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.sources.shared_values import SharedValues
from dispatch_core.text.id_spelling import spellings_of
from dispatch_core.text.invisible import invisible_in
from dispatch_core.text.nearest import Nearest, nearest_of
from dispatch_core.text.words import counted
from dispatch_core.types import (
    NO_FIELDS,
    DataAsset,
    Exclusion,
    Pipeline,
    Progress,
    Reason,
    Record,
    exclude,
    no_progress,
)
from dispatch_core.walk import in_order, read_pages, walk_records

IDS_A_QUERY = 1_000
MOST_COMPARED = 200_000
"""In a larger collection no nearest ids are suggested: reading it would take minutes."""

ID_PATHS = (
    "external_links.Code Ocean",
    "other_identifiers.Code Ocean",
    "_id",
    "name",
    "location",
)
"""The fields in which an id of an asset list is looked up, in this order."""

_BASE_FIELDS = ("name", "location", "external_links", "other_identifiers")
_CODE_OCEAN = ("Code Ocean",)
_REQUIRED = ("_id", "name", "location")
_T = TypeVar("_T")


RowStatus = Literal["matched", "not found", "duplicate", "ambiguous", "empty"]


@dataclass(frozen=True, slots=True)
class MatchRow:
    """One row of the match report: a row of the list and its result.

    ``matched_by`` is the path that has the id; ``record_id`` is "" unless exactly one
    record matches. ``suggestions`` are the nearest texts that exist, if none matches.
    """

    row: AssetRow
    status: RowStatus
    matched_by: str = ""
    record_id: str = ""
    name: str = ""
    message: str = ""
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundAssets:
    """The assets of a query or list, in source order, each once, and what is excluded.

    ``matched`` counts the records that matched, before any was excluded.
    ``match_report`` is empty for a query and has one row for each row of a list.
    """

    query: Query | None
    source: str
    assets: tuple[DataAsset, ...]
    exclusions: tuple[Exclusion, ...] = ()
    matched: int = 0
    match_report: tuple[MatchRow, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def find_assets(
    source: MetadataSource,
    query: Query | None,
    rows: Sequence[AssetRow] | None = None,
    *,
    fields: Iterable[str] = (),
    excluded: Iterable[str] = (),
    progress: Progress = no_progress,
) -> FoundAssets:
    """The assets that a query or a list of ids selects.

    Parameters
    ----------
    fields
        Dotted paths that later steps read (grouping, table columns).
    excluded
        Record ids that the user excluded.

    Raises
    ------
    InvalidInput
        If the source refuses the query, or a pipeline removes a required field.
    """
    wanted = tuple(fields)
    if rows is not None:
        found = _match_rows(source, rows, wanted, progress)
    else:
        assert query is not None, "a checked request has a query or rows"
        found = _answers(source, query, wanted, progress)
    return exclude_by_hand(_each_once(found), excluded)


def to_asset(
    record: Record, fields: Iterable[str] = (), values: SharedValues | None = None
) -> DataAsset:
    """The asset of a projected record; a name or location that is not text is absent.

    Equal parts of the fields are one object in all assets that are made with the same `values`.
    """
    name, location = record.get("name"), record.get("location")
    wanted = {path.partition(".")[0] for path in fields}
    share = (values or SharedValues()).shared
    return DataAsset(
        record_id=str(record["_id"]),
        name=name if isinstance(name, str) else "",
        location=location if isinstance(location, str) else "",
        asset_ids=code_ocean_ids(record),
        fields={key: share(record[key]) for key in wanted if key in record} or NO_FIELDS,
    )


def code_ocean_ids(record: Record) -> tuple[str, ...]:
    """The Code Ocean ids of a record in either schema, in order, each once."""
    ids: dict[str, None] = {}
    for key in ("external_links", "other_identifiers"):
        if key in record:
            ids.update(dict.fromkeys(_texts(value_along(record[key], _CODE_OCEAN))))
    return tuple(ids)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _projection(fields: Iterable[str]) -> dict[str, Any]:
    return dict.fromkeys(outermost_paths([*_BASE_FIELDS, *fields]), 1)


def _answers(
    source: MetadataSource, query: Query, fields: tuple[str, ...], progress: Progress
) -> FoundAssets:
    """The assets of a query; the source counts them at the same time."""
    read = _read_pipeline if query.is_pipeline else _read_filter
    pool = ThreadPoolExecutor(1, "count")
    try:
        counted = pool.submit(_count, source, query)
        report = partial(_report_progress, progress, counted)
        assets = read(source, query, fields, report)
        warnings = tuple(_shortfall(source, query, len(assets), counted.result()))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return FoundAssets(query, source.label, assets, matched=len(assets), warnings=warnings)


def _report_progress(progress: Progress, counted: Future[int | None], done: int) -> None:
    if progress is not no_progress:
        progress("assets", done, (counted.result() or 0) if counted.done() else 0)


def _count(source: MetadataSource, query: Query) -> int | None:
    """How many records match, or None if the source cannot count them."""
    try:
        if isinstance(query.value, dict):
            return source.count(query.value)
        rows = source.aggregate([*query.value, {"$count": "count"}])
        counted = rows[0].get("count") if rows else 0
        return counted if isinstance(counted, int) else None
    except DispatchError:
        return None  # the query raises the same error, which is reported


def _shortfall(
    source: MetadataSource, query: Query, received: int, counted: int | None
) -> Iterator[str]:
    """A warning if the source counts more records than it returned, twice in a row."""
    if counted is None:
        yield f"The source could not count the matches; it returned {received:,}"
    elif received < counted and received < (again := _count(source, query) or 0):
        yield (
            f"The source counts {again:,} matches but returned {received:,}: records were added "
            "during the search (find again), or some have an _id that is not text and cannot be "
            "paged through"
        )


def _read_filter(
    source: MetadataSource, query: Query, fields: tuple[str, ...], report: Callable[[int], None]
) -> tuple[DataAsset, ...]:
    assert isinstance(query.value, dict)
    ranges: dict[int, list[DataAsset]] = {}
    values = SharedValues()
    done = 0
    # closed as soon as the user cancels, not when the error is garbage-collected
    with closing(read_pages(source, query.value, _projection(fields))) as pages:
        for number, page in pages:
            assets = ranges.setdefault(number, [])
            assets.extend(to_asset(record, fields, values) for record in page)
            done += len(page)
            report(done)
    found = tuple(chain.from_iterable(ranges[number] for number in sorted(ranges)))
    if _repeated(asset.record_id for asset in found):
        # paging over ids of two types returns some records twice
        return tuple({asset.record_id: asset for asset in found}.values())
    return found


def _read_pipeline(
    source: MetadataSource, query: Query, fields: tuple[str, ...], report: Callable[[int], None]
) -> tuple[DataAsset, ...]:
    """The results of a pipeline in their order; the answer is a single page."""
    assert isinstance(query.value, list)
    shape: Pipeline = [*query.value, {"$project": _projection(fields)}]
    try:
        records = source.aggregate(shape)
    except AnswerTooLarge:
        what = "the results of the pipeline are too large for one answer"
        action = "Narrow its $match, or use a filter, which is read page by page"
        raise InvalidInput(Issue(what, "query", action)) from None
    _refuse_dropped(source, records)
    report(len(records))
    values = SharedValues()
    return tuple(to_asset(record, fields, values) for record in _with_ids(source, records))


def _refuse_dropped(source: MetadataSource, records: list[Record]) -> None:
    """Raises if the pipeline removed a field that an asset needs.

    If the record itself lacks the field, only that asset is excluded later.
    """
    bare = [n for n, one in enumerate(records) if _id_of(one) is None or not _has_all(one)]
    for chunk in _chunks(bare):
        ids = [text for n in chunk if (text := _id_of(records[n])) is not None]
        own = _by_id(source, ids, {"name": 1, "location": 1})
        if issues := [issue for n in chunk for issue in _lacks(records[n], n, own)]:
            raise InvalidInput(issues[:3])


def _id_of(record: Record) -> str | None:
    """The ``_id``; None if it is missing, or made by a ``$group`` and not text."""
    found = record.get("_id")
    return found if isinstance(found, str) else None


def _has_all(record: Record) -> bool:
    return all(key in record for key in _REQUIRED)


def _lacks(record: Record, number: int, own: Mapping[str, Record]) -> Iterator[Issue]:
    had = own.get(_id_of(record) or "", _REQUIRED)
    missing = [key for key in _REQUIRED if key in had and key not in record]
    if "_id" in record and _id_of(record) is None:
        missing.insert(0, "_id")
    if missing:
        what = f"result {number + 1} of the pipeline has no {' and no '.join(missing)} of an asset"
        action = "Keep _id, name and location in $project, and do not merge assets with $group"
        yield Issue(what, "query", action)


def _with_ids(source: MetadataSource, records: list[Record]) -> list[Record]:
    """`records` with Code Ocean ids, read from the source if the pipeline removed them."""
    bare = [r["_id"] for r in records if "external_links" not in r and "other_identifiers" not in r]
    links = _by_id(source, bare, {"external_links": 1, "other_identifiers": 1})
    return [{**links.get(record["_id"], {}), **record} for record in records]


def _by_id(
    source: MetadataSource, ids: Sequence[str], projection: Mapping[str, int]
) -> dict[str, Record]:
    def read(some: Sequence[str]) -> list[Record]:
        return list(walk_records(source, {"_id": {"$in": list(some)}}, projection))

    chunks = in_order(partial(read, chunk) for chunk in _chunks(ids))
    return {record["_id"]: record for chunk in chunks for record in chunk}


def _match_rows(
    source: MetadataSource, rows: Sequence[AssetRow], fields: tuple[str, ...], progress: Progress
) -> FoundAssets:
    answers = _look_up(source, [row.text for row in rows if row.text], fields, progress)
    unknown = [row.text for row in rows if row.text and row.text not in answers]
    near = _nearest(source, unknown, progress) if unknown else {}
    report, assets, exclusions = _report(rows, answers, near)
    return FoundAssets(
        None,
        source.label,
        tuple(assets),
        tuple(exclusions),
        len(assets),
        tuple(report),
        tuple(_respelled(report)),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a text of a list names: the path that has it, the assets there, and how."""

    path: str
    assets: list[DataAsset]
    how: str = ""


def _look_up(
    source: MetadataSource, texts: Sequence[str], fields: tuple[str, ...], progress: Progress
) -> dict[str, _Answer]:
    """Text -> its answer: as it is, else in another spelling that means the same id."""
    answers = _look_up_exactly(source, texts, fields, progress)
    others = {text: spellings_of(text) for text in dict.fromkeys(texts) if text not in answers}
    meant = dict.fromkeys(spelling for spellings in others.values() for spelling in spellings)
    found = _look_up_exactly(source, list(meant), fields, no_progress)
    for text, spellings in others.items():
        hits = [(found[one], one, how) for one, how in spellings.items() if one in found]
        if hits:
            path = min((hit.path for hit, _, _ in hits), key=ID_PATHS.index)
            assets = [one for hit, _, _ in hits if hit.path == path for one in hit.assets]
            _, spelling, how = next(hit for hit in hits if hit[0].path == path)
            answers[text] = _Answer(path, assets, f"found as {spelling}: {how}")
    return answers


def _look_up_exactly(
    source: MetadataSource, texts: Sequence[str], fields: tuple[str, ...], progress: Progress
) -> dict[str, _Answer]:
    wanted = list(dict.fromkeys(texts))
    answers: dict[str, _Answer] = {}
    calls = (partial(_match_texts, source, chunk, fields) for chunk in _chunks(wanted))
    with closing(in_order(calls)) as found:
        for number, some in enumerate(found):
            progress("assets", number * IDS_A_QUERY, len(wanted))
            answers |= some
    progress("assets", len(wanted), len(wanted))
    return answers


def _match_texts(
    source: MetadataSource, texts: Sequence[str], fields: tuple[str, ...]
) -> dict[str, _Answer]:
    """Text -> the first path that has it, and the assets there."""
    answers: dict[str, _Answer] = {}
    values = SharedValues()
    left = list(texts)
    for path in ID_PATHS:
        if not left:
            break
        query = {path: {"$in": _spellings(left) if path == "location" else left}}
        for record in walk_records(source, query, _projection(fields)):
            asset = to_asset(record, fields, values)
            for text in _held(record, path, set(left)):
                answers.setdefault(text, _Answer(path, [])).assets.append(asset)
        left = [text for text in left if text not in answers]
    return answers


def _nearest(
    source: MetadataSource, unknown: Sequence[str], progress: Progress
) -> dict[str, Nearest]:
    """The nearest ids, names and locations of the collection; none if it cannot be read."""
    try:
        total = source.count({})
        if total > MOST_COMPARED:
            return {}
        known: dict[str, None] = {}
        done = 0
        with closing(read_pages(source, {}, _projection(()))) as pages:
            for _, page in pages:
                known.update(dict.fromkeys(text for record in page for text in _named_by(record)))
                done += len(page)
                progress("similar ids", done, total)
    except DispatchError:
        return {}  # the rows are reported as not found all the same
    return nearest_of(unknown, known)


def _named_by(record: Record) -> Iterator[str]:
    """Every text that names the record in a list."""
    asset = to_asset(record)
    yield from (*asset.asset_ids, asset.record_id)
    yield from filter(None, (asset.name, asset.location.rstrip("/")))


def _respelled(report: Sequence[MatchRow]) -> Iterator[str]:
    """A notice of the rows whose id the collection has in another spelling."""
    rows = [line for line in report if line.status == "matched" and line.message]
    if rows:
        first = rows[0]
        yield (
            f"{counted(len(rows), 'row')} of the list matched in another spelling, such as row "
            f"{first.row.number}: {first.row.text} {first.message}"
        )


def _spellings(texts: Iterable[str]) -> list[str]:
    """`texts`; one with a slash is given with and without a trailing slash."""
    paths = [text.rstrip("/") for text in texts if "/" in text]
    return list(dict.fromkeys([*texts, *paths, *(f"{path}/" for path in paths)]))


def _held(record: Record, path: str, texts: set[str]) -> set[str]:
    held = set(_texts(value_at(record, path)))
    if path == "location":
        return {text for text in texts if not held.isdisjoint(_spellings([text]))}
    return held & texts


def _report(
    rows: Sequence[AssetRow], answers: Mapping[str, _Answer], near: Mapping[str, Nearest]
) -> tuple[list[MatchRow], list[DataAsset], list[Exclusion]]:
    report: list[MatchRow] = []
    assets: dict[str, DataAsset] = {}
    exclusions: list[Exclusion] = []
    taken_by: dict[str, int] = {}
    for row in rows:
        line, asset = _judge(row, answers, taken_by, near)
        report.append(line)
        if line.status == "matched" and asset is not None:
            assets[_identity(asset)] = asset
            taken_by[_identity(asset)] = row.number
        else:
            exclusions.append(_row_exclusion(line, asset))
    return report, list(assets.values()), exclusions


def _judge(
    row: AssetRow,
    answers: Mapping[str, _Answer],
    taken_by: Mapping[str, int],
    near: Mapping[str, Nearest],
) -> tuple[MatchRow, DataAsset | None]:
    if not row.text:
        return MatchRow(row, "empty", message="asset_id is empty"), None
    if row.text not in answers:
        return _not_found(row, near.get(row.text)), None
    answer = answers[row.text]
    path, candidates = answer.path, answer.assets
    asset = candidates[0]
    if len(set(map(_identity, candidates))) > 1:
        message = f"{len(candidates)} assets match: {', '.join(c.name for c in candidates[:4])}"
        return MatchRow(row, "ambiguous", path, message=message), None
    if _identity(asset) in taken_by:
        message = f"the same asset as row {taken_by[_identity(asset)]}"
        return MatchRow(row, "duplicate", path, asset.record_id, asset.name, message), asset
    return MatchRow(row, "matched", path, asset.record_id, asset.name, answer.how), asset


def _not_found(row: AssetRow, near: Nearest | None) -> MatchRow:
    message = "no asset has this id, name or location"
    if names := invisible_in(row.text):
        message += f"; it contains {names}"
    if near is None:
        return MatchRow(row, "not found", message=message)
    more = f" and {near.count - len(near.texts):,} more" if near.count > len(near.texts) else ""
    message += f"; nearest: {', '.join(near.texts)}{more} ({near.how})"
    return MatchRow(row, "not found", message=message, suggestions=near.texts)


_ROW_REASONS: dict[RowStatus, tuple[Reason, str]] = {
    "empty": (Reason.EMPTY, "Remove the row or fill it in"),
    "not found": (Reason.NOT_FOUND, "Check the id; it may belong to another collection"),
    "ambiguous": (Reason.AMBIGUOUS, "Give the _id of the intended one"),
    "duplicate": (Reason.DUPLICATE, "Nothing: the asset is included once"),
}
"""Status of a row that gives no asset of its own -> its reason, and what to do."""


def _row_exclusion(line: MatchRow, asset: DataAsset | None) -> Exclusion:
    reason, action = _ROW_REASONS[line.status]
    if line.suggestions:
        action = f"Did you mean {' or '.join(line.suggestions)}?"
    return Exclusion(
        stage="input",
        reason=reason,
        message=f"row {line.row.number}: {line.row.text or '(empty)'}: {line.message}",
        action=action,
        record_id=line.record_id,
        name=line.name or line.row.text,
        location=asset.location if asset else "",
    )


def exclude_by_hand(found: FoundAssets, excluded: Iterable[str]) -> FoundAssets:
    """`found` without the assets that the user excluded; they are rows of the ledger.

    The id of any record of an asset excludes it, also that of a duplicate.
    """
    ids = frozenset(excluded)
    if not ids:
        return found
    places = {row.location.rstrip("/") for row in found.exclusions if row.record_id in ids}
    kept: list[DataAsset] = []
    exclusions: list[Exclusion] = []
    for asset in found.assets:
        if asset.record_id in ids or _identity(asset) in places:
            message, action = "excluded by hand", "Restore it"
            exclusions.append(exclude(asset, Reason.EXCLUDED_BY_HAND, message, action))
        else:
            kept.append(asset)
    return replace(found, assets=tuple(kept), exclusions=(*found.exclusions, *exclusions))


def _identity(asset: DataAsset) -> str:
    """The location, which two records of one asset share, else the record id.

    Records of the old and the new schema may describe the same asset, whose files are
    dispatched once. A bucket alone, or a text such as ``N/A``, identifies no asset.
    """
    place = asset.location.rstrip("/")
    return place if place.startswith("s3://") and place.count("/") > 2 else asset.record_id


def _each_once(found: FoundAssets) -> FoundAssets:
    """`found` with each record and each location once."""
    twice = _repeated(asset.record_id for asset in found.assets)
    twice |= _repeated(map(_identity, found.assets))
    if not twice:
        return found
    kept: list[DataAsset] = []
    exclusions: list[Exclusion] = []
    records: dict[str, DataAsset] = {}
    places: dict[str, DataAsset] = {}
    for asset in found.assets:
        place = _identity(asset)
        first = records.get(asset.record_id) or places.get(place)
        if first is not None:
            exclusions.append(_repeat(asset, first))
            continue
        kept.append(asset)
        if asset.record_id in twice or place in twice:
            records[asset.record_id] = places[place] = asset
    return replace(found, assets=tuple(kept), exclusions=(*found.exclusions, *exclusions))


def _repeated(texts: Iterable[str]) -> set[str]:
    """The texts that occur twice; sorting takes a fifth of the memory of a dictionary."""
    return {one for one, following in pairwise(sorted(texts)) if one == following}


def _repeat(asset: DataAsset, first: DataAsset) -> Exclusion:
    message = f"the same location as record {first.record_id}"
    if asset.record_id == first.record_id:  # a pipeline may return one record several times
        message = f"the same record as an earlier result, with the location {first.location}"
    action = "Nothing: the asset is included once"
    return exclude(asset, Reason.DUPLICATE, message, action)


def _chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), IDS_A_QUERY):
        yield items[start : start + IDS_A_QUERY]
