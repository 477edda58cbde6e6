"""The values of a session: what a change affects, and what it leaves unchanged."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from dispatch_core.errors import InvalidInput, Issue
from pages.shared.state.edits import load
from pages.shared.state.inputs import Inputs
from pages.shared.state.memo import Memo
from pages.shared.state.session import Session
from pages.shared.state.settle import settled
from pages.shared.state.timing import SETTLE_SECONDS, Timing
from pages.shared.state.work import Work

ERROR = InvalidInput(Issue("wrong"))


def test_an_edit_that_changes_nothing_keeps_the_request() -> None:
    inputs = Inputs().edited(query={"a": 1}, tasks_per_job=2)

    assert inputs.edited(query={"a": 1}, tasks_per_job=2) is inputs


def test_an_edit_keeps_the_fields_that_it_does_not_change() -> None:
    before = Inputs().edited(query={"a": 1}, excluded=("x",))

    after = before.edited(tasks_per_job=2)

    assert after.request.query is before.request.query
    assert after.request.excluded is before.request.excluded


@pytest.mark.parametrize(
    ("one", "other"), [({"a": 1}, {"a": True}), ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
)
def test_one_and_true_and_two_orders_of_keys_are_different_queries(
    one: dict[str, object], other: dict[str, object]
) -> None:
    before = Inputs().edited(query=one)

    assert before.edited(query=other).request is not before.request


def test_an_edit_with_an_error_changes_nothing() -> None:
    session = Session()
    before = session.inputs

    with pytest.raises(InvalidInput, match="filter_latest needs filter_by"):
        session.edit(filter_latest="name")

    assert session.inputs is before


def test_a_valid_query_clears_the_error_of_the_list_and_no_other() -> None:
    inputs = Inputs().refused("list of ids", ERROR).refused("parameters", ERROR)

    assert list(inputs.accepted("query").errors) == ["parameters"]


def test_a_field_that_does_not_exist_cannot_be_kept() -> None:
    session = Session()

    with pytest.raises(TypeError, match="query_txt"):
        session.keep_typed(query_txt="{}")


def test_a_press_waits_for_the_editor_and_then_no_longer() -> None:
    session = Session()

    session.ask("find")

    assert 0 < session.timing.seconds_to_settle <= SETTLE_SECONDS
    assert Timing().seconds_to_settle < 0


def test_answering_one_press_leaves_the_others() -> None:
    session = Session()
    session.ask("view", "JSON")
    session.ask("find")

    session.answer("view", "convert")

    assert list(session.timing.asked) == ["find"]


def test_reloaded_editors_have_another_key_and_forget_what_tables_began_with() -> None:
    session = Session()
    session.keep_typed(table_rows={"key": [{"a": "1"}]})

    session.reload_editors()

    assert session.epoch == 1
    assert session.typed.table_rows == {}


def test_a_page_reloads_its_editors_only_when_it_is_entered() -> None:
    session = Session()

    for _ in range(3):
        session.enter_page("Files")

    assert session.epoch == 1


def test_a_copy_of_a_session_is_edited_apart_and_shares_its_work() -> None:
    session = Session()
    session.keep_work(found=Work("key", Future()))
    session.memo.remember("name", "key", lambda: "first")

    twin = session.duplicate()
    twin.keep_typed(query_text="{}")
    twin.edit(query={})
    twin.memo.remember("name", "other key", lambda: "second")

    assert session.typed.query_text != "{}"
    assert session.request.query is None
    assert session.memo.remember("name", "key", lambda: "third") == "first"
    assert twin.work.found is session.work.found


def test_dropped_results_leave_what_was_typed_and_a_write() -> None:
    session = Session()
    write: Work[None] = Work("write", Future())
    session.keep_typed(query_text="{}")
    session.keep_work(found=Work("found", Future()), write=write)

    session.drop_results()

    assert session.typed.query_text == "{}"
    assert session.work.write is write
    assert session.work.found is None


def test_a_loaded_request_replaces_texts_and_errors() -> None:
    session = Session()
    session.refuse("parameters", ERROR)
    session.keep_typed(drafts={(("analysis_parameter",), ("a",)): "x"})
    request = Inputs().edited(query={"a": 1}, file_extension=".nwb").request

    load(session, request)

    assert session.request is request
    assert session.inputs.errors == {}
    assert session.typed.query_text == '{\n  "a": 1\n}'
    assert session.typed.extension_text == ".nwb"
    assert session.typed.drafts == {}


def test_a_value_is_made_again_for_other_rows_even_if_they_are_equal() -> None:
    memo = Memo()
    rows, equal_rows = [1, 2], [1, 2]

    first = memo.remember_of("sum", rows, None, lambda: object())

    assert memo.remember_of("sum", rows, None, lambda: object()) is first
    assert memo.remember_of("sum", equal_rows, None, lambda: object()) is not first


def test_changes_by_two_threads_undo_nothing() -> None:
    session = Session()
    names = [f"input {number}" for number in range(200)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: session.refuse(name, InvalidInput("wrong")), names * 5))

    assert session.inputs.errors.keys() == set(names)


def test_a_press_during_a_run_is_not_answered_by_that_run() -> None:
    session = Session()
    session.ask("view", "JSON")
    seen = settled(session)
    session.ask("find")

    session.answer(*seen)

    assert settled(session).keys() == {"find"}


class Result:
    """What a session can refer to."""

    @property
    def assets(self) -> tuple[()]:
        return ()


def test_dropped_results_are_freed_at_once() -> None:
    """The errors of an empty request had a traceback, which kept the results in memory."""
    session, result = Session(), Result()
    session.keep_work(last_found=result)
    seen = weakref.ref(result)
    del result
    gc.disable()
    try:
        session.drop_results()
        assert seen() is None
    finally:
        gc.enable()


def test_an_error_of_an_input_keeps_nothing_else_in_memory() -> None:
    def fail(result: Result) -> None:
        raise InvalidInput("it is wrong")

    session, result = Session(), Result()
    seen = weakref.ref(result)
    try:
        fail(result)
    except InvalidInput as error:
        session.refuse("query", error)
    del result
    gc.disable()
    try:
        assert seen() is None
        assert str(session.inputs.errors["query"]) == "it is wrong."
    finally:
        gc.enable()
