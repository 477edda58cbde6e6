"""Checks job files one by one, and what they have in common."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from dispatch_core.earlier.contents import Entry
from dispatch_core.earlier.faults import Fault, FaultKind
from dispatch_core.earlier.jobs import (
    EarlierJob,
    JobReader,
    Shape,
    is_content_name,
    load_job_file,
    stem_of,
)
from dispatch_core.earlier.readers import rejections
from dispatch_core.earlier.record import as_record
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.job_model import READERS, canonical_text
from dispatch_core.processed.meaning import bare_url, with_plain_numbers
from dispatch_core.text.words import counted
from dispatch_core.types import JsonValue

_SHORT = 10_000
_LONGEST_PATH = 1_200
"""Characters of ``s3://``, a bucket (63) and a key (1,024), and some more."""

_LISTS = ("s3_location", "asset_name", "asset_id", "docdb_record_id")


class JobChecker:
    """Checks job files, and remembers the name and the work of each.

    Attributes
    ----------
    paths
        File name without ``.json`` -> the first path, of all files that should be jobs.
    readers
        Reader -> the number of jobs that it accepts.
    foreign
        How many jobs are named otherwise than ours.
    """

    def __init__(self) -> None:
        self.paths: dict[str, str] = {}
        self.readers: Counter[str] = Counter(dict.fromkeys(READERS, 0))
        self.foreign = 0
        self._reader = JobReader()
        self._works: dict[bytes, str] = {}
        self._shapes: dict[Shape, str] = {}
        self._shape_counts: Counter[Shape] = Counter()

    def is_job(self, entry: Entry) -> bool:
        """Whether a file is a job, wherever it is."""
        try:
            self._reader.read(entry.path, entry.content or b"")
        except InvalidInput:
            return False
        return True

    def check(self, entry: Entry) -> list[Fault]:
        """What is wrong with a job file by itself, or together with those before."""
        path, stem = entry.path, stem_of(entry.path)
        first = self.paths.setdefault(stem, path)
        try:
            document = load_job_file(path, entry.content or b"")
        except InvalidInput as error:
            return [Fault(FaultKind.NOT_JSON, path, _where_and_what(error.issues[0]))]
        if what := _not_a_job(document):
            return [Fault(FaultKind.NOT_A_JOB, path, what)]
        job = self._reader.job_of(path, document)
        rejected = _rejections(entry.content or b"", document)
        self._count(job, rejected)
        return [
            Fault(kind, path, message)
            for kind, message in (
                *_of_readers(rejected),
                *_of_lists(document),
                *_of_places(job),
                *_of_name(job, stem),
                *self._repeated(job, first),
            )
        ]

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the jobs together."""
        if self._shape_counts["list"] and self._shape_counts["object"]:
            lists, objects = (
                f"{counted(self._shape_counts[shape], 'job')} (such as {self._shapes[shape]})"
                for shape in ("list", "object")
            )
            what = f"distributed_parameters is a list in {lists}, and an object in {objects}"
            yield Fault(FaultKind.MIXED_FORMATS, "", what)

    def _count(self, job: EarlierJob, rejected: Mapping[str, str]) -> None:
        self.readers.update(reader for reader in READERS if reader not in rejected)
        self.foreign += not is_content_name(stem_of(job.path))
        self._shape_counts[job.shape] += 1
        self._shapes.setdefault(job.shape, job.path)

    def _repeated(self, job: EarlierJob, first: str) -> Iterator[tuple[FaultKind, str]]:
        same = self._works.setdefault(_work_key(job), job.path)
        if first != job.path:
            yield FaultKind.SAME_NAME, f"{first} has the same name"
        elif same != job.path:
            yield FaultKind.SAME_WORK, f"{same} has the same files and the same parameters"


def _not_a_job(document: JsonValue) -> str:
    """Why a JSON value is not a job, or ``""``."""
    if not isinstance(document, dict):
        return f"it is {_KINDS.get(type(document), 'a value')}, not an object"
    if as_record(document) is not None:
        return "it is the record of a dispatch"
    locations = document.get("s3_location")
    if "s3_location" not in document:
        return "s3_location is missing"
    is_text = isinstance(locations, str)
    is_texts = isinstance(locations, list) and all(isinstance(one, str) for one in locations)
    if not (is_text or is_texts):
        return "s3_location is not a list of texts"
    return "" if locations else "s3_location is empty"


_KINDS = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false"}


def _where_and_what(issue: Issue) -> str:
    place = f"line {issue.line}, column {issue.column}: " if issue.line else ""
    return f"{place}{issue.what}"


def _rejections(content: bytes, document: Mapping[str, Any]) -> dict[str, str]:
    """Reader -> why it does not accept the file; they read only UTF-8 without a mark."""
    encoding = json.detect_encoding(content)
    if encoding != "utf-8":
        return dict.fromkeys(READERS, f"it is in {encoding.upper()}, not in plain UTF-8")
    return rejections(document)


def _of_readers(rejected: Mapping[str, str]) -> Iterator[tuple[FaultKind, str]]:
    if len(rejected) == len(READERS):
        yield FaultKind.NO_READER, "; ".join(f"{one}: {why}" for one, why in rejected.items())


def _of_lists(document: Mapping[str, Any]) -> Iterator[tuple[FaultKind, str]]:
    lists = {key: document[key] for key in _LISTS if isinstance(document.get(key), list)}
    if len(set(map(len, lists.values()))) > 1:
        lengths = (f"{len(values):,} in {key}" for key, values in lists.items())
        yield FaultKind.UNEVEN, f"values: {', '.join(lengths)}"


def _of_places(job: EarlierJob) -> Iterator[tuple[FaultKind, str]]:
    for location in job.locations:
        if not location.startswith("s3://") or location[5:6] in ("", "/"):
            yield FaultKind.NOT_S3, f"the location is {location!r}"
            break
    files = job.files or ()
    places = frozenset(map(bare_url, job.locations))
    lengths = frozenset(map(len, places))
    outside = [file for file in files if not _is_below(file, places, lengths)]
    if outside:
        more = f" and {len(outside) - 1:,} more" if len(outside) > 1 else ""
        what = f"{outside[0]}{more}, but the job has {_first(job.locations)}"
        yield FaultKind.FILE_OUTSIDE, what
    if len(set(files)) < len(files):
        yield FaultKind.FILE_TWICE, next(file for file, n in Counter(files).items() if n > 1)


def _is_below(file: str, places: frozenset[str], lengths: frozenset[int]) -> bool:
    """Whether a file is at or below one of the places: ``s3://b/a1`` is not above ``a10/x``.

    A path that is too long for S3 is below none.
    """
    end = len(file) if len(file) <= _LONGEST_PATH else 0
    while end > 0:
        if end in lengths and file[:end] in places:
            return True
        end = file.rfind("/", 0, end)
    return False


def _of_name(job: EarlierJob, stem: str) -> Iterator[tuple[FaultKind, str]]:
    if not job.name and is_content_name(stem):
        yield FaultKind.NAME, f"the content of {job.title} does not have this name"


def _work_key(job: EarlierJob) -> bytes:
    """Digest of what the job does, which has the group, too: an asset may be in several."""
    places = [sorted(set(map(bare_url, one))) for one in (job.locations, job.files or ())]
    parameters = job.parameters or "null"
    plain = _plain(parameters) if len(parameters) < _SHORT else _plain.__wrapped__(parameters)
    text = json.dumps([*places, plain, job.group])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@lru_cache(maxsize=1_024)
def _plain(parameters: str) -> str:
    """The parameters with 1.0 as 1."""
    return canonical_text(with_plain_numbers(json.loads(parameters)))


def _first(texts: tuple[str, ...]) -> str:
    return f"{texts[0]} and {len(texts) - 1:,} more" if len(texts) > 1 else texts[0]
