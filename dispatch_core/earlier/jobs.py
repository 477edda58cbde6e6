"""The jobs of an earlier dispatch, each with an identity that can be compared.

A job of ours is named after its content, so its name is its identity; whether the name is
still that of the content is checked when the file is read. Any other job, one that somebody
edited or another program wrote, is compared by its work: the locations, the files and the
parameters.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.job_model import Job, canonical_text, document_name
from dispatch_core.processed.meaning import bare_url, with_plain_numbers
from dispatch_core.text.strict_json import load_json
from dispatch_core.types import JsonValue

Work = bytes
"""Digest of the locations, files and parameters of a job, without their order."""

Shape = Literal["list", "object", "null", "other", ""]
"""How a file writes ``distributed_parameters``; empty if that is unknown."""

_MOST_LABELS = 8
"""Up to this many parameters of ``analysis_code``, each may be a panel's, which no name has."""

_MOST_SEARCHES = 200
"""After this many jobs whose labels are not found, only those of a job before are tried."""

_TEXT = {str}
_MOST_VALUES = 500_000
"""The most values of a job file, each of which takes far more memory than its text."""


@dataclass(frozen=True, slots=True)
class EarlierJob:
    """One job file of an earlier dispatch, or one line of its record.

    Attributes
    ----------
    path
        Where the file is: ``3/<uuid>.json``; empty for a line of a record.
    name
        The name of the job if it is that of its content (in a record: as recorded), else
        empty: then `work` is its identity.
    assets, records, locations, asset_ids
        Names, record ids, locations and Code Ocean ids of its assets; empty if unknown.
    files
        Its files; None if it names none.
    parameters
        The merged parameters as canonical JSON; None if they are unknown, "null" without any.
    group
        The values that the assets of a group share as canonical JSON; empty without a group.
    query
        The query in the file; empty if there is none.
    shape
        How the file has the parameters; empty for a line of a record, and for a plan.
    """

    path: str
    name: str
    assets: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    parameters: str | None = None
    group: str = ""
    query: str = ""
    shape: Shape = ""
    asset_ids: tuple[str, ...] = ()

    @property
    def work(self) -> Work | None:
        """What it does; None for a line of a record, which does not have the parameters."""
        if self.parameters is None:
            return None
        return _digest(self.locations, self.files or (), json.loads(self.parameters))

    @property
    def title(self) -> str:
        """What to call it in a message: the names of its assets, else where they are."""
        return ", ".join(self.assets or self.locations or self.records) or self.path

    @property
    def file_name(self) -> str:
        """The name of the file without ``.json``, whatever it contains; else the name."""
        return stem_of(self.path) or self.name


class JobReader:
    """Reads job files; what many have in common is kept once.

    With `remembers`, a file with the same name and bytes as one before is not parsed again:
    two dispatches that are compared have most of their jobs in common.
    """

    def __init__(self, *, remembers: bool = False) -> None:
        self._labels: frozenset[str] = frozenset()
        self._searches = 0
        self._read: dict[tuple[str, bytes], EarlierJob] | None = {} if remembers else None

    def read(self, path: str, content: bytes) -> EarlierJob:
        """The job in a file, whichever program wrote it.

        Raises
        ------
        InvalidInput
            It is not JSON, or not an object with a list ``s3_location``.
        """
        if self._read is None:
            return self.job_of(path, load_job_file(path, content))
        key = stem_of(path), hashlib.blake2b(content, digest_size=20).digest()
        if held := self._read.get(key):
            return held if held.path == path else replace(held, path=path)
        job = self._read[key] = self.job_of(path, load_job_file(path, content))
        return job

    def job_of(self, path: str, document: JsonValue) -> EarlierJob:
        """The job that `document` is; raises as `read` does."""
        locations = _texts(document, "s3_location") if isinstance(document, dict) else None
        if locations is None:
            what = "it is not a job: s3_location is not a list of texts"
            raise InvalidInput(Issue(what, path, "Move it out of the folder"))
        name, parameters = self._named(stem_of(path), document)
        query = document.get("query")
        return EarlierJob(
            path,
            name,
            assets=_texts(document, "asset_name") or (),
            records=_texts(document, "docdb_record_id") or (),
            locations=locations,
            files=_texts(document, "file_location"),
            parameters=sys.intern(parameters),
            group=_group_of(document),
            query=sys.intern(query) if isinstance(query, str) else "",
            shape=shape_of(document),
            asset_ids=_texts(document, "asset_id") or (),
        )

    def _named(self, stem: str, document: Mapping[str, Any]) -> tuple[str, str]:
        """The name, if `stem` is that of the content, else ``""``; and the merged parameters.

        The name covers the fixed parameters but not the panel's values, and the file has
        both in one object. The labels of the panel in the job before are tried first.
        """
        code = code_parameters(document)
        if is_content_name(stem):
            for labels in self._possible_labels(code):
                text = _parameters_text(document, code, labels)
                if document_name(document, text) == stem:
                    self._searches = self._searches if labels is self._labels else 0
                    self._labels = labels
                    return stem, text
        return "", _parameters_text(document, code, frozenset())

    def _possible_labels(self, code: Mapping[str, Any]) -> Iterator[frozenset[str]]:
        """The labels of the job before, then every subset, unless that never helped."""
        yield self._labels
        if self._searches < _MOST_SEARCHES:
            self._searches += 1
            yield from _subsets(code)


