"""Work under way for a session, and its results, each with the input that made it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dispatch_core.earlier.before import BeforeCount
from dispatch_core.earlier.compare import Compared
from dispatch_core.earlier.faults import Checked
from dispatch_core.earlier.history import HistoryRow
from dispatch_core.find import FoundAssets
from dispatch_core.insight.explain import Explanation
from dispatch_core.insight.why_not import WhyNot
from dispatch_core.locate import AssetFiles, Located
from dispatch_core.output.deliver import Delivery
from dispatch_core.request import DispatchRequest
from dispatch_core.steps import Steps, begin_steps
from dispatch_core.views.columns import STANDARD_PATHS
from dispatch_core.views.table import Cell
from pages.shared.state.work import Work, result_of
from pages.shared.state.zip_offers import ZipOffer


def no_steps() -> Steps:
    """The steps of an empty request; the columns of the asset table are read with each asset."""
    return begin_steps(DispatchRequest(), STANDARD_PATHS)


@dataclass(frozen=True)
class UnderWay:
    """What was started, and its results.

    Attributes
    ----------
    steps
        The steps of the request at the last run.
    arrived
        The first results of `listed` while it runs; the work appends to them.
    zip
        The zip that the browser was sent to fetch last.
    updating
        Whether one press goes on to find, locate and plan.
    last_found, last_listed
        The results of earlier works, shown dimmed until the current works end.
    files_let_go
        How many files an earlier work had listed, if they were too many to be kept.
    """

    steps: Steps = field(default_factory=no_steps)
    found: Work[FoundAssets] | None = None
    listed: Work[Located] | None = None
    arrived: list[AssetFiles] = field(default_factory=list)
    plan: Work[Steps] | None = None
    write: Work[Delivery] | None = None
    zip: ZipOffer | None = None
    columns: Work[dict[str, dict[str, Cell]]] | None = None
    explain: Work[Explanation] | None = None
    why: Work[tuple[WhyNot, ...]] | None = None
    history: Work[tuple[HistoryRow, ...]] | None = None
    folders: Work[tuple[HistoryRow, ...]] | None = None
    before: Work[BeforeCount] | None = None
    compared: Work[Compared] | None = None
    checked: Work[Checked] | None = None
    last_found: FoundAssets | None = None
    last_listed: Located | None = None
    files_let_go: int = 0
    updating: bool = False

    @property
    def weight(self) -> int:
        """About how many rows the results have: assets, files, jobs, names and faults."""
        steps = result_of(self.plan) or self.steps
        plan, checked = steps.plan, result_of(self.checked)
        return (
            sum(len(one.assets) for one in (result_of(self.found), self.last_found) if one)
            + sum(len(one.located) for one in (result_of(self.listed), self.last_listed) if one)
            + (len(plan.jobs) if plan else 0)
            + (len(steps.before.names) if steps.before else 0)
            + (len(checked.faults) if checked else 0)
            + sum(side.jobs for one in (result_of(self.compared),) if one for side in one.sides)
        )

    def without_results(self) -> UnderWay:
        """A copy without results that can be found again; a running write stays."""
        return replace(UnderWay(), write=self.write)
