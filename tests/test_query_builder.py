"""The query builder's form, run without a browser: one value behind the rows and the text."""

from __future__ import annotations

import json
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dispatch_core.builder.query_form import FormRow
from dispatch_core.text.date_layouts import today
from pages.shared.state.history import History
from pages.shared.state.services import ask_date_layouts, ask_fields, ask_not_compared
from pages.shared.state.views import FACETS, JSON, ROWS
from pages.shared.state.work import Work
from tests.support.app import session_of

pytestmark = pytest.mark.usefixtures("embedded_demo")

ROOT = Path(__file__).resolve().parents[1]


def open_app(query: Any, view: str = ROWS) -> AppTest:
    """The page Assets with this query, as text or as a value."""
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=30).run()
    session = session_of(app)
    session.keep_typed(query_text=query if isinstance(query, str) else json.dumps(query))
    session.keep_view(query_view=view)
    session.reload_editors()
    app.run()
    assert not app.exception
    return app


def query_of(app: AppTest) -> Any:
    return json.loads(session_of(app).typed.query_text)


def row(app: AppTest, number: int = 0) -> FormRow:
    form = session_of(app).typed.query_form
    assert form is not None
    found = form.root.members[number]
    assert isinstance(found, FormRow)
    return found


def value_key(app: AppTest, number: int = 0) -> str:
    found = row(app, number)
    return f"value-{found.key}-{found.version}"


def write_value(app: AppTest, text: str, number: int = 0) -> None:
    """Write the value of a row with an unknown field, so that no value is suggested."""
    app.text_input(key=value_key(app, number)).set_value(text).run()


def info_of(app: AppTest) -> str:
    """The captions and info boxes of the page, without their Markdown escapes."""
    shown = [str(one.value) for one in [*app.main.caption, *app.info]]
    return "\n".join(shown).replace("\\", "")


def press_condition(app: AppTest) -> None:
    form = session_of(app).typed.query_form
    assert form is not None
    app.button(key=f"add-{form.root.key}").click().run()


def test_a_changed_value_is_the_query_and_its_text_at_once() -> None:
    app = open_app({"rig.note": "900003", "name": {"$exists": True}})

    write_value(app, "900005")

    expected = {"rig.note": "900005", "name": {"$exists": True}}
    assert query_of(app) == expected
    assert session_of(app).request.query == expected


def test_a_form_that_is_only_looked_at_leaves_the_text_as_it_was_typed() -> None:
    text = '{ "name" :\n\n  {"$regex": "^ecephys_"} }'

    app = open_app(text)

    assert session_of(app).typed.query_text == text


def test_an_id_of_digits_is_a_text_until_its_kind_is_changed() -> None:
    app = open_app({"rig.note": "774659"})
    kind = next(one for one in app.selectbox if one.label == "Kind of value")
    assert kind.value == "text"

    kind.set_value("number").run()

    assert query_of(app) == {"rig.note": 774659}


def test_another_condition_keeps_the_value_that_it_can_take() -> None:
    app = open_app({"name": "ecephys_900003"})

    app.selectbox(key=f"condition-{row(app).key}").set_value(("starts with", False)).run()
    assert query_of(app) == {"name": {"$regex": "^ecephys_900003"}}

    app.selectbox(key=f"condition-{row(app).key}").set_value(("is one of", False)).run()
    assert query_of(app) == {"name": {"$in": ["ecephys_900003"]}}

    app.selectbox(key=f"condition-{row(app).key}").set_value(("contains", True)).run()
    assert query_of(app) == {"name": {"$not": {"$regex": "ecephys_900003"}}}


def test_a_new_condition_holds_find_back_from_its_field_to_its_value() -> None:
    app = open_app({"name": "x"})

    press_condition(app)
    assert "missing" not in info_of(app)
    assert query_of(app) == {"name": "x"}

    app.selectbox(key=f"field-{row(app, 1).key}").set_value("subject.subject_id").run()
    assert "Subject …: the value is missing" in info_of(app)
    app.button(key="find").click().run()
    assert session_of(app).work.found is None
    app.selectbox(key=f"condition-{row(app, 1).key}").set_value(("exists", False)).run()
    assert query_of(app) == {"name": "x", "subject.subject_id": {"$exists": True}}
    assert "missing" not in info_of(app)


def test_a_number_that_is_not_one_yet_stays_as_typed_and_the_rest_stays_the_query() -> None:
    app = open_app({"name": "x", "n": {"$gt": 5}})

    write_value(app, "1o", 1)

    assert row(app, 1).texts == ("1o",)
    assert "n > 1o: '1o' is not a number" in info_of(app)
    assert query_of(app) == {"name": "x"}


