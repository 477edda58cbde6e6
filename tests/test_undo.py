"""Undo and redo of what was decided."""

from __future__ import annotations

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.request import DispatchRequest
from pages.shared.state.history import MOST, MOST_TEXT, Choice, History
from pages.shared.state.session import Session
from pages.shared.state.typed import Typed


def choice(number: int) -> Choice:
    return Choice(DispatchRequest(num_parallel_workers=number), Typed(query_text=str(number)))


def noted(*numbers: int, every: float = 10.0) -> History:
    history = History()
    for at, number in enumerate(numbers, start=1):
        history = history.noted(choice(number), at * every)
    return history


def shown(history: History) -> int | None:
    return history.now and history.now.request.num_parallel_workers


def test_undo_returns_to_the_step_before_and_redo_to_the_step_after() -> None:
    history = noted(1, 2, 3)

    assert shown(history.undone()) == 2
    assert shown(history.undone().undone()) == 1
    assert shown(history.undone().undone().undone()) == 1
    assert shown(history.undone().redone()) == 3
    assert shown(history.redone()) == 3


def test_a_new_choice_after_an_undo_forgets_what_was_undone() -> None:
    history = noted(1, 2).undone().noted(choice(5), 100)

    assert history.future == ()
    assert shown(history.undone()) == 1


def test_an_equal_request_is_not_a_step() -> None:
    assert noted(1, 1, 1).past == ()


def test_a_change_after_a_break_is_a_step_of_its_own_however_soon_it_follows() -> None:
    history = noted(1, 2, every=0.1).with_break().noted(choice(3), 0.3)

    assert shown(history.undone()) == 2


def test_a_text_typed_key_by_key_is_one_step() -> None:
    history = noted(1, 2).noted(choice(3), 21.0).noted(choice(4), 22.0)

    assert shown(history) == 4
    assert shown(history.undone()) == 1


def test_a_change_that_is_quickly_changed_back_adds_no_step() -> None:
    """As when a step back in the browser is followed by one forward: Undo would do nothing."""
    history = noted(1, 2).noted(choice(1), 30.0).noted(choice(2), 31.0)

    assert history.now == choice(2)
    assert history.past == (choice(1),)


def test_clicks_are_each_a_step_however_quick() -> None:
    history = noted(1, 2).noted(choice(3), 20.5, may_be_typed=False)

    assert shown(history.undone()) == 2


def test_the_oldest_steps_are_forgotten() -> None:
    assert len(noted(*range(1, MOST + 20)).past) == MOST


def test_of_large_texts_fewer_steps_are_kept() -> None:
    history, same = History(), "y" * (MOST_TEXT - 10_000)
    for number in range(20):
        typed = Typed(parameters_text=f"{number}".ljust(MOST_TEXT // 4))
        step = Choice(DispatchRequest(num_parallel_workers=number + 1), typed)
        history = history.noted(step, number * 10.0)
    assert len(history.past) == 3

    for number in range(20):  # a text that stays is there once
        typed = Typed(list_text=same)
        step = Choice(DispatchRequest(num_parallel_workers=number + 100), typed)
        history = history.noted(step, 1_000 + number * 10.0)
    assert len(history.past) == 19


def test_a_session_returns_with_its_texts_and_a_new_editor() -> None:
    session = Session()
    session.edit(num_parallel_workers=3)
    session.note_choice()
    session.keep_typed(query_text="other")
    session.edit(num_parallel_workers=4)
    session.note_choice()
    epoch = session.epoch

    session.undo()

    assert session.request.num_parallel_workers == 3
    assert session.typed.query_text != "other"
    assert session.epoch > epoch
    session.redo()
    assert session.typed.query_text == "other"


def test_an_invalid_input_is_not_a_step() -> None:
    session = Session()
    session.note_choice()
    session.refuse("query", InvalidInput(Issue("wrong", "", "")))
    session.edit(num_parallel_workers=4)
    session.note_choice()

    assert session.history.past == ()


def test_undo_of_an_unfinished_change_returns_to_the_last_choice_and_redo_to_the_change() -> None:
    session = Session()
    for number in (1, 2):
        session.edit(num_parallel_workers=number)
        session.keep_typed(query_text=f"choice {number}")
        session.begin_step()
        session.note_choice()
    session.keep_typed(query_text="unfinished")
    session.refuse("query", InvalidInput(Issue("wrong", "", "")))
    seen = []

    for take in (session.undo, session.redo, session.undo, session.undo):
        assert session.can_undo
        take()
        if session.typed.query_text == "unfinished":
            session.refuse("query", InvalidInput(Issue("wrong", "", "")))
        seen.append((session.typed.query_text, session.request.num_parallel_workers))

    assert seen == [("choice 2", 2), ("unfinished", 2), ("choice 2", 2), ("choice 1", 1)]


def test_undo_right_after_a_change_takes_only_that_change_back() -> None:
    """The run that would have read the text, or noted the choice, was ended by the press."""
    session = Session()
    for number in (1, 2):
        session.edit(num_parallel_workers=number)
        session.begin_step()
        session.note_choice()
    session.begin_step()
    session.keep_typed(query_text="new")

    session.undo()
    undone = session.typed.query_text, session.request.num_parallel_workers
    session.redo()
    session.edit(num_parallel_workers=3)  # the run takes the text
    session.note_choice()
    session.begin_step()
    session.edit(num_parallel_workers=4)

    assert undone == (Typed().query_text, 2)
    shown = []
    while session.can_undo:
        session.undo()
        shown.append((session.typed.query_text, session.request.num_parallel_workers))
    assert shown == [("new", 3), (Typed().query_text, 2), (Typed().query_text, 1)]
