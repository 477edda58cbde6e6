"""The state of one browser tab: five frozen values, and the one way to change each.

`Typed` is changed by `keep_typed`, `Inputs` by `edit`, `refuse` and `accept`, `UnderWay`
by `keep_work`, `Views` by `keep_view`, and `Timing` by `ask`, `answer`, `put`, `applied`,
`defer` and `reload_editors`. `replace_request`, `undo` and `redo` change several at once, and
`drop_results` empties `UnderWay`. Nothing else assigns them.

Where `runner.fastReruns` is on, as it is by default in Streamlit but not here, the next run
starts in a thread of its own while the last line of the previous one is still being executed.
So a change reads and replaces a value under a lock: without it, one thread could undo what the
other has just noted, such as a press.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from dispatch_core.errors import InvalidInput
from dispatch_core.request import DispatchRequest
from pages.shared.state.history import Choice, History
from pages.shared.state.inputs import Inputs
from pages.shared.state.memo import Memo
from pages.shared.state.timing import Deferred, Timing
from pages.shared.state.typed import Typed
from pages.shared.state.underway import UnderWay
from pages.shared.state.views import FACETS, Views

_P = ParamSpec("_P")


def _atomic(
    change: Callable[Concatenate[Session, _P], None],
) -> Callable[Concatenate[Session, _P], None]:
    """A method of `Session` that no other change interrupts."""

    @wraps(change)
    def locked(session: Session, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        with session.lock:
            change(session, *args, **kwargs)

    return locked


@dataclass
class Session:
    """The typed texts, the request, the work under way, the views and the timing of one tab."""

    owner: str = ""
    typed: Typed = field(default_factory=Typed)
    inputs: Inputs = field(default_factory=Inputs)
    work: UnderWay = field(default_factory=UnderWay)
    views: Views = field(default_factory=Views)
    timing: Timing = field(default_factory=Timing)
    memo: Memo = field(default_factory=Memo)
    history: History = field(default_factory=History)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def request(self) -> DispatchRequest:
        """The request, as far as the inputs are valid."""
        return self.inputs.request

    @property
    def epoch(self) -> int:
        """Part of the key of every editor."""
        return self.timing.epoch

    @property
    def weight(self) -> int:
        """About how many rows it contains: list rows, assets, files and jobs."""
        return len(self.typed.list_rows) + self.work.weight

    @_atomic
    def keep_typed(self, /, **texts: Any) -> None:
        """Replace fields of `Typed`."""
        self.typed = replace(self.typed, **texts)

    @_atomic
    def keep_view(self, /, **views: Any) -> None:
        """Replace fields of `Views`."""
        self.views = replace(self.views, **views)

    @_atomic
    def keep_work(self, /, **works: Any) -> None:
        """Replace fields of `UnderWay`."""
        self.work = replace(self.work, **works)

    @_atomic
    def edit(self, /, **changes: Any) -> None:
        """Change the request; raises `InvalidInput`, and then nothing is changed."""
        self.inputs = self.inputs.edited(**changes)

    @_atomic
    def note_choice(self) -> None:
        """Note what is decided now, as a step to return to; not while an input is invalid."""
        if not self.inputs.errors:
            by_clicks = self.views.page == "Assets" and self.views.query_view == FACETS
            choice = Choice(self.request, self.typed)
            self.history = self.history.noted(choice, may_be_typed=not by_clicks)

    @_atomic
    def begin_step(self) -> None:
        """Let what changes next be a step of its own for Undo."""
        self.history = self.history.with_break()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step before, or an unfinished change since the last step."""
        return bool(self.history.past) or self._is_unfinished

    @property
    def _is_unfinished(self) -> bool:
        """Whether a text is invalid, or newer than the request: the run that took it has ended."""
        now = self.history.now
        if now is None or now.is_unfinished:
            return False
        return bool(self.inputs.errors) or not now.is_made_of(self.typed)

    @_atomic
    def undo(self) -> None:
        """Return to what was decided before an unfinished change, else one step before.

        A run that another action ended has not noted what it decided; that is a step, too.
        """
        if self._is_unfinished:
            unfinished = Choice(self.request, self.typed, is_unfinished=True)
            self._use(self.history.without(unfinished))
        else:
            self.note_choice()
            self._use(self.history.undone())

    @_atomic
    def redo(self) -> None:
        """Decide again what was undone last."""
        self._use(self.history.redone())

    def _use(self, history: History) -> None:
        self.history = history
        if history.now is not None:
            self.inputs = Inputs(history.now.request)
            self.typed = history.now.typed.with_new_keys()
            self.reload_editors()

    @_atomic
    def replace_request(self, request: DispatchRequest) -> None:
        """Use a whole request, which no input blocks and no press of Find was meant for."""
        self.inputs = Inputs(request)
        self.timing = self.timing.without_late_text()

    @_atomic
    def refuse(self, name: str, error: InvalidInput) -> None:
        """Block the request with `error` of the input `name`; the typed text stays."""
        self.inputs = self.inputs.refused(name, error)

    @_atomic
    def accept(self, name: str) -> None:
        """Note that the input `name` is valid."""
        self.inputs = self.inputs.accepted(name)

    @_atomic
    def ask(self, what: str, value: Any = None) -> None:
        """Note that `what` was pressed; used as a callback, which nothing interrupts."""
        self.timing = self.timing.asking(what, value)

    @_atomic
    def answer(self, *what: str) -> None:
        """Note that these presses are done; others remain."""
        self.timing = self.timing.answered(what)

    @_atomic
    def put(self, key: str, value: Any) -> None:
        """Set the value of the widget `key` when it is drawn next; for callbacks of others."""
        self.timing = replace(self.timing, puts={**self.timing.puts, key: value})

    @_atomic
    def applied(self, key: str) -> None:
        """Note that the widget `key` has the value that was put."""
        others = {one: value for one, value in self.timing.puts.items() if one != key}
        self.timing = replace(self.timing, puts=others)

    @_atomic
    def defer(self, deferred: Deferred | None) -> None:
        """Keep the action of a button until the editor beside it has sent its text."""
        self.timing = replace(self.timing, deferred=deferred)

    @_atomic
    def reload_editors(self) -> None:
        """Give editors a new key: only a new editor shows a text that was not typed into it."""
        self.timing = replace(self.timing, epoch=self.epoch + 1)
        self.keep_typed(table_rows={})

    @_atomic
    def enter_page(self, page: str) -> None:
        """Note the page; on each visit, editors are reset to the kept text."""
        if self.views.page != page:
            self.keep_view(page=page, is_why_open=False, document="")
            self.reload_editors()

    def duplicate(self) -> Session:
        """A copy that is edited separately; results and work are shared."""
        twin = copy.copy(self)
        twin.lock = threading.RLock()
        twin.memo = self.memo.copy()
        return twin

    @_atomic
    def drop_results(self) -> None:
        """Drop results that can be found again; typed texts and a running write stay."""
        self.work = self.work.without_results()
        self.memo.clear()
