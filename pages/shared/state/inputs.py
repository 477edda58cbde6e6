"""The request as far as the inputs are valid, and the errors of those that are not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dispatch_core.errors import InvalidInput
from dispatch_core.request import DispatchRequest, edit_request

ASSET_INPUTS = frozenset(("query", "list of ids", "grouping"))
"""The inputs that found assets depend on; the others are files' and parameters'."""

_ALTERNATIVES = frozenset(("query", "list of ids"))
"""Only the chosen one of these counts."""


@dataclass(frozen=True)
class Inputs:
    """The request, and the error of each input that blocks it, by the input's name."""

    request: DispatchRequest = field(default_factory=DispatchRequest)
    errors: Mapping[str, InvalidInput] = field(default_factory=dict)

    def edited(self, **changes: Any) -> Inputs:
        """These inputs with fields of the request changed.

        The request stays the same object where nothing changes. Raises `InvalidInput`.
        """
        changed = {
            name: value
            for name, value in changes.items()
            if not _is_same(getattr(self.request, name), value)
        }
        return replace(self, request=edit_request(self.request, **changed)) if changed else self

    def refused(self, name: str, error: InvalidInput) -> Inputs:
        """These inputs, blocked by the input `name`; the request stays as it was."""
        return replace(self, errors={**self.errors, name: error})

    def accepted(self, name: str) -> Inputs:
        """These inputs, no longer blocked by the input `name`."""
        names = _ALTERNATIVES if name in _ALTERNATIVES else {name}
        if self.errors.keys().isdisjoint(names):
            return self
        kept = {other: error for other, error in self.errors.items() if other not in names}
        return replace(self, errors=kept)


def _is_same(one: Any, other: Any) -> bool:
    """Equality that tells true from 1 and one order of keys from another, as MongoDB does."""
    if one is other:
        return True
    if isinstance(one, dict | list) and isinstance(other, dict | list):
        return json.dumps(one) == json.dumps(other)
    return bool(one == other)
