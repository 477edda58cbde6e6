"""Usual choices of the latest assets, in plain names of fields."""

from __future__ import annotations

from dataclasses import dataclass

from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.insight.plain_names import field_of


@dataclass(frozen=True, slots=True)
class LatestPreset:
    """The latest asset by one field, of all with the same value in another; plain names."""

    label: str
    latest: str
    of_each: str

    def fields(self, catalogue: FieldCatalogue | None) -> tuple[str, tuple[str, ...]]:
        """``filter_latest`` and ``filter_by`` of a request."""
        return field_of(self.latest, catalogue), (field_of(self.of_each, catalogue),)


LATEST_PRESETS = (
    LatestPreset("Latest processed asset of each session", "Processed on", "Made from"),
    LatestPreset("Latest processed asset of each subject", "Processed on", "Subject"),
)
"""Assets that are processed from one asset are of one session: its name is in each of them."""
