"""The work of a job, independent of how a record writes it.

The same work has another name if keys are in another order, 1 is written as 1.0, a url ends
with a slash, or another asset is attached. Two works are equal if their inputs and files are
equal as sets and their parameters are equal as values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dispatch_core.job_model import Job, canonical_text
from dispatch_core.processed.frame import Frame
from dispatch_core.types import JsonValue, LocatedAsset

Work = tuple[frozenset[str], frozenset[str], str]
"""The inputs, the files, and the text of the parameters."""

_FILES = "file_location"
TOO_DEEP = "nested too deeply"
"""The text of the parameters of a job that equals no record."""

_UNNAMED = re.compile(r"ordered_param_\d+")


def bare_url(url: str) -> str:
    """`url` without slashes at its end."""
    return url.rstrip("/")


class JobWorks:
    """The work of each job of a dispatch, and the works of a record that may equal them.

    Parameters
    ----------
    jobs
        All jobs: what they have in common with the frame is not ignored in a record.
    frame
        Its panel labels and its further inputs are ignored in records.
    """

    def __init__(self, jobs: Sequence[Job], frame: Frame) -> None:
        self._further = frozenset(map(bare_url, frame.input_urls))
        self._panel = frozenset(frame.panel)
        self._texts: dict[int, tuple[object, str]] = {}
        self._inputs: tuple[tuple[LocatedAsset, ...], frozenset[str], frozenset[str]] | None = None
        keys = {id(job.parameters): frozenset(job.parameters or ()) for job in jobs}
        self._keys = frozenset().union(*keys.values())
        self._shared_labels = {own & self._panel for own in keys.values()}
        self._shared_inputs = {self.of(job)[0] & self._further for job in jobs}

    def of(self, job: Job) -> Work:
        """The work of a job."""
        if self._inputs is None or self._inputs[0] is not job.assets:
            inputs = frozenset(bare_url(one.asset.location) for one in job.assets)
            files = frozenset(
                bare_url(file.location) for one in job.assets for file in one.files or ()
            )
            self._inputs = (job.assets, inputs, files)
        return *self._inputs[1:], self._text(job.parameters)

    def of_code(self, code: Mapping[str, Any]) -> Iterator[Work]:
        """The works that the ``code`` of a record may be; none if it is not a wrapper's."""
        inputs, parameters = _urls(code.get("input_data")), code.get("parameters") or {}
        if inputs is None or not isinstance(parameters, dict):
            return
        parameters = dict(parameters)
        held = None if _FILES in self._keys else parameters.pop(_FILES, None)
        files = _texts([held] if isinstance(held, str) else held)
        if files is None:
            return
        for text in {self._without_labels(parameters, kept) for kept in self._shared_labels}:
            for needed in self._shared_inputs:
                if needed <= inputs:
                    yield (inputs - self._further) | needed, files, text

    def panel_of(self, code: Mapping[str, Any]) -> dict[str, str]:
        """The labels and values of the panel in the ``code`` of a record of this wrapper."""
        parameters = code.get("parameters") or {}
        labels = (key for key, one in parameters.items() if self._is_label(key, one))
        return {key: parameters[key] for key in labels if isinstance(parameters[key], str)}

    def _text(self, parameters: Mapping[str, Any] | None) -> str:
        held = self._texts.get(id(parameters))
        if held is None:
            text = _text_of(parameters or {}, TOO_DEEP)
            held = self._texts[id(parameters)] = (parameters, text)
        return held[1]

    def _without_labels(self, parameters: Mapping[str, Any], kept: frozenset[str]) -> str:
        values = {
            key: value
            for key, value in parameters.items()
            if key in kept or not self._is_label(key, value)
        }
        return _text_of(values, "")

    def _is_label(self, key: str, value: object) -> bool:
        """Whether a parameter of a record is from the panel of the wrapper.

        It is one of the frame, or text under a name that no job has and that cannot be a
        field of an analysis model: it has a space, or is a parameter without a name.
        """
        if key in self._panel:
            return True
        is_foreign = not key.isidentifier() or _UNNAMED.fullmatch(key) or key == "dry_run"
        return isinstance(value, str) and key not in self._keys and bool(is_foreign)


def _text_of(values: Mapping[str, Any], otherwise: str) -> str:
    """The values as text that is the same for equal ones; `otherwise` if they nest too deeply."""
    try:
        return canonical_text(with_plain_numbers(dict(values)))
    except RecursionError:
        return otherwise


def with_plain_numbers(value: JsonValue) -> JsonValue:
    """`value` with each whole float as an integer, so that 1 and 1.0 are equal; true is not 1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: with_plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_plain_numbers(item) for item in value]
    return value


def _urls(inputs: object) -> frozenset[str] | None:
    """The urls of a list of input data; None for other values."""
    if not isinstance(inputs, list):
        return None
    return _texts([one.get("url") if isinstance(one, dict) else None for one in inputs])


def _texts(values: object) -> frozenset[str] | None:
    if values is None:
        return frozenset()
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        return None
    return frozenset(map(bare_url, values))
