"""Which files of an input folder are read: the list of ids, the parameters, and no others.

Templates and capsules lay the same files out differently: directly in the folder, in
``analysis_parameters/``, or one folder below (``input_files/``, ``analysis_data_asset_ids/``).
One file that fits is used; several are an error, because any choice could be the wrong one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dispatch_core.asset_list import FILE_NAME as LIST_NAME
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.parameter_sets.document import FILE_NAME as PARAMETERS_NAME
from dispatch_core.parameter_sets.document import KEYS
from dispatch_core.text.strict_json import load_json

PARAMETERS_FOLDER = "analysis_parameters"
OLDER_NAME = "distributed_parameters.json"
"""The parameters file of an older template: a list of sets."""

_OUR_NAMES = (PARAMETERS_NAME, OLDER_NAME, LIST_NAME)

NAMED = 5
"""Files that a message names; the others are counted."""

_MOST_ENTRIES = 10_000  # of one folder: an attached store may have millions of chunks
_LARGEST = 1 << 20  # bytes of a file that may be a parameters file of another name
_MOST_OPENED = 100
_MOST_DEEP = 100  # folders in which files of parameters are looked for by their names
_MOST_NAMES = 1_000
_LIKE_PARAMETERS = re.compile(r"(analysis|distributed|fixed)[ _-]*param", re.IGNORECASE)
_TABLES = (".json", ".csv")
_OTHER_TABLES = (".xlsx", ".xls", ".ods", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The files to read, and the JSON and CSV files beside them that are not read."""

    asset_list: Path | None = None
    parameters: Path | None = None
    not_read: tuple[Path, ...] = ()

    @property
    def read(self) -> tuple[Path, ...]:
        """The files of the folder that are read."""
        return tuple(path for path in (self.asset_list, self.parameters) if path is not None)


def find_input_files(
    root: Path, *, with_list: bool, with_parameters: bool = True, known: Collection[Path] = ()
) -> InputFiles:
    """The files to read of the folder `root`.

    Parameters
    ----------
    with_list, with_parameters
        Whether a list of ids and the parameters are read.
    known
        Files that this command reads anyway, such as a schema.

    Raises
    ------
    InvalidInput
        Several files fit; a list of ids is wanted and missing; or a parameters file has a
        name under which it is not read.
    """
    elsewhere = {os.path.abspath(path) for path in known}
    files = _Files(root, [one for one in _walk(root) if os.path.abspath(one) not in elsewhere])
    asset_list = _asset_list(files) if with_list else None
    parameters = _parameters(files) if with_parameters else None
    read = (asset_list, parameters)
    rest = [path for path in files.paths if path not in read and _may_be_input(path)]
    if with_parameters and parameters is None:
        rest += _deeper_parameters(files)
    return InputFiles(asset_list, parameters, tuple(rest))


def _may_be_input(path: Path) -> bool:
    """Whether it is a table, or a folder that cannot be read."""
    return path.suffix.lower() in _TABLES or path.is_dir()


def first_names(paths: Sequence[Path]) -> str:
    """The first few paths, and the number of the others."""
    more = len(paths) - NAMED
    return ", ".join(map(str, paths[:NAMED])) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class _Files:
    """The files directly in `root`, one folder below, and in the folders of parameters."""

    root: Path
    paths: Sequence[Path]

    def of_name(self, *names: str) -> list[Path]:
        return [path for path in self.paths if path.name in names]

    def of_ending(self, ending: str, *, below: bool) -> list[Path]:
        """The files with this ending, directly in the folder or `below` it."""
        fitting = (path for path in self.paths if path.suffix.lower() == ending)
        return [path for path in fitting if (path.parent != self.root) == below]


def _walk(root: Path) -> Iterator[Path]:
    """The files to look at; a folder below that cannot be read is one of them."""
    files, folders = _entries(root)
    yield from files
    for folder in folders:
        try:
            inner, inner_folders = _entries(folder)
            if folder / PARAMETERS_FOLDER in inner_folders:
                inner += _entries(folder / PARAMETERS_FOLDER)[0]
        except InvalidInput:  # data of others; it is listed as not read
            inner = [folder]
        yield from inner


def _deeper_parameters(files: _Files) -> Iterator[Path]:
    """Parameters files two folders below, or in a folder of parameters there: none is read."""
    seen = {path.parent for path in files.paths}
    found: list[Path] = []
    for above in _folders_in(files.root):
        found += (folder for folder in _folders_in(above) if folder not in seen)
        if len(found) >= _MOST_DEEP:
            break
    for folder in found[:_MOST_DEEP]:
        for place in (folder, folder / PARAMETERS_FOLDER):
            names = _some_names(place)
            yield from (
                place / name
                for name in names
                if name.lower().endswith(".json") and _LIKE_PARAMETERS.match(name)
            )


