"""Object stores in memory: one that lists as S3 does, and some that differ from S3.

`outermost` and `everything` compute the expected matches directly from the definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from dispatch_core.errors import AccessDenied, DelimiterRefused
from dispatch_core.sources.protocols import ListPage, StoredObject

LAST = "\U0010ffff"
NOON = "2025-06-07T12:00:00.000Z"
"""The modification time of every object."""


@dataclass(frozen=True)
class Ask:
    bucket: str
    prefix: str
    delimiter: str
    start_after: str
    token: str | None


class Store:
    """Lists keys of the form ``bucket/key`` as S3 does, by brute force.

    With ``own_prefix_only``, only a prefix that ends with a slash is allowed: the common
    prefix of several assets is denied.
    """

    label = "a store in memory"

    def __init__(self, *paths: str, page_size: int = 1000) -> None:
        self.paths = sorted(set(paths))
        self.page_size = page_size
        self.delimiters: Literal["any", "refuse", "ignore", "only slash"] = "any"
        self.own_prefix_only = False
        self.empty: set[str] = set()
        self.asked: list[Ask] = []
        self.trouble: Callable[[Ask], Exception | None] = lambda ask: None

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        ask = Ask(bucket, prefix, delimiter, start_after, token)
        self.asked.append(ask)
        if self.own_prefix_only and not prefix.endswith("/"):
            raise AccessDenied("ask for less")
        if error := self.trouble(ask):
            raise error
        if delimiter and self.delimiters == "refuse":
            raise DelimiterRefused("only a slash")
        if delimiter and self.delimiters != "any":
            delimiter = "/" if self.delimiters == "only slash" else ""
        return self.page(bucket + "/", prefix, delimiter, start_after, token or "")

    def _stored(self, key: str) -> StoredObject:
        return StoredObject(key, 0 if key in self.empty else 7, NOON)

    def page(self, base: str, prefix: str, delimiter: str, after: str, token: str) -> ListPage:
        keys = [path.removeprefix(base) for path in self.paths if path.startswith(base + prefix)]
        rolled = dict.fromkeys(roll_up(key, prefix, delimiter) for key in keys if key > after)
        entries = [entry for entry in rolled if entry[0] > token]
        shown = entries[: self.page_size]
        objects = [self._stored(entry) for entry, is_prefix in shown if not is_prefix]
        prefixes = [entry for entry, is_prefix in shown if is_prefix]
        return ListPage.of(objects, prefixes, shown[-1][0] if len(entries) > len(shown) else None)


def roll_up(key: str, prefix: str, delimiter: str) -> tuple[str, bool]:
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return (key, False) if end < 0 else (key[: end + len(delimiter)], True)


class OneToken(Store):
    """Returns the same token, which means the second page, with every page."""

    def page(self, base: str, prefix: str, delimiter: str, after: str, token: str) -> ListPage:
        second = super().page(base, prefix, delimiter, "", "").token or ""
        page = super().page(base, prefix, delimiter, after, second if token else "")
        return ListPage.of(page.objects, page.prefixes, page.token and "same")


class NoStartAfter(Store):
    """Ignores ``start_after`` but not tokens."""

    def list_page(self, bucket: str, prefix: str, **more: Any) -> ListPage:
        return super().list_page(bucket, prefix, **{**more, "start_after": ""})


class Unordered(Store):
    """Lists in reverse order, because S3's directory buckets do not sort either."""

    def page(self, base: str, prefix: str, delimiter: str, after: str, token: str) -> ListPage:
        start = int(token or 0)
        keys = [path.removeprefix(base) for path in reversed(self.paths)]
        keys = [key for key in keys if key > after and key.startswith(prefix)]
        shown = keys[start : start + self.page_size]
        end = start + self.page_size
        objects = [StoredObject(key, 7, NOON) for key in shown]
        return ListPage.of(objects, [], str(end) if end < len(keys) else None)


def outermost(keys: Iterable[str], prefix: str, extension: str) -> dict[str, str]:
    """Return the outermost matches, computed directly from the definition."""
    found: dict[str, str] = {}
    for key in keys:
        if not key.startswith(prefix):
            continue
        parts = key[len(prefix) :].split("/")
        for depth, part in enumerate(parts):
            if part and part.endswith(extension):
                is_file = depth == len(parts) - 1
                path = prefix + "/".join(parts[: depth + 1])
                if found.get(path) != "directory":
                    found[path] = "file" if is_file else "directory"
                break
    return found


def everything(keys: Iterable[str], prefix: str, extension: str) -> dict[str, str]:
    """Return all matches, including those inside matching stores."""
    found: dict[str, str] = {}
    for key in keys:
        parts = key[len(prefix) :].split("/") if key.startswith(prefix) else []
        for depth, part in enumerate(parts):
            path = prefix + "/".join(parts[: depth + 1])
            if part and part.endswith(extension) and found.get(path) != "directory":
                found[path] = "file" if depth == len(parts) - 1 else "directory"
    return found
