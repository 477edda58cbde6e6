"""Queries that a user saved by name, in one text for each owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from dispatch_core.errors import InvalidInput, Issue, NothingFound, showable
from dispatch_core.kept.store import KeptTexts
from dispatch_core.query import parse_query

MOST: Final = 100
"""Queries of one owner."""

LONGEST_NAME: Final = 80
LONGEST_QUERY: Final = 100_000
"""Characters of a query, as typed."""

_USER: Final = "the-saved-queries-of-a-user"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose queries: a user who is signed in, or else a browser, by the secret id it stores."""

    user: str = ""
    browser: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The owner and the name under which a text is kept."""
        return (self.user, _USER) if self.user else ("", self.browser)


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query as its text, and the name that its owner gave it."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    text: Annotated[str, Field(max_length=LONGEST_QUERY)]


@dataclass(frozen=True, slots=True)
class _Document:
    mark: Literal["job-dispatch saved queries 1"]
    queries: Annotated[tuple[SavedQuery, ...], Field(max_length=MOST)]


_DOCUMENT: Final = TypeAdapter(_Document)
_Queries = dict[str, SavedQuery]


@dataclass(frozen=True, slots=True)
class SavedQueries:
    """The saved queries of all owners; safe to use from several threads and processes.

    Names that differ only in upper and lower case are the same name.

    Parameters
    ----------
    texts
        Where they are kept, within its bounds.
    """

    texts: KeptTexts

    def of(self, owner: Owner) -> tuple[SavedQuery, ...]:
        """The queries of `owner`, sorted by name; those with damaged content are ignored."""
        kept = self.texts.read(*owner.key)
        queries = _read(None if kept is None else kept.text)
        return tuple(queries[key] for key in sorted(queries))

    def save(self, owner: Owner, name: str, text: str, *, may_replace: bool = False) -> None:
        """Save the query `text` as `name`.

        Raises
        ------
        InvalidInput
            The query or the name is invalid, there is one of this name already and
            `may_replace` is not set, or there are too many.
        WriteFailed
            The disk failed.
        """
        query = SavedQuery(_checked_name(name), _checked_text(text))
        key = _key(query.name)

        def added(queries: _Queries) -> _Queries:
            if key in queries and not may_replace:
                what = f"there is a query with the name {queries[key].name!r} already"
                raise InvalidInput(Issue(what, "", "Choose another name, or replace it"))
            if key not in queries and len(queries) >= MOST:
                raise InvalidInput(Issue(f"{MOST} queries are saved", "", "Delete one first"))
            return {**queries, key: query}

        self._change(owner, added)

    def rename(self, owner: Owner, name: str, new_name: str) -> None:
        """Give a query another name, which no other one has; raises as `save` does."""
        wanted = _checked_name(new_name)
        old, new = _key(name), _key(wanted)

        def renamed(queries: _Queries) -> _Queries:
            if new != old and new in queries:
                what = f"there is a query with the name {queries[new].name!r} already"
                raise InvalidInput(Issue(what, "", "Choose another name, or delete that one"))
            rest = {key: one for key, one in queries.items() if key != old}
            return {**rest, new: SavedQuery(wanted, _found(queries, name).text)}

        self._change(owner, renamed)

    def delete(self, owner: Owner, name: str) -> SavedQuery:
        """Delete the query with this name, and return it; raises `NothingFound` without one."""
        deleted: list[SavedQuery] = []

        def rest(queries: _Queries) -> _Queries:
            deleted.append(_found(queries, name))
            return {key: one for key, one in queries.items() if key != _key(name)}

        self._change(owner, rest)
        return deleted[0]

    def _change(self, owner: Owner, change: Callable[[_Queries], _Queries]) -> None:
        self.texts.change(*owner.key, lambda text: _written(change(_read(text))))


def _key(name: str) -> str:
    return name.strip().casefold()


def _found(queries: _Queries, name: str) -> SavedQuery:
    if _key(name) not in queries:
        what = f"the saved query {name!r} does not exist any more"
        raise NothingFound(Issue(what, "", "Another tab deleted or renamed it"))
    return queries[_key(name)]


def _checked_name(name: str) -> str:
    text = name.strip()
    if not text:
        raise InvalidInput(Issue("the query has no name", "", "Write a name first"))
    if len(text) > LONGEST_NAME:
        what = f"the name has {len(text)} characters"
        raise InvalidInput(Issue(what, "", f"Use at most {LONGEST_NAME}"))
    if showable(text) != text or not text.isprintable():
        what = f"the name {text!r} has a character that cannot be shown"
        raise InvalidInput(Issue(what, "", "Use letters, digits and signs"))
    return text


def _checked_text(text: str) -> str:
    if len(text) > LONGEST_QUERY:
        what = f"the query has {len(text):,} characters, and at most {LONGEST_QUERY:,} are saved"
        raise InvalidInput(Issue(what, "", "Save the request on the page Deliver instead"))
    parse_query(text)
    return text


def _read(text: str | None) -> _Queries:
    """The queries of a document, by key; none for any other text."""
    if text is None:
        return {}
    try:
        document = _DOCUMENT.validate_json(text)
    except ValidationError:
        return {}
    return {_key(one.name): one for one in document.queries if _is_valid(one)}


def _is_valid(query: SavedQuery) -> bool:
    try:
        return query == SavedQuery(_checked_name(query.name), _checked_text(query.text))
    except InvalidInput:
        return False


def _written(queries: _Queries) -> str:
    document = _Document("job-dispatch saved queries 1", tuple(queries.values()))
    return _DOCUMENT.dump_json(document).decode()
