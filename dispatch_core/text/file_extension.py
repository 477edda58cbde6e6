"""The file extension: the end of the names of files and directory stores to be found."""

from __future__ import annotations

from dispatch_core.errors import InvalidInput, Issue


def check_extension(text: str) -> str:
    """The extension without spaces around it; empty means that no files are asked for.

    Any end of a name will do (``.ome.zarr``, ``_sorted.nwb``), but no pattern and
    no path: ``*.nwb`` and ``nwb/x.nwb`` raise `InvalidInput`.
    """
    extension = text.strip()
    if "/" in extension or extension.startswith(("*", "?", "[")):
        plain = extension.strip("/").rpartition("/")[2].lstrip("*?")
        raise InvalidInput(
            Issue(
                f"{extension!r} is a pattern or a path, not the end of a file name",
                "file extension",
                f'Did you mean "{plain}"?' if plain else 'Write for example ".nwb"',
            )
        )
    if not is_utf8(extension):
        raise InvalidInput(Issue("The text is not valid Unicode", "file extension", "Retype it"))
    return extension


def is_utf8(text: str) -> bool:
    """Whether `text` can be written as UTF-8; half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
