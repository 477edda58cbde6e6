"""The work of each tab on disk: what was typed and decided outlives a restart of the server.

A draft has every text as typed, the request, the errors that block it and the choice of views;
no results, which are found again, and no steps of Undo, each of which is a request with its texts:
a draft is written whole after each change. It is kept under the secret id of
the session and its owner, so only the same browser and user gets it back. Its editors have the
numbers that they had, so a tab that was open meanwhile keeps what is in them.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from dispatch_core.builder.query_form import adopt_form
from dispatch_core.errors import DispatchError, InvalidInput, Issue
from dispatch_core.kept.store import KeptTexts
from dispatch_core.request import edit_request, load_request
from dispatch_core.types import LARGEST_NUMBER
from pages.shared.state.inputs import Inputs
from pages.shared.state.memo import Same
from pages.shared.state.session import Session
from pages.shared.state.timing import Timing
from pages.shared.state.typed import EVERYTHING_QUERY, EXAMPLE_QUERY, Typed
from pages.shared.state.views import Views

log = logging.getLogger(__name__)

_MARK: Final = "job-dispatch draft 2"
_MOST_WRITTEN: Final = 1_000
_TOO_LARGE: Final = "too large"
"""In place of the digest of what was written."""

_MADE: Final = frozenset(("query_form", "form_text", "table_rows"))
"""Fields of `Typed` that a page makes of the others, without an action of the user."""


@dataclass(frozen=True)
class KeptViews:
    """The fields of `Views` that are kept."""

    page: str
    query_view: Literal["Facets", "Rows", "JSON"]
    edited_chip: int
    parameter_view: Literal["Form", "JSON"]
    facet_paths: Annotated[tuple[str, ...], Field(min_length=1)]
    facet_searches: dict[str, str]
    columns: tuple[str, ...]
    seen: tuple[str, str, int] | None
    address: str | None
    address_step: int
    is_welcomed: bool
    is_borrowed: bool = False


@dataclass(frozen=True)
class Draft:
    """A session without its results.

    With `is_uploaded` the rows of the request are those of the uploaded list, kept once.
    """

    mark: Literal["job-dispatch draft 2"]
    typed: Typed
    form_texts: tuple[tuple[tuple[str | int, ...], tuple[str, ...], str], ...]
    request: str
    is_uploaded: bool
    errors: dict[str, tuple[Issue, ...]]
    views: KeptViews
    epoch: Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]


_DRAFT: Final = TypeAdapter(Draft)
_TYPED: Final = tuple(field.name for field in fields(Typed))
_VIEWS: Final = tuple(field.name for field in fields(KeptViews))


def write_draft(session: Session) -> str:
    """The text of the draft of `session`."""
    typed, inputs, views = session.typed, session.inputs, session.views
    request = inputs.request
    is_uploaded = request.asset_rows is not None and request.asset_rows == typed.list_rows
    if is_uploaded:
        request = edit_request(request, asset_rows=None)
    draft = Draft(
        mark=_MARK,
        typed=typed,
        form_texts=tuple((*draft, text) for draft, text in typed.drafts.items()),
        request=request.model_dump_json(exclude_defaults=True),
        is_uploaded=is_uploaded,
        errors={name: error.issues for name, error in inputs.errors.items()},
        views=KeptViews(**{name: getattr(views, name) for name in _VIEWS}),
        epoch=session.epoch,
    )
    return _DRAFT.dump_json(draft, exclude={"typed": {"drafts"}}).decode()


def read_draft(text: str, owner: str) -> Session | None:
    """The session of a draft, without results; None for any other text."""
    try:
        draft = _DRAFT.validate_json(text)
        request = load_request(draft.request)
        if draft.is_uploaded:
            request = edit_request(request, asset_rows=draft.typed.list_rows)
    except (ValueError, InvalidInput, RecursionError):
        return None
    if draft.typed.query_form is not None and not adopt_form(draft.typed.query_form):
        return None
    drafts = {(target, path): value for target, path, value in draft.form_texts}
    errors = {name: InvalidInput(issues) for name, issues in draft.errors.items() if issues}
    return Session(
        owner=owner,
        typed=replace(draft.typed, drafts=drafts),
        inputs=Inputs(request, errors),
        views=Views(**{name: getattr(draft.views, name) for name in _VIEWS}, begun="restored"),
        timing=Timing(draft.epoch),
    )


def is_untouched(session: Session) -> bool:
    """Whether nothing was typed or decided in `session` yet."""
    typed, fresh = session.typed, Typed()
    if session.history.past or typed.query_text not in (EXAMPLE_QUERY, EVERYTHING_QUERY):
        return False
    others = [name for name in _TYPED if name not in _MADE and name != "query_text"]
    return all(getattr(typed, name) == getattr(fresh, name) for name in others)


class Drafts:
    """The drafts of all tabs; written in the background, one after the other.

    Parameters
    ----------
    texts
        Where they are kept, within its bounds.
    executor
        Runs one call at a time.
    """

    def __init__(self, texts: KeptTexts, executor: Executor) -> None:
        self._texts, self._executor = texts, executor
        self._waiting: dict[str, Session] = {}
        self._written: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """How long a draft is kept after its last change."""
        return self._texts.bounds.seconds

    def is_too_large(self, name: str) -> bool:
        """Whether the session with this id is not kept, because its texts are too large."""
        return self._written.get(name) == _TOO_LARGE

    def keep(self, name: str, session: Session) -> None:
        """Write the draft of `session` soon, if anything in it changed since the last call."""
        if is_untouched(session):
            return
        parts = [getattr(session.typed, one) for one in _TYPED]
        parts += [getattr(session.views, one) for one in _VIEWS]
        key = (name, session.epoch, Same(session.inputs), *map(Same, parts))
        session.memo.remember("draft", key, lambda: self._write_soon(name, session))

    def restore(self, name: str, owner: str) -> Session | None:
        """The session that was kept under this id for this owner, without its results."""
        kept = self._texts.read(owner, name)
        return None if kept is None else read_draft(kept.text, owner)

    def forget(self, name: str, owner: str) -> None:
        """Keep nothing of the session with this id."""
        with self._lock:
            self._waiting.pop(name, None)
        self._do_soon(self._texts.remove, owner, name)

    def _write_soon(self, name: str, session: Session) -> None:
        """Write the draft as it is then: changes that follow at once are one write."""
        with self._lock:
            is_new = name not in self._waiting
            self._waiting[name] = session
        if is_new:
            self._do_soon(self._write, name)

    def _do_soon(self, call: Callable[..., None], *arguments: str) -> None:
        with suppress(RuntimeError):  # the server ends, and takes no more work
            self._executor.submit(call, *arguments)

    def _write(self, name: str) -> None:
        with self._lock:
            session = self._waiting.pop(name, None)
        if session is None:
            return
        try:
            text = write_draft(session)
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            if self._written.get(name) != digest:
                self._texts.write(session.owner, name, text)
                self._note(name, digest)
        except InvalidInput:
            self._note(name, _TOO_LARGE)
            self._texts.remove(session.owner, name)  # an older draft is not what was typed last
        except DispatchError as error:
            log.warning("a draft is not kept: %s", error)
        except Exception:
            log.exception("a draft is not kept")

    def _note(self, name: str, digest: str) -> None:
        self._written[name] = digest
        self._written.move_to_end(name)
        while len(self._written) > _MOST_WRITTEN:
            self._written.popitem(last=False)
