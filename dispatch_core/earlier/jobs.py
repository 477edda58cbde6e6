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
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.job_model import Job, canonical_text, document_name
from dispatch_core.processed.meaning import bare_url, with_plain_numbers
from dispatch_core.text.strict_json import load_json
from dispatch_core.types import JsonValue

Work = bytes
"""Digest of the locations, files and parameters of a job, without their order."""

_MOST_LABELS = 8
"""Up to this many parameters of ``analysis_code``, each may be a panel's, which no name has."""


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
    assets, records, locations
        Names, record ids and locations of its assets; empty if unknown.
    files
        Its files; None if it names none.
    parameters
        The merged parameters as canonical JSON; None if they are unknown, "null" without any.
    """

    path: str
    name: str
    assets: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    parameters: str | None = None

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


class JobReader:
    """Reads job files; what many have in common is kept once."""

    def __init__(self) -> None:
        self._labels: frozenset[str] = frozenset()

    def read(self, path: str, content: bytes) -> EarlierJob:
        """The job in a file, whichever program wrote it.

        Raises
        ------
        InvalidInput
            It is not JSON, or not an object with a list ``s3_location``.
        """
        return self.job_of(path, load_json(content, path))

    def job_of(self, path: str, document: JsonValue) -> EarlierJob:
        """The job that `document` is; raises as `read` does."""
        if not isinstance(document, dict) or _texts(document, "s3_location") is None:
            what = "it is not a job: s3_location is not a list of texts"
            raise InvalidInput(Issue(what, path, "Move it out of the folder"))
        stem = path.rpartition("/")[2].removesuffix(".json")
        code = code_parameters(document)
        labels = self._labels_for(stem, document, code)
        if labels is not None:
            self._labels = labels
        fixed = {key: value for key, value in code.items() if key not in (labels or ())}
        parameters = merged_parameters(document, fixed)
        return EarlierJob(
            path,
            stem if labels is not None else "",
            assets=_texts(document, "asset_name") or (),
            records=_texts(document, "docdb_record_id") or (),
            locations=_texts(document, "s3_location") or (),
            files=_texts(document, "file_location"),
            parameters=sys.intern(canonical_text(parameters)),
        )

    def _labels_for(
        self, stem: str, document: Mapping[str, Any], code: Mapping[str, Any]
    ) -> frozenset[str] | None:
        """The panel's labels with which `stem` is the name of the content; None if there are none.

        The name covers the fixed parameters but not the panel's values, and the file has
        both in one object. The labels of the job before are tried first.
        """
        for labels in itertools.chain((self._labels,), _subsets(code)):
            fixed = {key: value for key, value in code.items() if key not in labels}
            if document_name(document, merged_parameters(document, fixed)) == stem:
                return labels
        return None


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


def work_of(job: Job) -> Work:
    """The work of a planned job, equal to that of its file."""
    locations = [one.asset.location for one in job.assets]
    files = [file.location for one in job.assets for file in one.files or ()]
    parameters = None if job.parameters is None else dict(job.parameters)
    return _digest(locations, files, parameters)


def _digest(locations: Iterable[str], files: Iterable[str], parameters: JsonValue) -> Work:
    places = [sorted(set(map(bare_url, one))) for one in (locations, files)]
    text = canonical_text([*places, with_plain_numbers(parameters)])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _texts(document: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """The list of texts under `key`, where one text is a list of one; None for anything else."""
    value = document.get(key)
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return None
    return tuple(value)
