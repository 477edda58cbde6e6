"""The file extension: the end of the names of the files and directory stores to find."""

from __future__ import annotations

from dispatch_core.errors import InvalidInput, Issue


def check_extension(text: str) -> str:
    """The extension without surrounding spaces; empty means that no files are requested.

    Any end of a name is valid (``.ome.zarr``, ``_sorted.nwb``). A pattern or a path
    (``*.nwb``, ``nwb/x.nwb``) raises `InvalidInput`.
    """
    extension = text.strip()
    if _is_pattern(extension):
        plain = extension.rstrip("/").rpartition("/")[2].lstrip("*?")
        is_useful = plain and not _is_pattern(plain)
        raise InvalidInput(
            Issue(
                f"{extension!r} is a pattern or a path, not the end of a file name",
                "file extension",
                f'Did you mean "{plain}"?' if is_useful else 'Write for example ".nwb"',
            )
        )
    if not is_utf8(extension):
        raise InvalidInput(Issue("The text is not valid Unicode", "file extension", "Retype it"))
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
