"""Measures the advice: slips of each kind in real filters, and false alarms on none.

Each slip is applied to a clause of a real filter that matches records of the source.
The right repair is a suggestion that finds all of these records again and hardly more.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from benchmarks.child import ROOT
from benchmarks.listing import Form
from benchmarks.report import Figure, Report, Table
from dispatch_core.builder.spelling import other_spellings
from dispatch_core.demo.catalogue import DemoCatalogue
from dispatch_core.demo.gateway import DemoGateway, GatewayAdapter
from dispatch_core.errors import InvalidInput
from dispatch_core.insight.advice import Advice, advise
from dispatch_core.insight.fields import FieldCatalogue, sample_fields
from dispatch_core.sources.gateway import GatewaySource
from dispatch_core.types import Filter, Record

CORPUS = ROOT.parent / "shared" / "corpus"
ROUNDS = 6
SHORT = 20
"""How many of the real filters a short run takes."""

GOAL = 90.0

Slip = Callable[[random.Random, str, Any], Filter | None]
"""The slip in one clause (key, operand); None if the clause has no room for it."""


@dataclass
class Tally:
    """How often a kind of slip occurred, and the cases without the right repair."""

    tried: int = 0
    missed: list[tuple[Filter, Filter]] = field(default_factory=list)


@dataclass(frozen=True)
class Collection:
    """A named source with its fields."""

    name: str
    source: GatewaySource

    @cached_property
    def fields(self) -> FieldCatalogue:
        """The sampled fields."""
        return sample_fields(self.source)

    def ids(self, query: Filter) -> frozenset[str]:
        """The ids of the records that match; none if the source refuses the filter."""
        try:
            rows = self.source.aggregate([{"$match": query}, {"$project": {"_id": 1}}])
        except InvalidInput:
            return frozenset()
        return frozenset(row["_id"] for row in rows)

    def advice(self, query: Filter) -> tuple[Advice, ...]:
        """The advice on a filter."""
        return advise(self.source, query, self.fields)


def advice(form: Form) -> Report:
    """Measure each kind of slip over the demo and over the records of the corpus."""
    if not CORPUS.is_dir():
        note = "skipped: the corpus of real filters is not in ../shared/corpus"
        return Report((Table("Advice", ("kind",), (), note),), ())
    rounds = 1 if form.is_short else ROUNDS
    filters = _sample(real_filters()) if form.is_short else real_filters()
    tables: list[Table] = []
    figures: list[Figure] = []
    for collection in _collections():
        tallies = measure(collection, filters, rounds)
        alarms = list(false_alarms(collection, filters))
        rows = tuple(_row(kind, one) for kind, one in tallies.items())
        note = f"{len(alarms)} false alarms on {len(filters)} unchanged filters"
        title = f"Advice on slips, {collection.name}"
        tables.append(Table(title, ("kind", "tried", "right repair", ""), rows, note))
        figures += _figures(collection.name, tallies, len(alarms))
    return Report(tuple(tables), tuple(figures))


def _row(kind: str, one: Tally) -> tuple[str, ...]:
    right = one.tried - len(one.missed)
    return (kind, f"{one.tried:,}", f"{right:,}", f"{_percent(one):.0f} %" if one.tried else "-")


def _percent(one: Tally) -> float:
    return 100 * (1 - len(one.missed) / one.tried) if one.tried else 100.0


def _figures(name: str, tallies: dict[str, Tally], alarms: int) -> Iterator[Figure]:
    every = Tally(
        sum(one.tried for one in tallies.values()),
        [case for one in tallies.values() for case in one.missed],
    )
    yield Figure(f"advice, {name}: right repair", _percent(every), " %", GOAL, counted=True)
    yield Figure(f"advice, {name}: false alarms", alarms, "", 0, at_most=True, counted=True)


def _collections() -> Iterator[Collection]:
    yield Collection("demo", _source(DemoCatalogue().records))
    with gzip.open(CORPUS / "records.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line)["record"] for line in lines]
    yield Collection("corpus", _source([one | {"_id": f"r{n}"} for n, one in enumerate(records)]))


def _source(records: list[Record]) -> GatewaySource:
    return GatewaySource("demo.invalid", adapter=GatewayAdapter(DemoGateway(records)))


def real_filters() -> list[Filter]:
    """The filters of the corpus, without pipelines."""
    texts = (CORPUS / "queries.jsonl").read_text("utf-8").splitlines()
    queries = [json.loads(text)["query"] for text in texts]
    return [one for one in queries if isinstance(one, dict)]


def _sample(filters: list[Filter]) -> list[Filter]:
    """`SHORT` filters, the same ones in every run."""
    return random.Random(13).sample(filters, min(SHORT, len(filters)))


def false_alarms(collection: Collection, filters: list[Filter]) -> Iterator[tuple[Filter, Advice]]:
    """Warnings on filters that find records."""
    for query in filters:
        for one in collection.advice(query) if collection.ids(query) else ():
            if not one.is_hint:
                yield query, one


def measure(collection: Collection, filters: list[Filter], rounds: int) -> dict[str, Tally]:
    """Each kind of slip, in every clause that has room for it, `rounds` times."""
    rng = random.Random(13)
    tallies = {kind: Tally() for kind in SLIPS}
    for before, key, wanted in _clauses(collection, filters):
        for kind, slip in SLIPS.items():
            changed: list[Filter] = []
            for _ in range(rounds):
                clause = slip(rng, key, before[key])
                if clause is None or clause in changed:
                    continue
                changed.append(clause)
                _try(collection, tallies[kind], before, key, clause, wanted)
    return tallies


def _clauses(
    collection: Collection, filters: list[Filter]
) -> Iterator[tuple[Filter, str, frozenset[str]]]:
    """(filter, key of a clause, ids found); the clause alone if the filter finds nothing."""
    seen: set[str] = set()
    for query in filters:
        whole = collection.ids(query)
        for key, item in query.items():
            found = whole or (frozenset() if key == "$expr" else collection.ids({key: item}))
            base = query if whole else {key: item}
            text = json.dumps([base, key])
            if found and not key.startswith("$") and text not in seen:
                seen.add(text)
                yield base, key, found


def _try(
    collection: Collection,
    tally: Tally,
    before: Filter,
    key: str,
    clause: Filter,
    wanted: frozenset[str],
) -> None:
    rest = {name: item for name, item in before.items() if name != key}
    if clause.keys() & rest.keys():
        return
    slipped = {**rest, **clause}
    found = collection.ids(slipped)
    if found == wanted:
        return  # no slip here: the source finds the same
    tally.tried += 1
    # of fields with a spelling in each schema, either spelling is right
    most = 2 * len(wanted | (found if clause.keys() != {key} else frozenset())) + 20
    if not _is_repaired(collection, slipped, wanted, most):
        tally.missed.append((before, slipped))


def _is_repaired(
    collection: Collection, slipped: Filter, wanted: frozenset[str], most: int
) -> bool:
    """Whether a suggestion finds all that is wanted, and at most `most` records."""
    for one in collection.advice(slipped):
        for suggestion in one.suggestions:
            query = suggestion.query
            found = collection.ids(query) if isinstance(query, dict) else frozenset()
            if wanted <= found and len(found) <= most:
                return True
    return False


# Slips


def _texts(item: Any) -> list[str]:
    values = item if isinstance(item, list) else [item]
    return [one for one in values if isinstance(one, str)]


def _pattern(item: Any) -> str:
    is_plain = isinstance(item, dict) and isinstance(item.get("$regex"), str)
    return item["$regex"] if is_plain and len(item["$regex"]) > 3 else ""


def _mistyped(rng: random.Random, text: str) -> str | None:
    """`text` with two letters swapped, or one missing, doubled or replaced."""
    letters = [n for n, letter in enumerate(text) if letter.isalpha()]
    if len(letters) < 5:
        return None
    at = rng.choice(letters[1:-1])
    head, letter, tail = text[:at], text[at], text[at + 1 :]
    other = rng.choice("aeiorst")
    ways = [head + tail[:1] + letter + tail[1:], head + tail, head + 2 * letter + tail]
    changed = rng.choice([*ways, head + other + tail])
    return changed if changed.lower() != text.lower() else None


def _value_slip(change: Callable[[random.Random, str], str | None]) -> Slip:
    """A slip in a text that a clause compares with."""

    def slip(rng: random.Random, key: str, item: Any) -> Filter | None:
        changed = change(rng, item) if isinstance(item, str) and item else None
        return None if changed is None else {key: changed}

    return slip


def _pattern_slip(change: Callable[[random.Random, str], str | None]) -> Slip:
    """A slip in a pattern without options."""

    def slip(rng: random.Random, key: str, item: Any) -> Filter | None:
        pattern = _pattern(item)
        changed = change(rng, pattern) if pattern and "$options" not in item else None
        return None if changed is None else {key: {**item, "$regex": changed}}

    return slip


def _mistyped_pattern(rng: random.Random, pattern: str) -> str | None:
    runs = [
        one for one in re.finditer(r"[A-Za-z]{5,}", pattern) if pattern[one.start() - 1] != "\\"
    ]
    if not runs:
        return None
    run = rng.choice(runs)
    changed = _mistyped(rng, run.group())
    return None if changed is None else pattern[: run.start()] + changed + pattern[run.end() :]


def _part(rng: random.Random, text: str) -> str | None:
    length = rng.randint(len(text) // 2, len(text) - 1)
    return text[:length] if len(text) >= 8 and text[length - 1].isalnum() else None


def _other_case(rng: random.Random, text: str) -> str | None:
    changed = rng.choice([text.lower(), text.upper(), text.title()])
    return changed if changed != text else None


def _blank(rng: random.Random, text: str) -> str:
    return rng.choice([f"{text} ", f" {text}", f"{text}\n", f"{text}\u200b", f'"{text}"'])


_LAYOUTS: tuple[str, ...] = (
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%B %d, %Y",
    "%d %b %Y",
    'ISODate("%Y-%m-%d")',
    "%Y%m%d",
    "new Date('%Y-%m-%dT00:00:00Z')",
)


def _other_layout(rng: random.Random, key: str, item: Any) -> Filter | None:
    bounds = {"$gt", "$gte", "$lt", "$lte"} & item.keys() if isinstance(item, dict) else set()
    if not bounds or not all(isinstance(item[one], str) for one in bounds):
        return None
    layout = rng.choice([*_LAYOUTS, "seconds", "milliseconds", "number"])
    try:
        changed = {one: _written(datetime.fromisoformat(item[one]), layout) for one in bounds}
    except ValueError:
        return None
    return {key: {**item, **changed}}


def _written(moment: datetime, layout: str) -> str | int:
    if layout == "number":
        return int(moment.strftime("%Y%m%d"))
    if layout in ("seconds", "milliseconds"):
        return int(moment.timestamp()) * (1_000 if layout == "milliseconds" else 1)
    return moment.strftime(layout)


def _plain_for_objects(rng: random.Random, key: str, item: Any) -> Filter | None:
    head, _, tail = key.rpartition(".")
    return {head: item} if head and tail in ("abbreviation", "name") and _texts(item) else None


def _list_without_in(rng: random.Random, key: str, item: Any) -> Filter | None:
    if isinstance(item, str):
        return {key: [item]}
    values = item.get("$in") if isinstance(item, dict) else None
    return {key: values} if isinstance(values, list) else None


def _no_dollar(rng: random.Random, key: str, item: Any) -> Filter | None:
    if not isinstance(item, dict) or not all(one.startswith("$") for one in item):
        return None
    return {key: {name.removeprefix("$"): one for name, one in item.items()}}


def _object_for_path(rng: random.Random, key: str, item: Any) -> Filter | None:
    names = key.split(".")
    if len(names) < 2 or any(one.isdecimal() for one in names):
        return None
    for name in reversed(names[1:]):
        item = {name: item}
    return {names[0]: item}


def _unknown_path(rng: random.Random, key: str, item: Any) -> Filter | None:
    head, dot, tail = key.rpartition(".")
    changed = _mistyped(rng, tail)
    return None if changed is None else {f"{head}{dot}{changed}": item}


def _short_path(rng: random.Random, key: str, item: Any) -> Filter | None:
    head, _, tail = key.rpartition(".")
    return {tail: item} if head and tail not in ("name", "_id", "location") else None


def _is_negative(item: Any) -> bool:
    return isinstance(item, dict) and bool(item.keys() & {"$exists", "$ne", "$nin", "$not"})


def _other_schema(rng: random.Random, key: str, item: Any) -> Filter | None:
    others = () if _is_negative(item) else other_spellings(key)
    return {rng.choice(others): item} if others else None


def _in_one_text(rng: random.Random, key: str, item: Any) -> Filter | None:
    values = item.get("$in") if isinstance(item, dict) else None
    if not isinstance(values, list) or len(values) < 2 or len(_texts(values)) < len(values):
        return None
    text = rng.choice([", ", ",", "; ", "\n"]).join(values)
    return {key: rng.choice([text, {"$in": [text]}])}


def _number_for_text(rng: random.Random, key: str, item: Any) -> Filter | None:
    is_number = isinstance(item, str) and re.fullmatch(r"[1-9]\d*", item)
    return {key: int(item)} if is_number else None


def _pattern_as_value(rng: random.Random, key: str, item: Any) -> Filter | None:
    return {key: _pattern(item)} if _pattern(item) and "$options" not in item else None


SLIPS: dict[str, Slip] = {
    "date bound in another layout": _other_layout,
    "plain value for a list of objects": _plain_for_objects,
    "list without $in": _list_without_in,
    "operator without $": _no_dollar,
    "object for a path": _object_for_path,
    "pattern as a value": _pattern_as_value,
    "part as a value": _value_slip(_part),
    "pattern in another case": _pattern_slip(_other_case),
    "pattern between slashes": _pattern_slip(lambda rng, text: f"/{text}/{rng.choice(['', 'i'])}"),
    "pattern with a wrong anchor": _pattern_slip(
        lambda rng, text: f"{text.strip('^$')}$" if rng.random() < 0.5 else f"^{text.strip('^$')}$"
    ),
    "pattern mistyped": _pattern_slip(_mistyped_pattern),
    "value mistyped": _value_slip(_mistyped),
    "value in another case": _value_slip(_other_case),
    "blank or quote at the end": _value_slip(_blank),
    "values in one text": _in_one_text,
    "number for a text": _number_for_text,
    "field mistyped": _unknown_path,
    "field without its beginning": _short_path,
    "field of the other schema": _other_schema,
}
