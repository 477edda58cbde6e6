"""The page Parameters through AppTest: a form and JSON over one text, sets, sweeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.parameters.examples import SCHEMA
from tests.support.app import session_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = "plan/parameters.py"
TEXT = """{
  "analysis_parameter": {
    "analysis_tag": "baseline",   "analysis_name": "x",
    "isi_violations_cutoff": 5e-2
  }
}"""
SETS = (
    '{"fixed_parameters": {"analysis_name": "x", "fit_options": {"seed": 1, "polish": true}},\n'
    ' "distributed_parameters": [\n'
    '  {"analysis_tag": "a", "isi_violations_cutoff": 1.0},\n'
    '  {"analysis_tag": "b", "isi_violations_cutoff": 0}\n]}'
)


def open_page(text: str, schema: Any = SCHEMA) -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=30)
    app.run()
    session_of(app).keep_typed(
        parameters_text=text, schema_text=json.dumps(schema) if schema else ""
    )
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


def text_of(app: AppTest) -> str:
    return session_of(app).typed.parameters_text


def key_of(app: AppTest, *path: str, target: tuple[Any, ...] = ("analysis_parameter",)) -> str:
    session = session_of(app)
    version = f"{session.epoch}.{session.views.form_version}"
    return f"field-{version}-{json.dumps([target, path])}"


def press(app: AppTest, label: str) -> None:
    next(one for one in app.button if one.label == label).click().run()
    assert not app.exception


def open_fold(app: AppTest, key: str) -> None:
    """AppTest cannot open an expander by its label."""
    app.session_state[key] = True
    app.run()


def errors(app: AppTest) -> list[str]:
    return [one.value.replace("\\", "") for one in app.error]


def beside_fields(app: AppTest) -> list[str]:
    """The errors beside the fields of the form."""
    return [plain(one.value) for one in app.main.markdown if one.value.startswith(":red[:small[")]


def test_a_form_field_changes_its_value_and_nothing_else_of_the_text() -> None:
    app = open_page(TEXT)

    app.text_input(key=key_of(app, "isi_violations_cutoff")).set_value("0.10").run()

    assert text_of(app) == TEXT.replace("5e-2", "0.1")
    assert session_of(app).request.parameters == json.loads(text_of(app))


def test_a_field_that_was_filled_and_emptied_leaves_the_text_as_it_was() -> None:
    app = open_page(TEXT)
    open_fold(app, f"fold-{session_of(app).epoch}-('analysis_parameter',)-fit_options")
    field = app.text_input(key=key_of(app, "fit_options", "seed"))

    field.set_value("7").run()
    assert json.loads(text_of(app))["analysis_parameter"]["fit_options"] == {"seed": 7}
    field.set_value("").run()

    assert text_of(app) == TEXT


def test_null_true_and_choices_are_values_and_unset_has_no_value() -> None:
    app = open_page('{"analysis_parameter": {}}')
    open_fold(app, f"fold-{session_of(app).epoch}-('analysis_parameter',)-fit_options")

    app.text_input(key=key_of(app, "fit_options", "folds")).set_value("null").run()
    app.segmented_control(key=key_of(app, "dry_run")).set_value("true").run()
    app.selectbox(key=key_of(app, "method")).set_value("presence_ratio").run()
    app.text_area(key=key_of(app, "plot_types")).set_value("one\n2").run()

    assert json.loads(text_of(app))["analysis_parameter"] == {
        "fit_options": {"folds": None},
        "dry_run": True,
        "method": "presence_ratio",
        "plot_types": ["one", "2"],
    }


def test_text_that_is_not_a_number_keeps_the_last_value_and_stays_after_a_change_of_page() -> None:
    app = open_page(TEXT)

    app.text_input(key=key_of(app, "isi_violations_cutoff")).set_value("abc").run()
    assert text_of(app) == TEXT
    assert any("abc is not a number. The previous value" in one for one in beside_fields(app))
    assert errors(app) == []
    assert "parameters" in session_of(app).inputs.errors
    app.switch_page("plan/files.py").run()
    app.switch_page(PAGE).run()

    assert app.text_input(key=key_of(app, "isi_violations_cutoff")).value == "abc"
    press(app, "Discard invalid values")
    assert app.text_input(key=key_of(app, "isi_violations_cutoff")).value == "0.05"
    assert errors(app) == []


def test_a_misspelt_key_is_corrected_with_one_click() -> None:
    app = open_page(TEXT.replace("isi_violations_cutoff", "isi_violation_cutof"))
    assert "parameter set 1: unknown key 'isi_violation_cutof'" in errors(app)[0]

    press(app, "Replace isi\\_violation\\_cutof by isi\\_violations\\_cutoff")

    assert text_of(app) == TEXT
    assert errors(app) == []


def test_a_nested_misspelt_key_and_one_of_the_file_are_corrected_too() -> None:
    app = open_page(
        '{"analysis_paramter": {"analysis_name": "x", "analysis_tag": "y",'
        ' "isi_violations_cutoff": 0, "fit_options": {"sed": 1}}}'
    )

    press(app, "Replace analysis\\_paramter by analysis\\_parameter")
    press(app, "Replace sed by seed")

    assert '"analysis_parameter": {' in text_of(app)
    assert '"fit_options": {"seed": 1}' in text_of(app)
    assert errors(app) == []


def test_inherited_values_are_shown_in_a_field_and_copied_when_it_changes() -> None:
    app = open_page(SETS)
    seed = app.text_input(
        key=key_of(app, "fit_options", "seed", target=("distributed_parameters", 0))
    )
    assert seed.placeholder == "1, from fixed_parameters"

    seed.set_value("2").run()

    first, second = json.loads(text_of(app))["distributed_parameters"]
    assert first["fit_options"] == {"seed": 2, "polish": True}
    assert "fit_options" not in second
    assert '"isi_violations_cutoff": 1.0' in text_of(app)


def test_sets_are_copied_moved_removed_and_the_last_step_undone() -> None:
    app = open_page(SETS)

    press(app, "Copy")
    press(app, "Later")
    tags = [one["analysis_tag"] for one in json.loads(text_of(app))["distributed_parameters"]]
    assert (tags, session_of(app).views.chosen_set) == (["a", "b", "a"], 2)
    press(app, "Remove")
    assert text_of(app).count("analysis_tag") == 2
    press(app, "Restore the former text")

    assert text_of(app).count("analysis_tag") == 3


def test_one_set_becomes_several_and_back() -> None:
    app = open_page(TEXT)
    key = f"mode-{session_of(app).epoch}-False"

    app.segmented_control(key=key).set_value("Several sets").run()
    assert '"distributed_parameters": [' in text_of(app)
    key = f"mode-{session_of(app).epoch}-True"
    app.segmented_control(key=key).set_value("One set").run()

    assert json.loads(text_of(app)) == json.loads(TEXT)


def test_differing_and_shared_values_are_in_separate_tables() -> None:
    app = open_page(SETS)
    open_fold(app, "fold-All sets side by side")
    open_fold(app, "fold-Values that are the same in all sets")
    open_fold(app, "fold-All sets side by side")

    differing, shared = (one.value for one in app.dataframe[-2:])

    assert list(differing) == ["Set", "analysis_tag", "isi_violations_cutoff", "Check"]
    assert list(differing["isi_violations_cutoff"]) == ["1.0", "0"]
    assert list(differing["Check"]) == ["✓ valid", "✓ valid"]
    assert shared.to_numpy().tolist() == [
        ["analysis_name", "x", "fixed_parameters"],
        ["fit_options.seed", "1", "fixed_parameters"],
        ["fit_options.polish", "true", "fixed_parameters"],
    ]


def test_each_set_says_whether_it_is_valid() -> None:
    app = open_page(SETS.replace(": 0}", ": 7}"))
    open_fold(app, "fold-All sets side by side")

    assert list(app.dataframe[-1].value["Check"]) == ["✓ valid", "✗ 1 to correct"]
    assert "7 is greater than the maximum of 1" in errors(app)[0]


def test_a_fault_of_several_sets_is_said_once_beside_its_field() -> None:
    app = open_page(SETS.replace(": 0}", ": 7}").replace(": 1.0}", ": 7}"))

    (said,) = [one for one in beside_fields(app) if "greater than" in one]

    assert "7 is greater than the maximum of 1. Correct the value (in 2 sets)" in said
    assert errors(app) == []
    assert any("1 key, 2 of 2 sets" in one.value for one in app.main.markdown)


def test_the_line_above_the_form_leads_to_the_next_set_to_correct() -> None:
    app = open_page(SETS.replace(": 0}", ": 7}"))

    press(app, "Show set 2")

    assert session_of(app).views.chosen_set == 1
    assert not [one for one in app.button if one.label.startswith("Show set")]


def test_a_key_misspelt_in_every_set_is_corrected_with_one_click() -> None:
    app = open_page(SETS.replace('"analysis_tag"', '"analysis_tg"'))

    press(app, "Replace analysis\\_tg by analysis\\_tag")

    assert text_of(app) == SETS


def plain(text: str) -> str:
    return text.replace("\\", "")


def test_without_a_schema_there_is_json_and_a_hint() -> None:
    app = open_page("", schema=None)

    assert "every job gets null" in app.main.info[0].value
    assert any("to get a form here" in one.value for one in app.main.caption)


def test_text_that_does_not_parse_is_shown_as_json_with_its_place() -> None:
    app = open_page('{"analysis_parameter": {"a": 1,}}')

    assert "The form is shown again" in app.main.info[0].value
    assert "line 1, column 31: there is a comma before the closing }" in errors(app)[0]


def test_a_large_schema_folds_what_is_not_set_and_finds_a_field_by_words() -> None:
    many = {f"field_{n}": {"type": "number", "description": f"no {n}"} for n in range(40)}
    schema = {"properties": many, "required": ["field_3"]}
    app = open_page('{"analysis_parameter": {"field_3": 1, "field_7": 2}}', schema)
    fields = [one.label for one in app.text_input if one.label.startswith("field")]
    assert fields == ["field_3 *", "field_7"]

    app.text_input(key="field-search").set_value("no 21").run()

    fields = [one.label for one in app.text_input if one.label.startswith("field")]
    assert fields == ["field_21"]


@pytest.mark.parametrize("name", ["x*y_[z]", "<b>bold</b>", "a.b:red[c]"])
def test_names_of_a_schema_are_not_markup(name: str) -> None:
    app = open_page('{"analysis_parameter": {}}', {"properties": {name: {"type": "string"}}})

    (label,) = [one.label for one in app.text_input]

    assert label.replace("\\", "") == name
    assert label != name


def test_an_object_that_may_be_null_is_set_to_null_and_back() -> None:
    app = open_page(TEXT)
    open_fold(app, f"fold-{session_of(app).epoch}-('analysis_parameter',)-fit_options")

    press(app, "Set to null")
    assert json.loads(text_of(app))["analysis_parameter"]["fit_options"] is None
    press(app, "Unset instead of null")

    assert text_of(app) == TEXT


def test_a_value_that_is_not_an_object_is_shown_as_json() -> None:
    app = open_page(TEXT.replace("5e-2", '5e-2, "fit_options": [7]'))

    field = app.text_area(key=key_of(app, "fit_options"))

    assert "JSON: its value is not an object" in field.label
    field.set_value('{"seed": 7}').run()
    assert app.text_input(key=key_of(app, "fit_options", "seed")).value == "7"


def test_a_bare_set_is_wrapped_with_one_click() -> None:
    app = open_page('{"seed": 1e0}', schema=None)

    press(app, "Wrap it as a parameters file")

    assert text_of(app) == '{"analysis_parameter": {"seed": 1e0}}'
    assert errors(app) == []


def test_fixed_parameters_can_be_added() -> None:
    app = open_page('{"distributed_parameters": [{"isi_violations_cutoff": 0}, {}]}')
    app.segmented_control(key=f"set-{session_of(app).epoch}-2").set_value(-1).run()

    app.text_input(key=key_of(app, "analysis_name", target=("fixed_parameters",))).set_value(
        "x"
    ).run()

    assert json.loads(text_of(app))["fixed_parameters"] == {"analysis_name": "x"}


def test_a_pasted_python_dict_is_converted_with_one_click() -> None:
    app = open_page("{'analysis_parameter': {'dry': True, 'folds': None,}}", schema=None)

    press(app, "Convert to JSON")

    assert json.loads(text_of(app)) == {"analysis_parameter": {"dry": True, "folds": None}}
    assert errors(app) == []


def listed(count: int) -> str:
    sets = [{"isi_violations_cutoff": n / 100} for n in range(count)]
    fixed = {"analysis_name": "x", "analysis_tag": "y"}
    return json.dumps({"fixed_parameters": fixed, "distributed_parameters": sets})


def test_one_of_many_sets_is_chosen_by_its_number() -> None:
    app = open_page(listed(20))

    app.number_input(key=f"set-{session_of(app).epoch}-20").set_value(20).run()

    key = key_of(app, "isi_violations_cutoff", target=("distributed_parameters", 19))
    assert app.text_input(key=key).value == "0.19"


@pytest.mark.parametrize(
    "text", [listed(15), listed(2), '{"fixed_parameters": {}, "analysis_parameter": {}}', ""]
)
def test_the_chosen_set_exists_after_sets_are_removed(text: str) -> None:
    app = open_page(listed(20))
    app.number_input(key=f"set-{session_of(app).epoch}-20").set_value(20).run()

    session_of(app).keep_typed(parameters_text=text)
    app.run()

    assert not app.exception
    assert session_of(app).views.chosen_set == max(0, text.count("isi_violations_cutoff") - 1)


def test_the_line_that_explains_the_file_stays_above_the_first_value() -> None:
    app = open_page("")
    line = "analysis_parameters.json: one parameter set for every asset, or several sets"
    before = [one.value for one in app.main.caption if one.value.startswith(line)]

    app.text_input(key=key_of(app, "analysis_tag")).set_value("x").run()

    assert len(before) == 1
    assert [one.value for one in app.main.caption if one.value.startswith(line)] == before


def test_a_schema_without_parameters_shows_the_missing_key_and_a_form_to_fill() -> None:
    required = {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}
    app = open_page("", required)
    before = beside_fields(app)
    was_blocked = "parameters" in session_of(app).inputs.errors

    app.text_input(key=key_of(app, "a")).set_value("5").run()

    assert "'a' is missing" in before[0]
    assert was_blocked
    assert json.loads(text_of(app)) == {"analysis_parameter": {"a": 5}}
    assert "parameters" not in session_of(app).inputs.errors


def test_a_button_keeps_the_set_of_a_job_file() -> None:
    job = {"s3_location": "s3://b/a", "asset_name": "a", "distributed_parameters": [{"x": 1}]}
    app = open_page(json.dumps(job), None)

    press(app, "Use its parameters")

    assert json.loads(text_of(app)) == {"analysis_parameter": {"x": 1}}


def test_a_field_of_a_union_takes_a_text_or_a_list() -> None:
    union = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    app = open_page('{"analysis_parameter": {}}', {"properties": {"where": union}})

    app.text_area(key=key_of(app, "where")).set_value("a\nb").run()
    as_list = json.loads(text_of(app))
    app.text_area(key=key_of(app, "where")).set_value("a").run()

    assert as_list == {"analysis_parameter": {"where": ["a", "b"]}}
    assert json.loads(text_of(app)) == {"analysis_parameter": {"where": "a"}}


@pytest.mark.parametrize(
    "faulty", ['{"type": "strin"}', '{"not json', "[]", '{"$ref": "http://x"}']
)
def test_a_faulty_schema_gets_the_same_error_by_upload_and_by_pasting(faulty: str) -> None:
    pasted, uploaded = open_page(TEXT), open_page(TEXT)
    pasted.text_area(key=f"schema-{session_of(pasted).epoch}").set_value(faulty).run()

    upload = uploaded.file_uploader(key=f"schema-file-{session_of(uploaded).epoch}")
    upload.set_value(("schema.json", faulty.encode(), "application/json")).run()

    assert not uploaded.exception
    told = [one.value for one in uploaded.error]
    assert told
    assert told == [one.value for one in pasted.error]
    assert session_of(uploaded).typed.schema_text == faulty


def test_a_schema_whose_default_is_not_a_number_gives_a_form() -> None:
    schema = '{"properties": {"rate": {"type": "number", "default": NaN}}}'
    app = open_page('{"analysis_parameter": {"rate": 1}}')

    app.text_area(key=f"schema-{session_of(app).epoch}").set_value(schema).run()

    assert not app.error
    assert not app.exception
    assert app.text_input(key=key_of(app, "rate")).value == "1"


def test_a_page_that_fails_leaves_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the program")

    app = open_page(TEXT)
    monkeypatch.setattr("pages.shared.parameters.editor.take_schema", fail)
    app.run()

    assert len(app.exception) == 1
    assert "This page has failed" in app.error[0].value
    assert {"Undo", "Yes, start over"} <= {one.label for one in app.button}
    assert text_of(app) == TEXT


def test_the_preview_of_a_sweep_says_which_sets_the_schema_refuses() -> None:
    app = open_page(TEXT)
    session_of(app).keep_typed(sweep_rows=(("isi_violations_cutoff", "0.5, 7, 9"),))
    app.session_state["sweep"] = True

    app.run()

    tables = [one.value for one in app.dataframe if "New set" in one.value.columns]
    assert list(tables[0]["Check"]) == ["✓ valid", "✗ 1 to correct", "✗ 1 to correct"]
    (said,) = [plain(one.value) for one in app.warning]
    assert "isi_violations_cutoff: 2 of 3 sets (2, 3): 7 is greater than" in said
    assert text_of(app) == TEXT


def test_the_preview_of_a_sweep_without_a_schema_has_no_check() -> None:
    app = open_page(TEXT, schema=None)
    session_of(app).keep_typed(sweep_rows=(("isi_violations_cutoff", "0.5, 7"),))
    app.session_state["sweep"] = True

    app.run()

    tables = [one.value for one in app.dataframe if "New set" in one.value.columns]
    assert "Check" not in tables[0].columns
    assert not app.warning


def test_an_optional_object_without_values_is_closed_and_opens_for_its_fault() -> None:
    closed, faulty = (
        open_page(TEXT),
        open_page(TEXT.replace("5e-2", '5e-2, "fit_options": {"x": 1}')),
    )

    def label(app: AppTest) -> tuple[str, bool]:
        (fold,) = [one for one in app.expander if "options" in one.label]
        return fold.label.replace("\\", ""), fold.proto.expanded

    assert label(closed) == ("**fit_options** · 0 of 3 set", False)
    assert label(faulty) == ("**fit_options** · 0 of 3 set", True)


def test_the_faults_of_other_sets_are_lines_of_one_box() -> None:
    app = open_page(
        SETS.replace(": 0}", ": 7}").replace('"analysis_tag": "b"', '"analysis_tag": 5')
    )

    (box,) = errors(app)

    assert [line.split(": ")[0] for line in box.split("  \n")] == [
        "analysis_parameters.json, parameter set 2, analysis_tag",
        "analysis_parameters.json, parameter set 2, isi_violations_cutoff",
    ]


def test_a_second_set_is_made_without_a_form_and_without_json() -> None:
    app = open_page('{"distributed_parameters": [{"seed": 1}]}', schema=None)

    press(app, "Copy the last set")
    table = app.dataframe[0].value

    assert json.loads(text_of(app)) == {"distributed_parameters": [{"seed": 1}, {"seed": 1}]}
    assert list(table["seed"]) == ["1", "1"]
    assert list(table["Repeats"]) == ["", "same as set 1"]