def test_an_unfinished_condition_is_still_there_after_a_look_at_the_text() -> None:
    app = open_app({"name": "x"})
    press_condition(app)

    for view in (JSON, ROWS):
        key = f"view-{session_of(app).epoch}"
        app.segmented_control(key=key).set_value(view).run()

    assert session_of(app).views.query_view == ROWS
    assert row(app, 1).path == ""


def test_a_text_edited_beside_an_unfinished_condition_offers_the_form_that_held_it() -> None:
    app = open_app({"name": "x"})
    press_condition(app)
    app.segmented_control(key=f"view-{session_of(app).epoch}").set_value(JSON).run()
    assert "1 unfinished condition of the form, absent from this text" in info_of(app)

    session_of(app).keep_typed(query_text='{"name": "y"}')
    session_of(app).reload_editors()
    app.run()
    assert "This edit removed 1 unfinished condition of the" in info_of(app)
    app.button(key="restore-form").click().run()

    assert session_of(app).views.query_view == ROWS
    assert query_of(app) == {"name": "x"}
    assert row(app, 1).path == ""


def test_a_text_that_does_not_parse_must_be_corrected_before_there_is_a_form() -> None:
    app = open_app('{"name": ')

    assert "correct it under **JSON** first" in app.warning[0].value
    assert session_of(app).typed.query_text == '{"name": '
    assert (
        session_of(app).typed.query_form is None or session_of(app).typed.form_text != '{"name": '
    )
    assert "the text ends too early" in app.error[0].value


def test_a_locked_clause_is_shown_with_its_reason_and_survives_changes_around_it() -> None:
    query = {"name": "x", "$expr": {"$gt": ["$a", "$b"]}, "rig.note": "900003"}
    app = open_app(query)
    assert any("computes from several fields" in one.value for one in app.caption)
    assert any("$expr" in one.value for one in app.code)

    write_value(app, "900005", 2)

    assert list(query_of(app)) == ["name", "$expr", "rig.note"]
    assert query_of(app)["$expr"] == {"$gt": ["$a", "$b"]}


def test_a_pipeline_shows_its_match_as_rows_and_keeps_its_other_stages() -> None:
    app = open_app([{"$match": {"rig.level": "raw"}}, {"$limit": 25}])

    write_value(app, "derived")

    assert query_of(app) == [
        {"$match": {"rig.level": "derived"}},
        {"$limit": 25},
    ]


@pytest.mark.parametrize("view", [ROWS, JSON])
def test_a_pasted_python_dict_is_converted_by_one_button_that_says_what_it_changed(
    view: str,
) -> None:
    app = open_app("{'name': None, }", view)
    assert session_of(app).typed.query_text == "{'name': None, }"

    app.button(key="convert").click().run()

    assert session_of(app).typed.query_text == '{"name": null}'
    assert not app.error
    assert any("Wrote True, False and None" in one.value for one in app.caption)


def test_a_stage_without_its_list_is_converted_by_one_button() -> None:
    app = open_app('{"$match": {"name": "x"}}', JSON)

    app.button(key="convert").click().run()

    assert json.loads(session_of(app).typed.query_text) == [{"$match": {"name": "x"}}]


def test_the_query_inside_a_request_is_taken_by_one_button() -> None:
    app = open_app('{"filter": {"name": "x"}, "limit": 5}', JSON)

    app.button(key="query-repair-0").click().run()

    assert json.loads(session_of(app).typed.query_text) == {"name": "x"}


def test_what_cannot_be_converted_without_a_guess_offers_no_button() -> None:
    app = open_app("{'name': subject}", JSON)

    assert "convert" not in [one.key for one in app.button]
    assert any("its value is not in this text" in one.value for one in app.caption)


def test_a_query_of_very_many_conditions_is_edited_as_json() -> None:
    app = open_app({"$or": [{"name": str(number)} for number in range(100)]})

    assert "more than 60 conditions" in info_of(app)


def test_an_empty_query_says_what_it_matches() -> None:
    app = open_app({})

    assert any("every record of the collection matches" in one.value for one in app.caption)


# Date conditions

DAY = "^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?:[Tt_, ]|$)"


def choose_condition(app: AppTest, condition: str, number: int = 0) -> None:
    key = f"condition-{row(app, number).key}"
    app.selectbox(key=key).set_value((condition, False)).run()


