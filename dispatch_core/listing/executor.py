"""Where listings run, when not in threads of this process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Executor


class ListingExecutor(Executor, ABC):
    """An executor for listings that says how many of them it runs at once."""

    @property
    @abstractmethod
    def threads(self) -> int:
        """How many pieces of work run at once; may connect to find out."""
