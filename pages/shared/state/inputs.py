"""The request made of the valid inputs, and the errors of the invalid ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dispatch_core.errors import InvalidInput, as_value
from dispatch_core.request import DispatchRequest, edit_request

ASSET_INPUTS = frozenset(("query", "list of ids", "grouping"))
"""The inputs that found assets depend on; the others are for files and parameters."""

AMOUNT, CAP = "number of workers or jobs", "cap on jobs"
"""The numbers on the page Jobs."""

_ALTERNATIVES = frozenset(("query", "list of ids"))
"""Only the chosen one of these counts."""


@dataclass(frozen=True)
class Inputs:
    """The request, and the error of each input that blocks it, by the input's name."""

    request: DispatchRequest = field(default_factory=DispatchRequest)
    errors: Mapping[str, InvalidInput] = field(default_factory=dict)

    def edited(self, **changes: Any) -> Inputs:
        """These inputs with fields of the request changed.

        The request stays the same object if nothing changes. Raises `InvalidInput`.
        """
        changed = {
            name: value
            for name, value in changes.items()
            if not _is_same(getattr(self.request, name), value)
        }
        return replace(self, request=edit_request(self.request, **changed)) if changed else self

    def refused(self, name: str, error: InvalidInput) -> Inputs:
        """These inputs, blocked by the input `name`; the request is unchanged."""
        return replace(self, errors={**self.errors, name: as_value(error)})

    def accepted(self, name: str) -> Inputs:
        """These inputs, no longer blocked by the input `name`."""
        names = _ALTERNATIVES if name in _ALTERNATIVES else {name}
        if self.errors.keys().isdisjoint(names):
            return self
        kept = {other: error for other, error in self.errors.items() if other not in names}
        return replace(self, errors=kept)


def _is_same(one: Any, other: Any) -> bool:
    """Equality that distinguishes true from 1 and two orders of keys, as MongoDB does."""
    if one is other:
        return True
    if isinstance(one, dict | list) and isinstance(other, dict | list):
        return json.dumps(one) == json.dumps(other)
    return bool(one == other)
