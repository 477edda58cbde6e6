"""Which programs downstream can read a job file, and what each of them misses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dispatch_core.job_model import READERS
from dispatch_core.types import JsonValue

Check = Callable[[JsonValue], bool]

_ABSENT = object()


_TEXT = {str}


def _is_texts(value: JsonValue) -> bool:
    return isinstance(value, list) and set(map(type, value)) <= _TEXT


def _is_optional_texts(value: JsonValue) -> bool:
    return value is None or _is_texts(value)


def _is_optional_object(value: JsonValue) -> bool:
    return value is None or isinstance(value, dict)


def _is_optional_list_of_objects(value: JsonValue) -> bool:
    is_list = isinstance(value, list) and all(isinstance(one, dict) for one in value)
    return value is None or is_list


def _is_optional_text(value: JsonValue) -> bool:
    return value is None or isinstance(value, str)


def _is_optional_code(value: JsonValue) -> bool:
    is_code = isinstance(value, dict) and isinstance(value.get("url"), str)
    return value is None or (is_code and _is_optional_object(value.get("parameters")))


_SEED, _PIPELINE = READERS
_KEYS: Mapping[str, Mapping[str, tuple[bool, Check, str]]] = {
    _SEED: {
        "s3_location": (True, _is_texts, "a list of texts"),
        "asset_id": (True, _is_texts, "a list of texts"),
        "asset_name": (True, _is_texts, "a list of texts"),
        "file_location": (True, _is_optional_texts, "a list of texts or null"),
        "distributed_parameters": (
            *(True, _is_optional_list_of_objects),
            "a list of objects or null",
        ),
    },
    _PIPELINE: {
        "s3_location": (True, _is_texts, "a list of texts"),
        "asset_name": (True, _is_texts, "a list of texts"),
        "docdb_record_id": (True, _is_texts, "a list of texts"),
        "file_location": (False, _is_optional_texts, "a list of texts or null"),
        "distributed_parameters": (False, _is_optional_object, "an object or null"),
        "group_metadata": (False, _is_optional_object, "an object or null"),
        "query": (False, _is_optional_text, "a text or null"),
        "analysis_code": (False, _is_optional_code, "an object with a url, or null"),
    },
}
"""Reader -> key -> whether it is required, which values are accepted, and those in words.

Both readers ignore all other keys.
"""


def rejections(document: Mapping[str, Any]) -> dict[str, str]:
    """Reader -> the first reason why it does not accept the document; none for one that does."""
    found = {reader: next(_issues(document, keys), "") for reader, keys in _KEYS.items()}
    return {reader: why for reader, why in found.items() if why}


def _issues(
    document: Mapping[str, Any], keys: Mapping[str, tuple[bool, Check, str]]
) -> Iterator[str]:
    for key, (is_required, accepts, expected) in keys.items():
        value = document.get(key, _ABSENT)
        if value is _ABSENT:
            if is_required:
                yield f"{key} is missing"
        elif not accepts(value):
            yield f"{key} is not {expected}"
