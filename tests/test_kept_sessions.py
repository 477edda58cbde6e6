"""Sessions that outlive a reload: who gets them, for how long, and how many are kept."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, field, replace

import pytest

from pages.shared.state.kept_sessions import TURNOVER, KeptSessions
from pages.shared.state.memo import Memo
from pages.shared.state.services import collect_garbage


@dataclass
class Draft:
    """A session with this many rows."""

    text: str
    rows: int = 0
    owner: str = ""
    memo: Memo = field(default_factory=Memo, compare=False)

    @property
    def weight(self) -> int:
        return self.rows

    def drop_results(self) -> None:
        self.rows = 0

    def duplicate(self) -> Draft:
        return replace(self)


class World:
    """Kept sessions, the connections that are open, and a clock."""

    def __init__(self, **bounds: float) -> None:
        self.open: set[str] = set()
        self.now = 0.0
        self.turned_over = 0
        self.kept = KeptSessions(
            self.open.__contains__,
            clock=lambda: self.now,
            turned_over=self.turn_over,
            **bounds,  # type: ignore[arg-type]
        )

    def turn_over(self) -> None:
        self.turned_over += 1

    def visit(self, draft: Draft, connection: str) -> str:
        self.open.add(connection)
        return self.kept.add(draft, connection)

    def come_back(self, own: str = "", *recent: str, by: str = "back") -> Draft | None:
        self.open.add(by)
        resumed = self.kept.resume(own, recent, by, owner="")
        return resumed[1] if resumed else None


@pytest.fixture
def world() -> World:
    return World()


def test_a_reloaded_tab_continues_its_own_session(world: World) -> None:
    draft = Draft("typed")
    name = world.visit(draft, "first")
    world.open.remove("first")

    assert world.come_back(name) is draft


def test_a_new_tab_continues_the_session_that_was_closed_last(world: World) -> None:
    older, newer = Draft("older"), Draft("newer")
    names = [world.visit(older, "a"), world.visit(newer, "b")]
    world.open.clear()

    assert world.come_back("", names[1], names[0]) is newer


def test_a_second_tab_beside_an_open_one_starts_a_new_session(world: World) -> None:
    name = world.visit(Draft("typed"), "first")

    assert world.come_back("", name) is None


def test_a_duplicated_tab_continues_with_a_copy(world: World) -> None:
    draft = Draft("typed")
    name = world.visit(draft, "first")

    twin = world.come_back(name, name)

    assert twin == draft
    assert twin is not draft
    assert len(world.kept) == 2


def test_an_unknown_id_opens_nothing(world: World) -> None:
    world.visit(Draft("typed"), "first")
    world.open.clear()

    assert world.come_back("guessed", "guessed too") is None


def test_ids_are_long_and_never_the_same(world: World) -> None:
    names = {world.visit(Draft("x"), "first") for _ in range(50)}

    assert len(names) == 50
    assert min(map(len, names)) >= 40


def test_a_session_is_forgotten_some_time_after_it_was_last_shown() -> None:
    world = World(seconds=100)
    name = world.visit(Draft("typed"), "first")
    world.now = 90
    world.kept.show(name, "first")
    world.open.clear()

    world.now = 189
    assert world.come_back(name, by="second") is not None
    world.open.clear()
    world.now = 290
    assert world.come_back(name, by="third") is None


def test_a_session_that_is_shown_is_kept_however_old() -> None:
    world = World(seconds=100)
    name = world.visit(Draft("typed"), "first")

    world.now = 1_000
    world.visit(Draft("other"), "second")
    world.open.remove("first")
    world.now = 1_090

    assert world.come_back(name) is not None


def test_above_the_limit_the_sessions_not_shown_for_longest_are_dropped() -> None:
    world = World(most=3)
    names = [world.visit(Draft(str(n)), str(n)) for n in range(3)]
    world.open.clear()
    world.kept.show(names[0], "0")

    world.visit(Draft("new"), "new")

    assert world.come_back(names[1]) is None
    assert world.come_back(names[0]) == Draft("0")


def test_if_memory_is_short_results_are_dropped_before_what_was_typed() -> None:
    world = World(rows=100)
    name = world.visit(Draft("typed", rows=80), "first")
    world.open.clear()
    other = world.visit(Draft("other", rows=70), "second")
    world.open.clear()

    world.visit(Draft("new"), "third")

    assert world.come_back(name) == Draft("typed", rows=0)
    assert world.come_back(other) == Draft("other", rows=70)


def test_a_dropped_session_has_no_results_for_who_still_refers_to_it() -> None:
    """Streamlit keeps the session of a closed tab for minutes."""
    world = World(most=2, seconds=100)
    drafts = [Draft(str(n), rows=10) for n in range(3)]
    for number, draft in enumerate(drafts):
        world.visit(draft, str(number))
    world.open.clear()
    world.visit(Draft("new"), "new")

    assert [draft.rows for draft in drafts] == [0, 0, 10]
    world.now = 200
    world.visit(Draft("newer"), "newer")
    assert [draft.rows for draft in drafts] == [0, 0, 0]


def test_the_tables_of_a_closed_tab_are_dropped_and_those_on_a_screen_stay(world: World) -> None:
    shown, closed = Draft("shown"), Draft("closed")
    for draft in (shown, closed):
        world.visit(draft, draft.text)
        draft.memo.remember("table", 1, lambda: "rows")
    world.open.remove("closed")

    world.visit(Draft("new"), "new")

    assert list(shown.memo.values) == ["table"]
    assert not closed.memo.values


def test_memory_is_collected_after_a_number_of_new_sessions(world: World) -> None:
    for number in range(2 * TURNOVER + 1):
        world.visit(Draft(""), str(number))
    assert world.turned_over == 2


def test_what_refers_to_itself_is_collected() -> None:
    draft = Draft("cycle")
    draft.memo.values["itself"] = (1, draft)
    seen = weakref.ref(draft)
    gc.disable()
    try:
        del draft
        assert seen() is not None
        collect_garbage()
        assert seen() is None
    finally:
        gc.enable()


def test_results_on_a_screen_are_never_dropped() -> None:
    world = World(rows=100)
    shown = Draft("shown", rows=500)
    world.visit(shown, "first")

    world.visit(Draft("new"), "second")

    assert shown.rows == 500


def test_a_forgotten_session_does_not_come_back(world: World) -> None:
    name = world.visit(Draft("typed"), "first")
    world.open.clear()

    world.kept.forget(name)

    assert world.come_back(name, name) is None


def test_a_session_of_another_person_at_the_same_browser_is_not_resumed(world: World) -> None:
    drafts = [Draft("ada's", owner="ada"), Draft("grace's", owner="grace")]
    names = [world.visit(draft, draft.owner) for draft in drafts]
    world.open.clear()

    resumed = world.kept.resume(names[0], names, "back", owner="grace")

    assert resumed is not None
    assert resumed[1].text == "grace's"


def test_a_restored_session_is_continued_by_the_tab_with_its_id(world: World) -> None:
    draft = Draft("typed")

    world.kept.restore("its id", draft)

    assert world.come_back("its id") is draft


def test_of_two_tabs_that_restore_one_session_the_second_gets_a_copy(world: World) -> None:
    first, second = Draft("typed"), Draft("typed")
    world.kept.restore("its id", first)
    assert world.come_back("its id", by="one") is first

    world.kept.restore("its id", second)
    twin = world.come_back("its id", by="two")

    assert twin == first
    assert twin is not first
