"""Plain names of fields: "Modality" for its path in either schema.

A name means all of its paths, so one condition on "Modality" finds records of both
schemas. Any other field is named by its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from dispatch_core.builder.quality import QUALITY_PATHS
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.language.paths import spellings_in

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "Project": ("data_description.project_name",),
    "Subject": ("subject.subject_id",),
    "Modality": (
        "data_description.modality.abbreviation",
        "data_description.modalities.abbreviation",
    ),
    "Level": ("data_description.data_level",),
    "Acquired": ("session.session_start_time", "acquisition.acquisition_start_time"),
    "Type": ("session.session_type", "acquisition.acquisition_type"),
    "Quality": QUALITY_PATHS,
    "Name": ("name",),
    "Location": ("location",),
    "Record id": ("_id",),
    "Asset id": ("external_links.Code Ocean", "other_identifiers.Code Ocean"),
    "Sex": ("subject.sex", "subject.subject_details.sex"),
    "Genotype": ("subject.genotype", "subject.subject_details.genotype"),
    "Experimenter": ("session.experimenter_full_name", "acquisition.experimenters"),
    "Rig": ("rig.rig_id", "instrument.instrument_id"),
    "Made from": ("data_description.input_data_name", "data_description.source_data"),
    "Process": ("data_description.process_name",),
    "Processed on": ("data_description.creation_time",),
    "Registered": ("created", "_created"),
}
"""Name -> the paths of its field, the v1 spelling first."""

_NAME_OF: Final = {path: name for name, paths in NAMES.items() for path in paths}


def name_of(path: str) -> str:
    """The plain name of a field, or its path if it has none."""
    return _NAME_OF.get(path, path)


def paths_of(text: str, catalogue: FieldCatalogue | None = None) -> tuple[str, ...]:
    """The paths that a name or path means: those that records of the source have.

    ``subject_id`` means the most used field whose last name it is, if it is not a path.
    """
    named = NAMES.get(text)
    if named is not None:
        return _live(named, catalogue)
    if catalogue is None or not text or text in catalogue:
        return (text,)
    found = _meant(text, catalogue)
    return (text,) if found is None else paths_of(found, catalogue)


def _live(paths: Sequence[str], catalogue: FieldCatalogue | None) -> tuple[str, ...]:
    known = tuple(one for one in paths if catalogue is not None and one in catalogue)
    return known or tuple(paths)


def _meant(text: str, catalogue: FieldCatalogue) -> str | None:
    """The name or path that a loosely written text is: by its name, then by its last part."""
    wanted = _loose(text)
    for name in NAMES:
        if _loose(name) == wanted:
            return name
    for one in catalogue.ordered:
        if _loose(one.path.rpartition(".")[2]) == wanted:
            name = name_of(one.path)
            return name
    return None


def _loose(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text).lower()


def offered_names(catalogue: FieldCatalogue | None) -> list[str]:
    """The plain names of fields that the source has, the most used first; all without a source."""
    if catalogue is None:
        return list(NAMES)
    return [name for name, paths in NAMES.items() if any(one in catalogue for one in paths)]


def label_of(text: str) -> str:
    """A name with the end of its path as a hint, "Subject · subject_id"; a path unchanged."""
    paths = NAMES.get(text)
    return f"{text} · {paths[0].rpartition('.')[2]}" if paths else text


def name_of_paths(paths: Iterable[str]) -> str:
    """The one plain name of several spellings, or the first path."""
    spelled = list(paths)
    names = {name_of(path) for path in spelled}
    return names.pop() if len(names) == 1 else name_of(spelled[0])


def shown_field(paths: Sequence[str], catalogue: FieldCatalogue | None) -> str:
    """The plain name of a field if `paths` are all of its paths, else the first path."""
    name = name_of_paths(paths)
    return name if set(paths) == set(paths_of(name, catalogue)) else paths[0]


def field_of(text: str, catalogue: FieldCatalogue | None = None) -> str:
    """The field that a name or path means, as grouping takes it: its paths with ``|`` between."""
    return "|".join(paths_of(text, catalogue))


def name_of_field(field: str, catalogue: FieldCatalogue | None = None) -> str:
    """The plain name of a field of grouping if it has all paths of the name, else `field`."""
    paths = set(spellings_in(field))
    name = name_of_paths(spellings_in(field))
    is_whole = name in NAMES and set(paths_of(name, catalogue)) <= paths <= set(NAMES[name])
    return name if is_whole else field