def write_day(app: AppTest, text: str, place: int = 0) -> None:
    key = value_key(app)
    app.text_input(key=f"{key}-{place}" if place else key).set_value(text).run()


def open_dates(field: str = "created") -> AppTest:
    """The page with one condition on a field of dates, once its layouts are read."""
    app = open_app({field: {"$exists": True}})
    ask_date_layouts(field).wait(30)
    return app.run()


def test_a_field_of_dates_offers_date_conditions_and_writes_them_in_its_layout() -> None:
    app = open_dates()

    choose_condition(app, "on or before")
    write_day(app, "2025-05-28")

    assert query_of(app) == {"created": {"$regex": DAY, "$lt": "2025-05-29"}}
    assert session_of(app).request.query == query_of(app)


def test_a_field_without_dates_offers_none() -> None:
    app = open_app({"data_description.project_name": "x"})
    ask_date_layouts("data_description.project_name").wait(30)

    offered = app.run().selectbox(key=f"condition-{row(app).key}").options

    assert "on or after" not in offered


def test_a_day_in_another_layout_stays_as_typed_with_the_day_to_write() -> None:
    app = open_dates()
    choose_condition(app, "on")

    write_day(app, "05/28/2025")

    assert row(app).texts == ("05/28/2025",)
    assert "'05/28/2025' is not a day written as year-month-day. Write 2025-05-28" in info_of(app)


def test_a_range_needs_both_days_in_their_order() -> None:
    app = open_dates()
    choose_condition(app, "between")

    write_day(app, "2025-06-01")
    write_day(app, "2025-05-01", 1)
    reversed_range = info_of(app)
    write_day(app, "2025-06-30", 1)

    assert "the range ends before it starts: 2025-06-01 to 2025-05-01" in reversed_range
    assert query_of(app) == {"created": {"$gte": "2025-06-01", "$lt": "2025-07-01", "$regex": DAY}}


def test_in_the_last_keeps_the_day_it_meant_until_it_is_counted_from_today() -> None:
    app = open_app(
        {
            "created": {"$gte": "2025-04-28", "$lt": "2025-05-29", "$regex": DAY},
            "$comment": "in the last 30 days",
        }
    )
    replayed = row(app)
    said = [one.value for one in app.main.caption]

    app.button(key=f"today-{replayed.key}").click().run()

    assert "last 30 days to 2025-05-28, from 2025-04-28" in said
    assert replayed.texts == ("30", "days", "2025-05-28")
    assert query_of(app)["$comment"] == "in the last 30 days"
    assert query_of(app)["created"]["$lt"] == str(today() + timedelta(days=1))


def test_a_chip_of_an_old_range_is_counted_from_today_without_opening_it() -> None:
    path = "session.session_start_time"
    old = {path: {"$gte": "2025-01-15", "$lt": "2025-07-16", "$regex": DAY}}
    app = open_app({"$and": [{"name": "x"}, {**old, "$comment": "in the last 6 months"}]}, FACETS)
    key = row(app, 1).key
    words = app.button(key=f"chip-edit-{key}").label

    app.button(key=f"chip-today-{key}").click().run()

    assert words.replace("\\", "") == "Acquired: last 6 months to 2025-07-15"
    assert row(app, 1).texts == ("6", "months", str(today()))
    now = app.button(key=f"chip-edit-{key}").label
    assert now.replace("\\", "") == "Acquired: last 6 months"
    assert f"chip-today-{key}" not in [one.key for one in app.button]


def test_the_rows_fold_to_chips_when_find_is_pressed_and_unfold_on_request() -> None:
    app = open_app({"name": "x", "_id": "y"})
    fields = [one.key for one in app.selectbox if one.label == "Field"]

    app.button(key="find").click().run()
    app.run()
    chips = [one.label for one in app.button if str(one.key).startswith("chip-edit-")]
    folded = [one.key for one in app.selectbox if one.label == "Field"]
    app.button(key="unfold").click().run()

    assert len(fields) == 2
    assert folded == []
    assert [one.replace("\\", "") for one in chips] == ["Name: x", "Record id: y"]
    assert len([one for one in app.selectbox if one.label == "Field"]) == 2


def test_another_number_or_unit_is_another_range_counted_from_today() -> None:
    app = open_dates()
    choose_condition(app, "in the last")

    app.text_input(key=f"{value_key(app)}-number").set_value("2").run()
    app.selectbox(key=f"unit-{row(app).key}").set_value("weeks").run()

    assert query_of(app)["$comment"] == "in the last 2 weeks"
    assert query_of(app)["created"]["$gte"] == str(today() - timedelta(days=14))


