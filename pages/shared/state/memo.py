"""Values that are computed once for each input and kept between the runs of a page."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Memo:
    """The last value of each name, with the input that made it."""

    def __init__(self, values: dict[str, tuple[Hashable, Any]] | None = None) -> None:
        self.values = dict(values or {})

    def copy(self) -> Memo:
        """Another memo with the same values."""
        return Memo(self.values)

    def clear(self) -> None:
        """Forget all values."""
        self.values.clear()

    def has(self, name: str) -> bool:
        """Whether a value is kept for `name`."""
        return name in self.values

    def remember(self, name: str, key: Hashable, make: Callable[[], T]) -> T:
        """The result of `make` for `key`; one value for each `name` is kept."""
        if name not in self.values or self.values[name][0] != key:
            self.values[name] = (key, make())
        value: T = self.values[name][1]
        return value

    def remember_of(self, name: str, rows: object, key: Hashable, make: Callable[[], T]) -> T:
        """The result of `make` for `key` and the object `rows`, which is compared by identity."""
        return self.remember(name, (Same(rows), key), make)

    def known_of(self, name: str, rows: object) -> Any:
        """The kept value of `remember_of` for the object `rows`, whatever its key; or None."""
        key, value = self.values.get(name, (None, None))
        return value if isinstance(key, tuple) and key[0] == Same(rows) else None


class Same:
    """A key that equals another one only if both contain the same object."""

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other._held is self._held

    def __hash__(self) -> int:
        return id(self._held)
