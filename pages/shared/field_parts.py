"""Inputs for the path of a field and for its values: offered where known, free to type."""

from __future__ import annotations

import streamlit as st

from dispatch_core.query_form import Kind

COMMON_PATHS = (
    "name",
    "location",
    "_id",
    "subject.subject_id",
    "data_description.project_name",
    "data_description.data_level",
    "data_description.modality.abbreviation",
    "data_description.modalities.abbreviation",
    "session.session_type",
    "session.session_start_time",
    "acquisition.acquisition_type",
    "acquisition.acquisition_start_time",
    "external_links.Code Ocean",
    "other_identifiers.Code Ocean",
)


def field_input(label: str, value: str, key: str) -> str:
    """The path of a field, chosen or typed; ``""`` while there is none."""
    paths = list(dict.fromkeys([*COMMON_PATHS, *([value] if value else [])]))
    chosen = st.selectbox(
        label,
        paths,
        index=paths.index(value) if value else None,
        accept_new_options=True,
        placeholder="Choose or type a field",
        label_visibility="collapsed",
        key=key,
    )
    return (chosen or "").strip()


def value_input(path: str, value: str, key: str) -> str:
    """The one text that the field `path` is compared with, as typed."""
    return (
        st.text_input("Value", value, placeholder="Value", label_visibility="collapsed", key=key)
        or ""
    )


def values_input(path: str, values: tuple[str, ...], key: str) -> tuple[str, ...]:
    """Several texts that the field `path` is compared with; one in each line, blank lines apart."""
    text = st.text_area(
        "Values",
        "\n".join(values),
        placeholder="One value in each line",
        height=max(68, min(240, 24 * (len(values) + 1))),
        label_visibility="collapsed",
        key=key,
    )
    return tuple(line.strip() for line in (text or "").splitlines() if line.strip())


def kind_of(path: str) -> Kind:
    """The kind that values of the field `path` have, as far as is known; ids are texts."""
    return "text"
