"""The app panel of the dispatcher capsule as JSON, made from `OPTIONS`; ``make docs`` writes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from dispatch_core.options import OPTIONS, Option
from tests.support.world import ROOT

FILE = ROOT / "docs" / "capsule" / "app-panel.json"

_FURTHER = ("input_directory", "output_directory", "expect_fingerprint", "request")
_NUMBERS = ("switch", "flag", "integer", "positive")


def panel_text() -> str:
    """The panel: each option that says what to dispatch, both folders, a request as a whole."""
    panel = {
        "version": 1,
        "named_parameters": True,
        "parameters": [_field(option) for option in _options()],
    }
    return json.dumps(panel, indent="\t") + "\n"


def _options() -> Iterator[Option]:
    for title, options in OPTIONS.items():
        for one in options:
            is_further = one.argument in _FURTHER
            if one.argument and (is_further or title not in ("input and output", "sources")):
                yield one


def _field(option: Option) -> dict[str, Any]:
    name = option.argument
    return {
        "id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "name": name,
        "param_name": name,
        "description": option.description,
        "help_text": option.description,
        "type": "text",
        "value_type": "integer" if option.kind in _NUMBERS else "string",
    }


if __name__ == "__main__":
    FILE.write_text(panel_text(), "utf-8")
