"""The name of a job's record: the SHA-256 of its ``Code``, as the wrapper computes it.

The text that is hashed is what pydantic writes for the model ``Code`` of aind-data-schema:
keys in the order of the model, no spaces, and numbers as pydantic writes them (``json.dumps``
writes 1e16 as ``1e+16``). The model got ``commit_hash`` in 2.7 and names of data assets in 2.8.
Jobs share most of that text, so each part is encoded once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic_core import PydanticSerializationError, to_json

from dispatch_core.job_model import Job
from dispatch_core.processed.frame import Frame
from dispatch_core.types import LocatedAsset

SchemaForm = Literal["from 2.8", "before 2.7", "2.7"]
FORMS: tuple[SchemaForm, ...] = ("from 2.8", "before 2.7", "2.7")
USUAL_FORMS, RARE_FORMS = FORMS[:2], FORMS[2:]
"""The forms of nearly all records: few were written with 2.7."""

_FILES = "file_location"
_NAMED = re.compile("^s3://aind-open-data/([^/]+)(/.*)?$")
"""The urls from which the model takes the name of a data asset; those of other buckets have
no name."""


class CodeNames:
    """The names that the record of each job may have, most likely first.

    Parameters
    ----------
    frame
        The wrapper, its panel and its further inputs.
    fixed
        The fixed parameters of the dispatch.
    is_merged
        Whether the jobs have the fixed parameters in each set, or apart from it; a record
        may have been written in either way.
    """

    def __init__(self, frame: Frame, fixed: Mapping[str, Any], *, is_merged: bool) -> None:
        merged, apart = _Spelling({}, is_own=False), _Spelling(fixed, is_own=True)
        both = [merged, apart] if is_merged else [apart, merged]
        self._spellings = both if fixed else [merged]
        self._panel = frame.panel
        self._heads = {form: hashlib.sha256(_head(frame, form)) for form in FORMS}
        self._inputs: _Inputs | None = None
        # the parameters are kept too, so that their ids are not reused
        self._sets: dict[int, tuple[object, list[_Parameters]]] = {}

    def of(self, job: Job, forms: Sequence[SchemaForm] = FORMS) -> tuple[str, ...]:
        """The names of a job in these forms; none if its content cannot be written as JSON."""
        try:
            inputs = self._begun(job.assets, forms)
            parameters = self._parameters(job)
        except (PydanticSerializationError, UnicodeEncodeError, RecursionError, ValueError):
            return ()
        return tuple(_names(inputs.begun, parameters, inputs.files))

    def _begun(self, assets: tuple[LocatedAsset, ...], forms: Sequence[SchemaForm]) -> _Inputs:
        """The digests up to the parameters, and the files; the jobs of one input share both."""
        held = self._inputs
        if held is None or held.assets is not assets or held.forms is not forms:
            urls = [one.asset.location for one in assets]
            begun = [self._heads[form].copy() for form in forms]
            for form, digest in zip(forms, begun, strict=True):
                digest.update(_assets(urls, form) + b'],"parameters":{')
            held = self._inputs = _Inputs(assets, forms, begun, _files_of(assets))
        return held

    def _parameters(self, job: Job) -> list[_Parameters]:
        held = self._sets.get(id(job.parameters))
        if held is None:
            made = [_encoded(self._panel, one, job) for one in self._spellings]
            held = self._sets[id(job.parameters)] = (job.parameters, made)
        return held[1]


class _Files(NamedTuple):
    """The value of ``file_location`` and its text; a job without files has none."""

    value: Mapping[str, Any]
    text: bytes


def _files_of(assets: tuple[LocatedAsset, ...]) -> _Files:
    files = [file.location for one in assets for file in one.files or ()]
    value = {_FILES: files} if files else {}
    return _Files(value, _items(value))


class _Inputs(NamedTuple):
    """The assets of the last job, its digests up to the parameters, and its files."""

    assets: tuple[LocatedAsset, ...]
    forms: Sequence[SchemaForm]
    begun: Sequence[Any]
    files: _Files


class _Spelling(NamedTuple):
    """The fixed parameters before the files, and whether a set comes without them."""

    fixed: Mapping[str, Any]
    is_own: bool


@dataclass(frozen=True, slots=True)
class _Parameters:
    """The parameters of a set before and after the place of the files.

    ``first`` and ``own`` have their values if one of them is named as the files are.
    """

    before: bytes
    after: bytes
    first: Mapping[str, Any] | None = None
    own: Mapping[str, Any] | None = None

    def text(self, files: _Files) -> bytes:
        """All parameters of a job with these files."""
        if self.first is not None and self.own is not None:
            return _items({**self.first, **files.value, **self.own})
        return b",".join(filter(None, (self.before, files.text, self.after)))


def _names(begun: Sequence[Any], sets: Sequence[_Parameters], files: _Files) -> Iterator[str]:
    for one in sets:
        end = one.text(files) + b'},"core_dependency":null}'
        for start in begun:
            digest = start.copy()
            digest.update(end)
            yield digest.hexdigest()


def _encoded(panel: Mapping[str, str], spelling: _Spelling, job: Job) -> _Parameters:
    """The parameters in the order of the wrapper: panel, fixed, files, distributed.

    A later value replaces an earlier one of the same key, at the position of the earlier one.
    """
    own = (job.distributed if spelling.is_own else job.parameters) or {}
    first = {**panel, **spelling.fixed}
    if _FILES in first or _FILES in own:
        return _Parameters(b"", b"", first, own)
    before = {key: own.get(key, value) for key, value in first.items()}
    after = {key: value for key, value in own.items() if key not in first}
    return _Parameters(_items(before), _items(after))


def _items(values: Mapping[str, Any]) -> bytes:
    return to_json(dict(values))[1:-1]


def _head(frame: Frame, form: SchemaForm) -> bytes:
    """The text before the inputs of a job."""
    fields: dict[str, Any] = {
        "object_type": "Code",
        "url": frame.url,
        "name": frame.name,
        "version": frame.version,
    }
    if form != "before 2.7":
        fields["commit_hash"] = None
    fields |= {"container": None, "run_script": "code/run"}
    fields |= {"language": None, "language_version": None, "input_data": None}
    further = _assets(frame.input_urls, form)
    return to_json(fields).removesuffix(b"null}") + b"[" + (further + b"," if further else b"")


def _assets(urls: Iterable[str], form: SchemaForm) -> bytes:
    """The items of the list of input data."""
    return b",".join(_data_asset(url, form) for url in urls)


def _data_asset(url: str, form: SchemaForm) -> bytes:
    if form != "from 2.8":
        return b'{"object_type":"Data asset","url":%b}' % to_json(url)
    named = _NAMED.match(url)
    name = to_json(named.group(1) if named else None)
    return b'{"object_type":"Data asset","name":%b,"url":%b}' % (name, to_json(url))
