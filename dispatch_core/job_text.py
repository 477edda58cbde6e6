"""The files of many jobs: the parts that jobs share are encoded once.

The text of a job equals that of `job_bytes`. It is made from three parts: the assets and
files, shared by the jobs of one input; the parameters, shared by the jobs of one set; and
the query, shared by all jobs. Encoding each job as a whole takes four to forty times as
long.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring
from typing import Any

from dispatch_core.job_model import Job, analysis_code, written_parameters
from dispatch_core.types import JobFormat, LocatedAsset

MOST_HELD = 32 << 20
"""Size of the cache of encoded parameter sets, in characters; other sets are encoded for
each job."""

_INDENT = " " * 4


class JobTexts:
    """Makes the bytes of each job of one dispatch, fastest in the order of the plan."""

    def __init__(
        self,
        job_format: JobFormat,
        query: str | None,
        code_parameters: Mapping[str, Any] | None = None,
        most_held: int = MOST_HELD,
    ) -> None:
        self._room = most_held
        self._job_format = job_format
        self._code_parameters = code_parameters
        self._end = "" if query is None else f',\n{_INDENT}"query": {encode_basestring(query)}'
        code = analysis_code(code_parameters)
        self._end += "" if code is None else f',\n{_INDENT}"analysis_code": {_indented(code)}'
        self._assets: tuple[LocatedAsset, ...] | None = None
        self._head = ""
        # the cache keeps the mapping too, so that its id is not reused
        self._sets: dict[int, tuple[Mapping[str, Any] | None, str]] = {}

    def bytes_of(self, job: Job) -> bytes:
        """The job file, byte for byte that of `job_bytes`."""
        if job.assets is not self._assets:
            self._assets, self._head = job.assets, _head(job.assets)
        group = ""
        if job.group_metadata is not None:
            group = f',\n{_INDENT}"group_metadata": {_indented(job.group_metadata)}'
        text = f"{self._head}{self._text_of(job)}{group}{self._end}\n}}\n"
        return text.encode(errors="backslashreplace")

    def _text_of(self, job: Job) -> str:
        held = self._sets.get(id(job.parameters))
        if held is not None:
            return held[1]
        text = _indented(written_parameters(job, self._job_format, self._code_parameters))
        if self._room > 0:
            self._room -= len(text)
            self._sets[id(job.parameters)] = (job.parameters, text)
        return text


def _head(assets: tuple[LocatedAsset, ...]) -> str:
    """The beginning of a job, up to the value of ``distributed_parameters``."""
    files = [file.location for one in assets for file in one.files or ()]
    listed = any(one.files is not None for one in assets)
    return (
        f'{{\n{_INDENT}"s3_location": {_texts(one.asset.location for one in assets)},\n'
        f'{_INDENT}"asset_id": {_texts(one.asset.asset_id for one in assets)},\n'
        f'{_INDENT}"asset_name": {_texts(one.asset.name for one in assets)},\n'
        f'{_INDENT}"docdb_record_id": {_texts(one.asset.record_id for one in assets)},\n'
        f'{_INDENT}"file_location": {_texts(files) if listed else "null"},\n'
        f'{_INDENT}"distributed_parameters": '
    )


def _texts(texts: Iterable[str]) -> str:
    between = f",\n{_INDENT * 2}"
    lines = between.join(map(encode_basestring, texts))
    return f"[\n{_INDENT * 2}{lines}\n{_INDENT}]" if lines else "[]"


def _indented(value: object) -> str:
    """`value` indented by one level; strings in JSON have no line breaks to indent."""
    return json.dumps(value, indent=4, ensure_ascii=False).replace("\n", f"\n{_INDENT}")
