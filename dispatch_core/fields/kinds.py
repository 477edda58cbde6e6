"""The kinds of values that the fields of a request have, and their common base.

A field takes what a notebook, a table or a saved file may give it: a NumPy scalar, a set,
a list written as one text.
"""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.options import option_of
from dispatch_core.text.field_list import read_list
from dispatch_core.text.file_extension import written_extensions
from dispatch_core.types import LARGEST_NUMBER


def plain_value(value: Any) -> Any:
    """`value`, or the Python value of a NumPy scalar, such as a cell of a table."""
    return value.item() if getattr(value, "shape", None) == () else value


def _in_order(value: Any) -> Any:
    """A set as a sorted list: its own order differs between two runs."""
    return sorted(value, key=str) if isinstance(value, set | frozenset) else value


def _paths(value: Any) -> Any:
    """Field paths written as on the command line: ``a,b`` or ``["a", "b"]``."""
    if not isinstance(value, str):
        return _in_order(value)
    try:
        return read_list(value, "")
    except InvalidInput as error:
        raise ValueError(f"it is not a list: {error.issues[0].what}") from None


def _extensions(value: Any) -> Any:
    """Extensions as one text with commas, if they are written as ``[".nwb", ".nwb.zarr"]``."""
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return written_extensions(value)
    return value


Text = Annotated[str, Field(strict=True)]
Extensions = Annotated[str, BeforeValidator(_extensions), Field(strict=True)]
Whole = Annotated[
    int,
    BeforeValidator(plain_value),
    Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, strict=True),
]
Positive = Annotated[int, BeforeValidator(plain_value), Field(ge=1, le=LARGEST_NUMBER, strict=True)]
Switch = Annotated[bool, BeforeValidator(plain_value)]
# A list has one mistake: a million items could have one each.
Texts = Annotated[tuple[Text, ...], Field(fail_fast=True), BeforeValidator(_in_order)]
TextList = Annotated[tuple[Text, ...], Field(fail_fast=True), BeforeValidator(_paths)]
FieldPaths = Annotated[tuple[Annotated[Text, Field(min_length=1)], ...], BeforeValidator(_paths)]


def of_option(name: str) -> Any:
    """A field whose default and description are those of its option."""
    option = option_of(name)
    return Field(option.default, description=option.description)


class Frozen(BaseModel):
    """A value that is changed by copying; None and blank text mean that a field is unset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_unset(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        known = cls.model_fields
        return {n: value for n, value in fields.items() if n not in known or not is_unset(value)}

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        """Raises `InvalidInput`."""
        _refuse_change(name)

    def __delattr__(self, name: str) -> NoReturn:
        """Raises `InvalidInput`."""
        _refuse_change(name)


def is_unset(value: object) -> bool:
    """Whether `value` means that an option is not given: None or blank text."""
    return value is None or (isinstance(value, str) and not value.strip())


def _refuse_change(name: str) -> NoReturn:
    action = f"Make a changed copy: edit_request(request, {name}=...)"
    raise InvalidInput(Issue("a request cannot be changed in place", name, action))
