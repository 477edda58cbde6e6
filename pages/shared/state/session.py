"""The state of one browser tab: five frozen values, and the one way to change each.

`Typed` is changed by `keep_typed`, `Inputs` by `edit`, `refuse` and `accept`, `UnderWay`
by `keep_work`, `Views` by `keep_view`, and `Timing` by `ask`, `answer`, `defer` and
`reload_editors`. Nothing else assigns them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

from dispatch_core.errors import InvalidInput
from dispatch_core.request import DispatchRequest
from pages.shared.state.inputs import Inputs
from pages.shared.state.memo import Memo
from pages.shared.state.timing import Deferred, Timing
from pages.shared.state.typed import Typed
from pages.shared.state.underway import UnderWay
from pages.shared.state.views import Views


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

    def keep_typed(self, **texts: Any) -> None:
        """Replace fields of `Typed`."""
        self.typed = replace(self.typed, **texts)

    def keep_view(self, **views: Any) -> None:
        """Replace fields of `Views`."""
        self.views = replace(self.views, **views)

    def keep_work(self, **works: Any) -> None:
        """Replace fields of `UnderWay`."""
        self.work = replace(self.work, **works)

    def edit(self, **changes: Any) -> None:
        """Change the request; raises `InvalidInput`, and then nothing is changed."""
        self.inputs = self.inputs.edited(**changes)

    def replace_request(self, request: DispatchRequest) -> None:
        """Use a whole request, which no input blocks."""
        self.inputs = Inputs(request)

    def refuse(self, name: str, error: InvalidInput) -> None:
        """Block the request with `error` of the input `name`; the typed text stays."""
        self.inputs = self.inputs.refused(name, error)

    def accept(self, name: str) -> None:
        """Note that the input `name` is valid."""
        self.inputs = self.inputs.accepted(name)

    def ask(self, what: str, value: Any = None) -> None:
        """Note that `what` was pressed; used as a callback, which nothing interrupts."""
        self.timing = self.timing.asking(what, value)

    def answer(self, *what: str) -> None:
        """Note that these presses are done; others remain."""
        self.timing = self.timing.answered(what)

    def defer(self, deferred: Deferred | None) -> None:
        """Keep the action of a button until the editor beside it has sent its text."""
        self.timing = replace(self.timing, deferred=deferred)

    def reload_editors(self) -> None:
        """Give editors a new key: only a new editor shows a text that was not typed into it."""
        self.timing = replace(self.timing, epoch=self.epoch + 1)
        self.keep_typed(table_rows={})

    def enter_page(self, page: str) -> None:
        """Note the page; on each visit, editors are reset to the kept text."""
        if self.views.page != page:
            self.keep_view(page=page)
            self.reload_editors()

    def duplicate(self) -> Session:
        """A copy that is edited separately; results and work are shared."""
        twin = copy.copy(self)
        twin.memo = self.memo.copy()
        return twin

    def drop_results(self) -> None:
        """Drop results that can be found again; typed texts and a running write stay."""
        self.work = self.work.without_results()
        self.memo.clear()
