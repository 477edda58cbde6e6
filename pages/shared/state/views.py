"""The view settings of a session: pages, tabs, columns, searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dispatch_core.errors import DispatchError
from dispatch_core.kept.saved_queries import SavedQuery
from dispatch_core.views.columns import STANDARD
from dispatch_core.views.table import TableView

FORM, JSON = "Form", "JSON"
"""The two ways to see parameters."""

FACETS, ROWS = "Facets", "Rows"
"""The ways to see a query, with JSON."""

TABLE, CHARTS = "Table", "Charts"
"""The two ways to see assets and files."""

COMPARE, CHECK = "Compare", "Check"
"""The two views of the page Compare and check."""

Begun = Literal["new", "restored", "lost"]

DEFAULT_COLUMNS = tuple(column.title for column in STANDARD)
"""The initial columns of the asset table, in addition to the name."""


@dataclass(frozen=True)
class SavedMenu:
    """The menu of saved queries.

    Attributes
    ----------
    browser
        The id that the browser stores; "" if it stores nothing, None until it answered.
    replacing
        The name of the query that may be replaced; "" without one.
    deleted
        The query that was deleted last, which can be restored.
    error
        Why the last action failed.
    """

    browser: str | None = None
    replacing: str = ""
    deleted: SavedQuery | None = None
    error: DispatchError | None = None


@dataclass(frozen=True)
class Views:
    """The page, the tabs, the columns and the searches that a session shows.

    Attributes
    ----------
    notice
        A sentence that the next page shows once.
    is_folded
        Whether the rows of the query are chips, as after Find, so that the result is in sight.
    edited_chip
        The key of the condition that is edited below the chips; 0 for none.
    facet_paths
        The spellings of the field that the facet "Any field" shows.
    facet_searches
        The text that the values of a facet contain, by the name of the facet.
    chosen_set
        The index of the parameter set that the form shows; -1 is the fixed parameters.
    form_version
        How often a table changed values that the form of the parameters shows too.
    tables
        Search, order and page of each table, by the key of the table.
    seen
        Fingerprint, equation and number of jobs of the plan that the user saw last.
    address, address_opened, link_error
        The request in the address, when the user went back to an earlier one, and why the
        request of a link could not be used.
    means_all
        Whether the user confirmed a query without a condition.
    is_borrowed
        Whether a link opened the session, and nothing was decided or found in it since.
    addresses_before
        The last requests that the address had. A page that is loaded again before the browser
        has written the newest one still has one of them.
    address_found
        Whether the request in the address was searched: the next change is a step of its own
        for the browser's back button.
    address_step
        The number of such steps.
    go_to
        The page to which a callback goes, in the next run: it cannot switch pages itself.
    shown_record
        The path of the record whose details the page History shows.
    record_error
        The path of a record, and why its request could not be used.
    compare_old, compare_new, checked_place
        The dispatches that are compared and checked: a path, or a name of `places`.
    shows_same
        Whether the jobs that both dispatches have are listed too.
    is_welcomed
        Whether the first line of help was closed.
    is_why_open
        Whether the drawer that explains a missing asset is open.
    document
        The path below `docs` of the document of Help that is open; "" for none.
    help_number
        How often a document was opened from the menu of Help, which is then drawn anew.
    saved
        The menu of saved queries.
    begun
        How the session began: anew, restored from the disk, or anew because nothing of the
        tab's earlier session is kept.
    is_too_large
        Whether the texts are too large to be kept on the disk.
    """

    page: str = ""
    notice: str = ""
    query_view: str = FACETS
    is_folded: bool = False
    edited_chip: int = 0
    facet_paths: tuple[str, ...] = ("",)
    facet_searches: Mapping[str, str] = field(default_factory=dict)
    parameter_view: str = FORM
    asset_view: str = TABLE
    file_view: str = TABLE
    job_view: str = "jobs"
    columns: tuple[str, ...] = DEFAULT_COLUMNS
    chosen_set: int = 0
    form_version: int = 0
    tables: Mapping[str, TableView] = field(default_factory=dict)
    seen: tuple[str, str, int] | None = None
    address: str | None = None
    means_all: bool = False
    is_borrowed: bool = False
    addresses_before: tuple[str, ...] = ()
    address_opened: int = 0
    address_found: bool = False
    address_step: int = 0
    link_error: DispatchError | None = None
    go_to: str = ""
    library_view: str = COMPARE
    shown_record: str = ""
    record_error: tuple[str, DispatchError] | None = None
    compare_old: str = ""
    compare_new: str = ""
    checked_place: str = ""
    shows_same: bool = False
    is_welcomed: bool = False
    is_why_open: bool = False
    document: str = ""
    help_number: int = 0
    saved: SavedMenu = SavedMenu()
    begun: Begun = "new"
    is_too_large: bool = False

    @property
    def has_dialog(self) -> bool:
        """Whether a document of Help or the drawer of a missing asset is over the page."""
        return self.is_why_open or bool(self.document)

    def has_address(self, text: str, is_reload: bool) -> bool:
        """Whether the request `text` of an address is that of this session."""
        return text == self.address or (is_reload and text in self.addresses_before)