def test_a_field_of_two_layouts_is_compared_in_both_and_the_others_are_named() -> None:
    path = "session.session_start_time"
    app = open_dates(path)
    choose_condition(app, "on")
    write_day(app, "2025-05-16")
    ask_not_compared(path, row(app).layouts).wait(30)

    app.run()

    assert query_of(app)["$or"][1] == {path: {"$lt": 1747440000000, "$gte": 1747353600000}}
    (table,) = app.dataframe
    assert list(table.value["Value"]) == [
        "true",
        '{"day": "2025-05-19", "time": "10:00"}',
        "5/20/2025 10:00",
    ]


def test_another_field_gets_neither_the_day_nor_the_layouts_of_the_first() -> None:
    app = open_dates()
    choose_condition(app, "on")
    write_day(app, "2025-05-28")

    app.selectbox(key=f"field-{row(app).key}").set_value("name").run()

    assert (row(app).condition, row(app).texts, row(app).layouts) == ("is", (), ())
    assert query_of(app) == {}


def test_a_value_goes_with_its_field_but_stays_where_a_misspelt_field_is_corrected() -> None:
    ask_fields().wait(30)
    app = open_app({"subject.subject_id": "900003", "subject.idd": "900005"})

    app.selectbox(key=f"field-{row(app).key}").set_value("subject.sex").run()
    app.selectbox(key=f"field-{row(app, 1).key}").set_value("subject.subject_id").run()

    assert (row(app).path, row(app).texts) == ("subject.sex", ())
    assert (row(app, 1).path, row(app, 1).texts) == ("subject.subject_id", ("900005",))


def test_a_date_condition_that_is_only_looked_at_leaves_the_text_as_it_was() -> None:
    query = {"session.session_start_time": {"$gte": "2025-05-28", "$regex": DAY}}
    app = open_app(query)
    ask_date_layouts("session.session_start_time").wait(30)

    app.run()

    assert (row(app).condition, query_of(app)) == ("on or after", query)


def test_dates_in_a_list_are_compared_in_one_of_its_items_only() -> None:
    path = "procedures.subject_procedures.start_date"
    item = {"start_date": {"$gte": "2024-03-01", "$lt": "2024-04-01", "$regex": DAY}}
    app = open_app({"procedures.subject_procedures": {"$elemMatch": item}, path: {"$exists": True}})
    ask_date_layouts(path).wait(30)

    offered = [box.options for box in app.run().selectbox if box.label == "Condition"]

    assert ["on or after" in options for options in offered] == [True, False]


def test_undo_shows_the_value_of_a_row_before() -> None:
    app = open_app({"name": "before"})
    session_of(app).history = History()
    app.run()
    write_value(app, "after")
    assert query_of(app) == {"name": "after"}

    app.button(key="undo").click().run()

    assert query_of(app) == {"name": "before"}
    assert app.text_input(key=value_key(app)).value == "before"


def place_of(app: AppTest, key: str) -> tuple[int, ...]:
    """Where the text input with this key is in the tree of the page: an index in each block."""

    def look(node: Any, path: tuple[int, ...]) -> tuple[int, ...] | None:
        if getattr(node, "key", None) == key and node.type == "text_input":
            return path
        children = getattr(node, "children", {})
        found = (look(child, (*path, index)) for index, child in children.items())
        return next((one for one in found if one is not None), None)

    found = look(app.main, ())
    assert found is not None
    return found


@pytest.mark.parametrize("asked", ["ask_values", "ask_date_layouts"])
def test_an_input_stays_at_its_place_when_a_question_is_answered(
    monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """At another place the browser draws another input, and what is typed into one is lost."""
    ask_fields().wait(30)
    app = open_app({"subject.subject_id": "900003", "data_description.project_name": "ours"})
    places = [place_of(app, value_key(app, number)) for number in (0, 1)]

    waiting: Work[Any] = Work(asked, Future())
    for module in ("pages.shared.assets.fields", "pages.shared.assets.days"):
        monkeypatch.setattr(f"{module}.{asked}", lambda *_: waiting, raising=False)
    monkeypatch.setattr("pages.shared.assets.fields.soon", lambda work: work.result)
    monkeypatch.setattr("pages.shared.assets.days.soon", lambda work: work.result)
    app.run()

    assert [place_of(app, value_key(app, number)) for number in (0, 1)] == places