def _folders_in(folder: Path) -> list[Path]:
    with suppress(InvalidInput):
        return _entries(folder)[1]
    return []


def _some_names(folder: Path) -> list[str]:
    """Names in `folder`, sorted; none if it cannot be read."""
    with suppress(OSError, ValueError), os.scandir(folder) as found:
        return sorted(one.name for one in islice(found, _MOST_NAMES))
    return []


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files and the folders in `folder`, sorted; hidden ones are not data."""
    try:
        with os.scandir(folder) as found:
            entries = list(islice((one for one in found if one.name[0] != "."), _MOST_ENTRIES))
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        action = "Make it readable, or choose another input folder"
        issue = Issue(f"cannot look into the folder: {reason}", str(folder), action)
        raise InvalidInput(issue) from None
    folders = {one.name for one in entries if _is_folder(one)}
    files = {one.name for one in entries} - folders
    if len(entries) == _MOST_ENTRIES:
        files |= {name for name in _OUR_NAMES if os.path.isfile(folder / name)}
    return [folder / name for name in sorted(files)], [folder / name for name in sorted(folders)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or leads to one; a broken link is a file that cannot be read."""
    with suppress(OSError):
        return entry.is_dir()
    return False


def _asset_list(files: _Files) -> Path:
    """The list of ids: by its name, else the only CSV; directly in the folder, else below."""
    proper = files.root / LIST_NAME
    if proper in files.paths:
        return proper
    for fitting in (
        files.of_name(LIST_NAME),
        files.of_ending(".csv", below=False),
        files.of_ending(".csv", below=True),
    ):
        if fitting:
            return _only(fitting, LIST_NAME, "a list of ids")
    what = f"neither {str(files.root)!r} nor a folder in it has a CSV"
    action = f"Put {LIST_NAME} with a column asset_id there"
    others = [path for path in files.paths if path.suffix.lower() in _OTHER_TABLES]
    if others:
        action += f", such as {first_names(others)} saved as CSV"
    raise InvalidInput(Issue(what, LIST_NAME, action))


def _parameters(files: _Files) -> Path | None:
    """The parameters file: in its own two places, else the only one anywhere."""
    places = (files.root / PARAMETERS_FOLDER / PARAMETERS_NAME, files.root / PARAMETERS_NAME)
    for path in places:
        if path in files.paths:
            return path
    fitting = files.of_name(PARAMETERS_NAME, OLDER_NAME)
    if fitting:
        return _only(fitting, PARAMETERS_NAME, "a parameters file")
    _refuse_other_name(files)
    return None


def _only(fitting: Sequence[Path], name: str, kind: str) -> Path:
    if len(fitting) > 1:
        what = f"{len(fitting)} files could be {kind}: {first_names(fitting)}"
        action = f"Keep one of them, or put {name} directly into the input folder"
        raise InvalidInput(Issue(what, name, action))
    return fitting[0]


def _refuse_other_name(files: _Files) -> None:
    """Raises `InvalidInput` for a parameters file under a name that is not read."""
    for path in _like_parameters(files):
        what = f"no file of this name was found, but {path} looks like a parameters file"
        action = f"Rename it to {PARAMETERS_NAME}, or move it elsewhere to dispatch without one"
        raise InvalidInput(Issue(what, PARAMETERS_NAME, action))


def _like_parameters(files: _Files) -> Iterator[Path]:
    """The files that are parameters by their name, then those that are by their content."""
    plain = [path for path in files.paths if "schema" not in path.name.lower()]
    yield from (path for path in plain if _is_named_parameters(path, files.root))
    texts = (path for path in plain if path.suffix.lower() == ".json")
    yield from filter(_has_parameters, islice(texts, _MOST_OPENED))


def _is_named_parameters(path: Path, root: Path) -> bool:
    """Whether its name or its folder says so; other folders may be data with their own."""
    is_json = path.suffix.lower() == ".json"
    is_inside = path.parent.name == PARAMETERS_FOLDER
    is_named = path.parent == root and "param" in path.name.lower()
    return bool(_LIKE_PARAMETERS.match(path.name)) or (is_json and (is_inside or is_named))


def _has_parameters(path: Path) -> bool:
    """Whether it has a key of a parameters file; a job file has one too, and a location."""
    with suppress(OSError, InvalidInput):
        if path.is_file() and path.stat().st_size <= _LARGEST:
            document = load_json(path.read_bytes(), path.name)
            is_object = isinstance(document, dict) and "s3_location" not in document
            return is_object and any(key in document for key in KEYS)
    return False
