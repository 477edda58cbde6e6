"""The file extensions: the ends of the names of the files and directory stores to find.

They are one text with commas, in order of preference, such as ``.nwb,.nwb.zarr``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dispatch_core.errors import InvalidInput, Issue

_WHERE = "file extension"
_COMMA = re.compile(r"(?<!\\),")
_ESCAPED_COMMA = r"\,"
_SIDECARS = frozenset(
    (".json", ".yaml", ".yml", ".toml", ".ini", ".xml", ".html", ".txt", ".md", ".log")
)
"""Formats that usually describe the data beside them."""


def read_extensions(text: str) -> tuple[str, ...]:
    r"""The extensions of ``.nwb,.nwb.zarr`` in their order, each once; () if none is requested.

    Blank items are skipped. ``\,`` is a comma that is part of an extension.

    Raises
    ------
    InvalidInput
        An extension is a pattern or a path, or there are only commas.
    """
    extensions = tuple(map(_checked, split_extensions(text)))
    if not extensions and text.strip():
        what = f"{text.strip()!r} has no extension, only commas"
        raise InvalidInput(Issue(what, _WHERE, 'Write for example ".nwb,.nwb.zarr"'))
    return extensions


def split_extensions(text: str) -> tuple[str, ...]:
    """The items of `text` in their order, each once, whether or not they are extensions."""
    items = (item.replace(_ESCAPED_COMMA, ",").strip() for item in _COMMA.split(text))
    return tuple(dict.fromkeys(filter(None, items)))


def written_extensions(extensions: Iterable[str]) -> str:
    """The text that `read_extensions` reads as these extensions."""
    return ",".join(map(_written, extensions))


def _written(extension: str) -> str:
    text = extension.replace(",", _ESCAPED_COMMA)
    # A space, which is not read, so that a backslash at the end does not escape the next comma.
    return f"{text} " if text.endswith("\\") else text


def shown_extensions(extensions: Iterable[str]) -> str:
    """The extensions as a message names them: ``'.nwb'``, or ``'.nwb' or '.nwb.zarr'``."""
    return " or ".join(map(repr, extensions))


def redundant_extensions(extensions: tuple[str, ...]) -> dict[str, str]:
    """Each extension that can never be the first with a match -> the earlier one that it ends with.

    After ``.zarr``, which ``x.nwb.zarr`` also ends with, ``.nwb.zarr`` finds nothing new.
    """
    found: dict[str, str] = {}
    for number, one in enumerate(extensions):
        for earlier in extensions[:number]:
            if one.endswith(earlier):
                found.setdefault(one, earlier)
    return found


def likeliest_first(
    counts: Iterable[tuple[str, int]], wanted: Iterable[str]
) -> list[tuple[str, int]]:
    """The extensions in `counts`, in the order in which they may be meant by `wanted`.

    First those that share a part with one of `wanted`, as ``.nwb.zarr`` does with ``.nwb``;
    then data before formats that describe it, such as ``.json``; then the most frequent.
    """
    parts = {part for one in wanted for part in _parts(one)}
    return sorted(
        counts,
        key=lambda pair: (
            parts.isdisjoint(_parts(pair[0])),
            pair[0].casefold() in _SIDECARS,
            -pair[1],
            pair[0],
        ),
    )


def _parts(extension: str) -> set[str]:
    """``nwb`` and ``zarr`` of ``.nwb.zarr``."""
    return set(filter(None, extension.casefold().split(".")))


def extension_of(name: str, extensions: Iterable[str]) -> str:
    """The first of `extensions` with which `name` ends; "" if there is none."""
    return next((one for one in extensions if name.endswith(one)), "")


def _checked(extension: str) -> str:
    """`extension`; raises `InvalidInput` if it is not the end of a name.

    Any end of a name is valid (``.ome.zarr``, ``_sorted.nwb``). A pattern or a path
    (``*.nwb``, ``nwb/x.nwb``) is not.
    """
    if _is_pattern(extension):
        plain = extension.rstrip("/").rpartition("/")[2].lstrip("*?")
        is_useful = plain and not _is_pattern(plain)
        raise InvalidInput(
            Issue(
                f"{extension!r} is a pattern or a path, not the end of a file name",
                _WHERE,
                f'Did you mean "{plain}"?' if is_useful else 'Write for example ".nwb"',
            )
        )
    if not is_utf8(extension):
        raise InvalidInput(Issue("The text is not valid Unicode", _WHERE, "Retype it"))
    return extension


def _is_pattern(extension: str) -> bool:
    return "/" in extension or extension.startswith(("*", "?", "["))


def is_utf8(text: str) -> bool:
    """Whether `text` can be encoded as UTF-8; a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
