"""The app's facets, advice and explanations, without a browser."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dispatch_core.demo.catalogue import AWKWARD
from dispatch_core.insight.chip_words import words_of_query
from dispatch_core.insight.fields import FieldCatalogue
from pages.shared.assets.fields import kind_of, known_values
from pages.shared.assets.pace import seconds_after
from pages.shared.state.services import ask_advice, ask_fields
from pages.shared.state.views import ROWS
from pages.shared.widgets.field_menu import known_fields
from tests.support.app import session_of
from tests.support.browser import wait_until
from tests.support.syntax import syntax_of

pytestmark = pytest.mark.usefixtures("embedded_demo", "fresh_clients")

ROOT = Path(__file__).resolve().parents[1]
EDGE_CASES = {"data_description.project_name": "Edge Case Collection"}


def opened(query: Any, expander: str = "") -> AppTest:
    """The page Assets with a query typed and an expander opened by its key."""
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=30).run()
    session = session_of(app)
    session.keep_typed(query_text=json.dumps(query))
    session.reload_editors()
    app.switch_page("plan/assets.py")
    return run(app, expander)


def run(app: AppTest, expander: str = "") -> AppTest:
    """One run; AppTest does not remember that an expander is open."""
    if expander:
        app.session_state[expander] = True
    return app.run()


def run_until(app: AppTest, holds: Callable[[], Any], expander: str = "") -> None:
    """Run the page again, as its polling fragments do, until something is there."""

    def is_there() -> bool:
        if not holds():
            run(app, expander)
        return bool(holds())

    wait_until(is_there)


def fields_of_source() -> FieldCatalogue:
    work = ask_fields()
    work.wait(30)
    assert work.result is not None
    return work.result


def find(app: AppTest) -> None:
    app.button(key="find").click().run()
    work = session_of(app).work.found
    assert work is not None
    work.wait(30)
    app.run()


def box(app: AppTest, start: str) -> Any:
    """The box of a value of the open facet, by the start of its label; None without it."""
    return next((one for one in app.checkbox if one.label.startswith(start)), None)


def texts(app: AppTest) -> str:
    return "\n".join(str(one.value) for one in [*app.markdown, *app.caption, *app.warning])


def test_nothing_is_counted_while_every_facet_is_closed() -> None:
    app = opened(EDGE_CASES)

    assert [one.label for one in app.checkbox] == ["Exclude assets that lack one of these fields"]


def test_a_chosen_value_is_a_clause_of_the_query_and_narrows_the_others() -> None:
    app = opened({"data_description.project_name": "Thalamic Ephys Survey"}, "facet-Level")
    run_until(app, lambda: box(app, "raw"), "facet-Level")

    box(app, "raw").check()
    run(app, "facet-Level")

    assert json.loads(session_of(app).typed.query_text) == {
        "data_description.project_name": "Thalamic Ephys Survey",
        "data_description.data_level": "raw",
    }
    run_until(app, lambda: box(app, "ecephys"), "facet-Modality")
    counted = {one.label for one in app.checkbox}  # a screen reader reads these as they are
    assert {f"{one} (137)" for one in ("behavior", "behavior-videos", "ecephys")} <= counted


def test_two_days_typed_into_the_facet_are_a_condition_and_a_wrong_day_is_said() -> None:
    app = opened({"name": "x"}, "facet-Acquired")
    run_until(app, lambda: days_typed(app), "facet-Acquired")

    days_typed(app)[0].set_value("2025-06-01")
    days_typed(app)[1].set_value("2025-13-30")
    run(app, "facet-Acquired")
    said = texts(app).replace("\\", "")
    days_typed(app)[1].set_value("2025-06-30")
    run(app, "facet-Acquired")

    assert "2025-13-30 does not exist: a month is 01 to 12" in said
    assert "2025-06-01 to 2025-06-30" in words_of_query(session_of(app).typed.query_text)


def days_typed(app: AppTest) -> list[Any]:
    return [one for one in app.text_input if str(one.key).startswith("two-days-")]


def test_a_facet_asks_why_a_value_is_missing_that_no_record_has() -> None:
    app = opened({"subject.subject_id": "900999"}, "facet-Subject")
    run_until(app, lambda: box(app, "900999"), "facet-Subject")
    session_of(app).keep_view(facet_searches={"Subject": "900998"})
    run_until(app, lambda: [one for one in app.button if "900998" in one.label], "facet-Subject")
    labels = [one.label for one in app.button if one.label.startswith("Why is 9")]
    assert labels == ["Why is 900998 missing?", "Why is 900999 missing?"]

    app.button(key="facet-Subject-why-search").click()
    run(app, "facet-Subject")

    session = session_of(app)
    assert (session.views.is_why_open, session.typed.why_text) == (True, "900998")


def test_a_choice_finds_at_once_where_the_source_is_quick() -> None:
    app = opened({"data_description.project_name": "Thalamic Ephys Survey"}, "facet-Level")
    run_until(app, lambda: box(app, "raw"), "facet-Level")

    box(app, "raw").check()
    run(app, "facet-Level")
    run_until(app, lambda: session_of(app).work.found, "facet-Level")

    work = session_of(app).work.found
    assert work is not None
    work.wait(30)
    assert work.result is not None
    assert work.result.matched == 137


def test_a_facet_adds_its_choice_before_the_stages_of_a_pipeline() -> None:
    app = opened([{"$match": EDGE_CASES}, {"$sort": {"name": 1}}], "facet-Level")
    run_until(app, lambda: box(app, "raw"), "facet-Level")

    box(app, "raw").check()
    run(app, "facet-Level")

    assert json.loads(session_of(app).typed.query_text) == [
        {"$match": {**EDGE_CASES, "data_description.data_level": "raw"}},
        {"$sort": {"name": 1}},
    ]


def test_a_chip_removes_its_condition_in_one_click_and_one_is_edited_below() -> None:
    app = opened({**EDGE_CASES, "data_description.data_level": "raw"})
    chips = [one for one in app.button if str(one.key).startswith("chip-")]
    assert [one.label.replace("\\", "") for one in chips] == [
        "Project: Edge Case Collection",
        "Remove Project: Edge Case Collection",
        "Level: raw",
        "Remove Level: raw",
    ]

    chips[2].click().run()
    assert [one.label for one in app.selectbox][:2] == ["Field", "Condition"]
    app.button(key=chips[1].key).click().run()

    assert json.loads(session_of(app).typed.query_text) == {"data_description.data_level": "raw"}


def test_two_spellings_of_a_field_are_one_chip_and_one_row() -> None:
    first, second = (f"data_description.{one}.abbreviation" for one in ("modality", "modalities"))
    app = opened({"$or": [{first: "fib"}, {second: "fib"}]})
    chips = [one for one in app.button if str(one.key).startswith("chip-edit")]
    assert [one.label.replace("\\", "") for one in chips] == ["Modality: fib"]

    session_of(app).keep_view(query_view=ROWS)
    app.run()

    fields = [one for one in app.selectbox if one.label == "Field"]
    assert [one.value for one in fields] == ["Modality"]


@pytest.mark.parametrize(
    ("seconds", "matched", "count", "expected"),
    [
        (0.3, 8, 357, 0.47),  # not 13 s: the 0.3 s were not spent on the 8 records
        (0.3, 8, 8, 0.3),
        (0.3, 8, 0, 0.0),
        (0.5, 20_000, 40_000, 1.0),
        (4.0, 400, 800, 8.0),
        (4.0, 400, 4, 4.0),
    ],
)
def test_the_length_of_a_search_is_judged_by_the_last_one(
    seconds: float, matched: int, count: int, expected: float
) -> None:
    assert seconds_after(seconds, matched, count) == pytest.approx(expected, abs=0.01)


def test_advice_is_given_and_one_click_takes_it() -> None:
    app = opened({"subject.subject_id": 900003})
    run_until(app, lambda: any(one.key == "replace-0-0" for one in app.button))

    app.button(key="replace-0-0").click().run()

    assert json.loads(session_of(app).typed.query_text) == {"subject.subject_id": "900003"}
    assert session_of(app).request.query == {"subject.subject_id": "900003"}


def test_a_query_without_a_fault_gets_no_advice() -> None:
    fields_of_source()
    app = opened({"subject.subject_id": "900003"})
    session = session_of(app)
    asked = ask_advice({"subject.subject_id": "900003"}, fields_of_source())
    run_until(app, lambda: time.monotonic() - session.memo.values["query since"][1] > 1)
    asked.wait(30)
    app.run()

    assert asked.result == ()
    assert [one.key for one in app.button if str(one.key).startswith("replace")] == []


def test_zero_results_name_the_clause_and_one_click_removes_it() -> None:
    query = {**EDGE_CASES, "data_description.data_level": "raw", "subject.sex": "Unknown"}
    app = opened(query)

    find(app)
    run_until(app, lambda: app.warning.len)

    summary = app.warning[0].value.replace("\\", "")
    assert summary == "No record of the collection matches Sex: Unknown."
    (table,) = [one.value for one in app.dataframe if "Blocks the result" in one.value]
    assert table.values.tolist()[2] == ["yes", "Sex: Unknown", "0", "1"]
    remove = app.button(key="leave-out-2")
    assert remove.label.replace("\\", "") == "Remove Sex: Unknown (1 match)"
    remove.click().run()
    assert session_of(app).request.query == {**EDGE_CASES, "data_description.data_level": "raw"}


def test_few_results_are_explained_when_asked() -> None:
    app = opened({**EDGE_CASES, "data_description.data_level": "raw"})
    find(app)

    app.button(key="explain").click().run()
    run_until(app, lambda: app.warning.len)

    assert "1 record matches" in app.warning[0].value


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("respelled project", 'data_description.project_name is "edge-case collection"'),
        ("location missing", "Excluded at the stage files"),
        ("several nwb", "It is included: 1 job"),
    ],
)
def test_why_not_answers_for_an_asset_of_the_plan(case: str, words: str) -> None:
    app = opened(EDGE_CASES)
    find(app)
    run(app.switch_page("dispatch/jobs.py"))
    app.button(key="why-not").click().run()

    app.text_input(key="why").set_value(AWKWARD[case])
    run(app)
    run_until(app, lambda: words in texts(app).replace("\\", ""))

    assert words in texts(app).replace("\\", "")


def test_part_of_a_name_lists_the_names_and_one_press_explains_the_asset() -> None:
    app = opened(EDGE_CASES)
    find(app)
    run_until(app, lambda: session_of(app).work.steps.found)
    app.button(key="why-not").click().run()
    part = AWKWARD["respelled project"][:14]

    app.text_input(key="why").set_value(part)
    run_until(app, lambda: "names contain it" in texts(app))
    name = app.button(key="why-name-0").label.replace("\\", "")
    app.button(key="why-name-0").click()
    run_until(app, lambda: f"**{name}**" in texts(app).replace("\\", ""))

    assert app.text_input(key="why").value == name


@pytest.mark.parametrize("page", ["plan/assets", "plan/files", "dispatch/jobs", "dispatch/deliver"])
def test_each_page_with_a_result_asks_why_one_is_missing(page: str) -> None:
    app = opened(EDGE_CASES)
    session_of(app).keep_typed(extension_text=".nwb")
    session_of(app).edit(file_extension=".nwb")
    find(app)
    run(app.switch_page("plan/files.py"))
    app.button(key="locate").click().run()
    run_until(app, lambda: session_of(app).work.steps.located)
    run(app.switch_page(f"{page}.py"))

    app.button(key="why-not").click().run()
    is_open = session_of(app).views.is_why_open
    text = app.text_input(key="why").label
    run(app.switch_page("plan/parameters.py"))

    assert is_open
    assert text == "Name, part of a name, id or location of an asset"
    assert not session_of(app).views.is_why_open


def test_a_query_without_a_match_still_asks_why_an_asset_is_missing() -> None:
    app = opened({**EDGE_CASES, "subject.sex": "Unknown to all"})
    find(app)
    run_until(app, lambda: session_of(app).work.steps.found)

    app.button(key="why-not").click().run()

    assert app.header[0].value == "0 assets"
    assert app.text_input(key="why").value == ""


def test_a_row_of_the_ledger_is_explained_by_one_press() -> None:
    app = opened(EDGE_CASES)
    find(app)
    run_until(app, lambda: session_of(app).work.steps.found)
    found = session_of(app).work.steps.found
    assert found is not None
    session_of(app).edit(excluded=(found.assets[0].record_id,))
    run(app.switch_page("dispatch/jobs.py"))
    session_of(app).keep_view(job_view="excluded")
    session_of(app).reload_editors()
    run(app)
    (row,) = [one for one in app.button if str(one.key).endswith("by_hand-why")]

    row.click()
    run_until(app, lambda: "Excluded at the stage" in texts(app))

    assert app.text_input(key="why").value in row.label.replace("\\", "")


def test_without_suggestions_of_a_dead_source_the_page_says_so_and_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCDB_HOST", "127.0.0.1:1")
    app = opened(EDGE_CASES, "facet-Level")

    run_until(app, lambda: "Suggestions are unavailable" in texts(app), "facet-Level")

    assert not app.exception
    assert not app.button(key="find").disabled


# The inputs of the form


def form() -> None:
    """A page of the three inputs."""
    import streamlit as st

    from pages.shared.assets.fields import field_input, value_input, values_input
    from pages.shared.state.session import Session

    session = st.session_state.setdefault("session", Session())
    path = field_input(session, "Field", "data_description.data_level", "field")
    value = value_input(session, path, "raw", "value")
    st.text(repr((path, value, values_input(session, path, ("raw",), "values"))))


def misspelt() -> None:
    """A page with an unknown field."""
    from pages.shared.assets.fields import field_input
    from pages.shared.state.session import Session

    field_input(Session(), "Field", "session typ", "field")


def test_fields_and_values_are_offered_with_counts_up_to_a_limit() -> None:
    ask_fields().wait(30)
    app = AppTest.from_function(form, default_timeout=30).run()
    run_until(app, lambda: len(app.get("menu_button")) == 2)

    assert len(app.selectbox(key="field").options) == 100
    assert app.selectbox(key="field").options[:3] == [
        "data_description.data_level",
        "Project · project_name",
        "Subject · subject_id",
    ]
    assert [one.replace("\\", "") for one in app.get("menu_button")[0].proto.options] == [
        "derived (1,544)",
        "raw (855)",
        "raw data (1)",
    ]
    assert app.text[0].value == "('data_description.data_level', 'raw', ('raw',))"


def test_an_unknown_field_is_searched_for_and_the_near_ones_are_offered() -> None:
    ask_fields().wait(30)
    app = AppTest.from_function(misspelt, default_timeout=30).run()

    (near,) = app.get("menu_button")
    assert near.proto.options[0].replace("\\", "") == "session.session_type"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("subject.subject_id", "text"),
        ("session.stimulus_epochs.trials_total", "number"),
        ("no.such.field", "text"),
    ],
)
def test_the_kind_of_a_field_is_that_of_its_values(path: str, kind: str) -> None:
    ask_fields().wait(30)

    assert kind_of(path) == kind


def test_inputs_accept_any_text_without_an_answer_of_the_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCDB_HOST", "127.0.0.1:1")
    ask_fields().wait(30)

    assert (known_fields(), known_values("name"), kind_of("name")) == (None, None, "text")
    app = AppTest.from_function(form, default_timeout=30).run()
    assert app.text[0].value == "('data_description.data_level', 'raw', ('raw',))"


def test_the_parts_ask_no_source_themselves() -> None:
    parts = [ROOT / "pages/shared/assets" / f"{name}.py" for name in ("fields", "facets", "advice")]
    called = {
        node.func.id
        for path in parts
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert called.isdisjoint({"sample_fields", "count_values", "count_facets", "advise"})
