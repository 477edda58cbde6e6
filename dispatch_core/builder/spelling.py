"""Translation of field paths between v1 and v2 metadata.

The pairs below come from assets recorded in both schemas: both paths hold the same
value. A pair also covers every path below it, and the longest matching pair applies
(``session.rig_id`` before ``session``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from dispatch_core.builder.conditions import Condition, conditions_of, with_key
from dispatch_core.language.paths import is_below
from dispatch_core.types import Filter

Version = Literal[1, 2]

_SUBJECT = "alleles breeding_info date_of_birth genotype housing rrid sex source species".split()
_IN_DETAILS = (
    "animal_weight_post animal_weight_prior mouse_platform_name reward_consumed_total"
    " reward_consumed_unit weight_unit".split()
)

_OLD_STEPS = "processing.processing_pipeline.data_processes"
_STEPS = "processing.data_processes"

PAIRS: tuple[tuple[str, str], ...] = (
    ("external_links", "other_identifiers"),
    ("created", "_created"),
    ("last_modified", "_last_modified"),
    ("data_description.modality", "data_description.modalities"),
    ("data_description.input_data_name", "data_description.source_data"),
    *((f"subject.{name}", f"subject.subject_details.{name}") for name in _SUBJECT),
    ("subject.background_strain", "subject.subject_details.strain.name"),
    ("session", "acquisition"),
    ("session.session_type", "acquisition.acquisition_type"),
    ("session.session_start_time", "acquisition.acquisition_start_time"),
    ("session.session_end_time", "acquisition.acquisition_end_time"),
    ("session.experimenter_full_name", "acquisition.experimenters"),
    ("session.rig_id", "acquisition.instrument_id"),
    ("session.iacuc_protocol", "acquisition.ethics_review_id"),
    *((f"session.{name}", f"acquisition.subject_details.{name}") for name in _IN_DETAILS),
    ("session.data_streams.stream_modalities", "acquisition.data_streams.modalities"),
    ("session.stimulus_epochs.script", "acquisition.stimulus_epochs.code"),
    ("session.stimulus_epochs.software", "acquisition.stimulus_epochs.code"),
    (
        "session.stimulus_epochs.output_parameters",
        "acquisition.stimulus_epochs.performance_metrics.output_parameters",
    ),
    (
        "session.stimulus_epochs.trials_total",
        "acquisition.stimulus_epochs.performance_metrics.trials_total",
    ),
    (
        "session.stimulus_epochs.trials_rewarded",
        "acquisition.stimulus_epochs.performance_metrics.trials_rewarded",
    ),
    ("rig", "instrument"),
    ("rig.rig_id", "instrument.instrument_id"),
    (_OLD_STEPS, _STEPS),
    (f"{_OLD_STEPS}.code_url", f"{_STEPS}.code.url"),
    (f"{_OLD_STEPS}.software_version", f"{_STEPS}.code.version"),
    (f"{_OLD_STEPS}.parameters", f"{_STEPS}.code.parameters"),
    ("processing.processing_pipeline.pipeline_url", "processing.pipelines.url"),
    ("processing.processing_pipeline.pipeline_version", "processing.pipelines.version"),
    (
        "procedures.subject_procedures.experimenter_full_name",
        "procedures.subject_procedures.experimenters",
    ),
    (
        "procedures.subject_procedures.iacuc_protocol",
        "procedures.subject_procedures.ethics_review_id",
    ),
    ("quality_control.evaluations.metrics", "quality_control.metrics"),
    ("quality_control.evaluations.stage", "quality_control.metrics.stage"),
    ("quality_control.evaluations.modality", "quality_control.metrics.modality"),
)
"""(v1 path, v2 path)."""

_BOTH_WAYS: dict[Version, tuple[tuple[str, str], ...]] = {
    2: tuple(sorted(PAIRS, key=lambda pair: -len(pair[0]))),
    1: tuple(sorted(((new, old) for old, new in PAIRS), key=lambda pair: -len(pair[0]))),
}


def respell_path(path: str, version: Version) -> str:
    """`path` in the given schema version; unchanged if no pair covers it."""
    return next(iter(_translations(path, version)), path)


def _translations(path: str, version: Version) -> list[str]:
    """`path` translated by the longest pairs that cover it; v2 merged some v1 paths."""
    pairs = [(name, other) for name, other in _BOTH_WAYS[version] if is_below(path, name)]
    longest = len(pairs[0][0]) if pairs else 0
    return [other + path[len(name) :] for name, other in pairs if len(name) == longest]


def other_spellings(path: str) -> tuple[str, ...]:
    """The paths of the same field in the other schema, without `path` itself.

    A path that mixes both schemas (``acquisition.session_type``) also gives its v2
    path. v1 microscope records contain such mixed paths, so a v2 path gives them too.
    """
    found = [*_translations(path, 2), *_translations(path, 1)]
    found += [newer for one in found for newer in _translations(one, 2)]
    found += [f"acquisition.{one[8:]}" for one in found if one.startswith("session.")]
    return tuple(dict.fromkeys(one for one in found if one != path))


def are_spellings(paths: Sequence[str]) -> bool:
    """Whether all `paths` name one field: the first one, and its names in the other schema."""
    return len(set(paths)) == len(paths) and set(paths[1:]) <= set(other_spellings(paths[0]))


def respell_filter(filter_query: Filter, version: Version) -> Filter:
    """`filter_query` with every path translated to one schema; values are unchanged."""
    for _ in range(len(conditions_of(filter_query))):
        changed = _one_respelled(filter_query, version)
        if changed is None:
            break
        filter_query = changed
    return filter_query


def _one_respelled(filter_query: Filter, version: Version) -> Filter | None:
    """The filter with one path translated, the last in order so that inner precedes outer.

    None if every path is in the schema already.
    """
    for condition in reversed(conditions_of(filter_query)):
        path = respell_path(condition.path, version)
        if path != condition.path:
            changed = rename_condition(filter_query, condition, path)
            if changed != filter_query:
                return changed
    return None


def rename_condition(filter_query: Filter, condition: Condition, path: str) -> Filter:
    """`filter_query` with one condition moved to `path`.

    Inside ``$elemMatch`` the key is relative to the outer field in either schema; a
    path outside the outer field leaves the filter unchanged.
    """
    parent = condition.path[: -len(condition.key)].rstrip(".")
    if not parent:
        return with_key(filter_query, condition, path)
    for spelling in (parent, *other_spellings(parent)):
        if is_below(path, spelling) and path != spelling:
            return with_key(filter_query, condition, path[len(spelling) + 1 :])
    return filter_query
