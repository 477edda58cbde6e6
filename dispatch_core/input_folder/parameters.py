"""The document of a parameters file, also of an older template."""

from __future__ import annotations

from typing import Any

from dispatch_core.environment.limits import PARAMETERS
from dispatch_core.input_folder.layout import OLDER_NAME
from dispatch_core.parameter_sets.document import (
    DISTRIBUTED,
    build_parameter_sets,
    parse_parameters,
)
from dispatch_core.parameter_sets.schema import ParameterSchema
from dispatch_core.text.strict_json import decode_json, load_json


def read_parameters(data: bytes, name: str, schema: ParameterSchema | None) -> dict[str, Any]:
    """The document in the file `name`; a bare list under the older name becomes its sets.

    Raises
    ------
    InvalidInput
        With every issue; those of a bare list name the set but have no line.
    """
    text = decode_json(data, name, PARAMETERS)
    document = load_json(text, name, PARAMETERS) if name == OLDER_NAME else None
    if not isinstance(document, list):
        return parse_parameters(text, schema, name)[0]
    wrapped = {DISTRIBUTED: document}
    build_parameter_sets(wrapped, schema, name)
    return wrapped
