"""The examples of the page Parameters; all names are invented."""

from __future__ import annotations

from typing import Any

DOCUMENTS: dict[str, dict[str, Any]] = {
    "One set for every asset": {
        "analysis_parameter": {
            "analysis_name": "Unit quality filtering",
            "analysis_tag": "baseline",
            "isi_violations_cutoff": 0.05,
        }
    },
    "Two sets, each for every asset": {
        "fixed_parameters": {"analysis_name": "Unit quality filtering"},
        "distributed_parameters": [
            {"analysis_tag": "strict", "isi_violations_cutoff": 0.03},
            {"analysis_tag": "lenient", "isi_violations_cutoff": 0.07},
        ],
    },
}

WITH_SCHEMA = "A form, from an example schema"

SCHEMA: dict[str, Any] = {
    "title": "UnitFilteringSpecification",
    "type": "object",
    "additionalProperties": True,
    "required": ["analysis_name", "analysis_tag", "isi_violations_cutoff"],
    "$defs": {
        "Method": {
            "title": "Method",
            "type": "string",
            "enum": ["isolation_distance", "amplitude_cutoff", "presence_ratio"],
        },
        "FitOptions": {
            "title": "FitOptions",
            "type": "object",
            "properties": {
                "seed": {"type": "integer", "minimum": 0, "default": 42},
                "polish": {"type": "boolean", "default": True},
                "folds": {
                    "anyOf": [{"type": "integer", "minimum": 2}, {"type": "null"}],
                    "default": None,
                    "description": "Cross-validation folds; null for none",
                },
            },
        },
    },
    "properties": {
        "analysis_name": {
            "type": "string",
            "title": "Analysis Name",
            "description": "User-defined name for the analysis",
        },
        "analysis_tag": {
            "type": "string",
            "title": "Analysis Tag",
            "description": ["User-defined tag", "to find the results by"],
        },
        "isi_violations_cutoff": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "Units with more inter-spike-interval violations are excluded",
        },
        "method": {"$ref": "#/$defs/Method", "default": "isolation_distance"},
        "dry_run": {"type": "boolean", "default": False},
        "plot_types": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Which plots to make",
        },
        "channels": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Channel name, and what it measures",
        },
        "fit_options": {
            "anyOf": [{"$ref": "#/$defs/FitOptions"}, {"type": "null"}],
            "default": None,
        },
    },
}

SCHEMA_PARAMETERS: dict[str, Any] = {
    "analysis_parameter": {
        "analysis_name": "Unit quality filtering",
        "analysis_tag": "baseline",
        "isi_violations_cutoff": 0.05,
        "method": "isolation_distance",
    }
}