def is_content_name(stem: str) -> bool:
    """Whether a file is named as ours are, by a digest; a random UUID is not."""
    return _CONTENT_NAME.fullmatch(stem) is not None


_CONTENT_NAME = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def _parameters_text(
    document: Mapping[str, Any], code: Mapping[str, Any], labels: frozenset[str]
) -> str:
    """The merged parameters without the panel's labels as canonical JSON."""
    fixed = {key: value for key, value in code.items() if key not in labels}
    return canonical_text(merged_parameters(document, fixed))


def stem_of(path: str) -> str:
    """The name of the file without ``.json``."""
    return path.rpartition("/")[2].removesuffix(".json")


def load_job_file(path: str, content: bytes) -> JsonValue:
    """The JSON value of a job file; raises `InvalidInput` for text that is not one."""
    if content.startswith(b"PK"):  # what is in it is of no interest, and may be a zip bomb
        raise InvalidInput(Issue("this is a ZIP archive", path, "Move it out of the folder"))
    if sum(map(content.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        what = f"it has more than {_MOST_VALUES:,} values"
        raise InvalidInput(Issue(what, path, "Split the job"))
    return load_json(content, path)


def _subsets(code: Mapping[str, Any]) -> Iterator[frozenset[str]]:
    sizes = range(len(code) + 1) if len(code) <= _MOST_LABELS else (0, len(code))
    for size in sizes:
        yield from map(frozenset, itertools.combinations(code, size))


def code_parameters(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters of ``analysis_code``, empty if there are none."""
    code = document.get("analysis_code")
    parameters = code.get("parameters") if isinstance(code, dict) else None
    return parameters if isinstance(parameters, dict) else {}


def merged_parameters(document: Mapping[str, Any], fixed: Mapping[str, Any]) -> JsonValue:
    """The parameters of a job in either format, above the fixed ones."""
    own = document.get("distributed_parameters")
    if isinstance(own, list) and len(own) == 1:
        own = own[0]
    if own is None or isinstance(own, dict):
        return {**fixed, **(own or {})} if fixed or own is not None else None
    return own


def shape_of(document: Mapping[str, Any]) -> Shape:
    """How ``distributed_parameters`` are written."""
    match document.get("distributed_parameters"):
        case None:
            return "null"
        case list():
            return "list"
        case dict():
            return "object"
    return "other"


def work_of(job: Job) -> Work:
    """The work of a planned job, equal to that of its file."""
    locations = [one.asset.location for one in job.assets]
    files = [file.location for one in job.assets for file in one.files or ()]
    parameters = None if job.parameters is None else dict(job.parameters)
    return _digest(locations, files, parameters)


def earlier_job(job: Job) -> EarlierJob:
    """A planned job as its file will be read back, without a path."""
    has_files = any(one.files is not None for one in job.assets)
    files = tuple(file.location for one in job.assets for file in one.files or ())
    return EarlierJob(
        "",
        job.name,
        assets=tuple(one.asset.name for one in job.assets),
        records=tuple(one.asset.record_id for one in job.assets),
        locations=tuple(one.asset.location for one in job.assets),
        files=files if has_files else None,
        parameters=sys.intern(canonical_text(job.parameters)),
        group="" if job.group_metadata is None else canonical_text(job.group_metadata),
        asset_ids=tuple(one.asset.asset_id for one in job.assets),
    )


def _group_of(document: Mapping[str, Any]) -> str:
    group = document.get("group_metadata")
    return "" if group is None else canonical_text(group)


def _digest(locations: Iterable[str], files: Iterable[str], parameters: JsonValue) -> Work:
    places = [sorted(set(map(bare_url, one))) for one in (locations, files)]
    text = canonical_text([*places, with_plain_numbers(parameters)])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _texts(document: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """The list of texts under `key`, where one text is a list of one; None for anything else."""
    value = document.get(key)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and set(map(type, value)) <= _TEXT:
        return tuple(value)
    return None
