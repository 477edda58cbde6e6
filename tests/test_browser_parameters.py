"""Parameters in a real browser: a form from a schema, a typo, a sweep, and the jobs they make."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.support.browser import Tab, tree_of_zip, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-parameters")]

ONE = '{"analysis_parameter": {"isi_violations_cutoff": 0.05}}'


def open_form(tab: Tab) -> None:
    tab.open()
    tab.go("Parameters")
    tab.press("Examples")
    tab.press("A form, from an example schema")
    expect(textbox(tab, "isi_violations_cutoff")).to_have_value("0.05")
    tab.page.keyboard.press("Escape")
    tab.settle()


def textbox(tab: Tab, label: str) -> Locator:
    return tab.page.get_by_role("textbox", name=label)


def fill(tab: Tab, label: str, text: str) -> None:
    box = textbox(tab, label)
    box.fill(text)
    box.press("Tab")
    tab.settle()


def show_json(tab: Tab) -> None:
    tab.page.get_by_role("radio", name="JSON").click()
    expect(tab.editor().locator(".ace_content")).to_be_visible()
    tab.settle()


def choose_key(tab: Tab, number: int, name: str, values: str) -> None:
    box = tab.page.get_by_role("combobox", name=f"Key {number}")
    option = tab.page.get_by_role("option", name=name, exact=True)

    def is_offered() -> bool:
        if not option.is_visible():  # a panel that is opening may redraw the box
            box.click()
        return option.is_visible()

    wait_until(is_offered)
    option.click()
    tab.settle()
    fill(tab, f"Values of key {number}", values)


def parameters_of_jobs(tab: Tab, target: Path) -> list[str]:
    """The parameters of every job in the zip, sorted and without repeats."""
    tab.go("Deliver")
    files = tree_of_zip(tab.download("Download the zip", target))
    found = {
        json.dumps(one) for data in files.values() for one in json.loads(data)[PARAMETERS] or []
    }
    return sorted(found)


PARAMETERS = "distributed_parameters"


@pytest.mark.main
def test_a_form_and_its_json_are_one_value(tab: Tab) -> None:
    open_form(tab)

    fill(tab, "isi_violations_cutoff", "0.10")
    show_json(tab)
    expect(tab.editor().locator(".ace_content")).to_contain_text('"isi_violations_cutoff": 0.1')
    tab.type_text(ONE.replace("0.05", "0.07"))
    tab.page.get_by_role("radio", name="Form").click()  # at once: the editor has not sent it yet

    expect(textbox(tab, "isi_violations_cutoff")).to_have_value("0.07")
    tab.keep_picture("parameters-form")


@pytest.mark.main
def test_a_typo_is_reported_at_its_position_and_corrected_with_one_click(tab: Tab) -> None:
    open_form(tab)
    show_json(tab)

    tab.type_text(ONE.replace("isi_violations_cutoff", "isi_violation_cutof"))
    tab.see("Did you mean isi_violations_cutoff?")
    expect(tab.editor().locator(".ace_gutter-cell.ace_error")).to_be_visible()
    tab.keep_picture("parameters-typo")
    tab.press("Replace isi_violation_cutof by isi_violations_cutoff")

    expect(tab.editor().locator(".ace_content")).to_contain_text('"isi_violations_cutoff": 0.05')
    expect(tab.page.get_by_text("Did you mean")).to_have_count(0)


def test_a_sweep_of_3_and_2_values_makes_6_sets_and_their_jobs(tab: Tab, tmp_path: Path) -> None:
    open_form(tab)

    tab.page.get_by_text("Sweep: many sets from lists of values").click()
    expect(tab.page.get_by_role("combobox", name="Key 2")).to_be_visible()
    tab.settle()
    choose_key(tab, 1, "isi_violations_cutoff", "0.1 to 0.3 step 0.1")
    choose_key(tab, 2, "method", "isolation_distance, presence_ratio")
    tab.see("3 × 2 = 6 sets")
    tab.keep_picture("parameters-sweep")
    tab.press("Make these sets")

    tab.see("6 sets meet the schema")
    expect(tab.page.get_by_text("× 6 parameter sets")).to_be_visible()
    tab.keep_picture("parameters-sets")
    tab.go("Assets")
    tab.press("Find assets")
    tab.see_heading(re.compile(r"^[\d,]+ assets$"))
    fixed = {"analysis_name": "Unit quality filtering", "analysis_tag": "baseline"}
    assert parameters_of_jobs(tab, tmp_path / "jobs.zip") == sorted(
        json.dumps({**fixed, "isi_violations_cutoff": cutoff, "method": method})
        for cutoff in (0.1, 0.2, 0.3)
        for method in ("isolation_distance", "presence_ratio")
    )


@pytest.mark.long
def test_a_button_pressed_right_after_typing_acts_on_the_new_text(tab: Tab) -> None:
    tab.open()
    tab.go("Parameters")
    tab.type_text(ONE)

    tab.type_text(ONE.replace("0.05", "0.09"))
    tab.page.get_by_role("radio", name="Several sets").click()

    expect(tab.editor().locator(".ace_content")).to_contain_text('"isi_violations_cutoff": 0.09')
    expect(tab.editor().locator(".ace_content")).to_contain_text('"distributed_parameters": [')


def test_rows_of_a_dictionary_are_typed_into_its_table(tab: Tab) -> None:
    open_form(tab)
    table = tab.page.get_by_test_id("stDataFrame").first

    tab.double_click(table, lambda _: 120, 52)  # the blank row below the header
    expect(tab.page.locator(".gdg-input")).to_be_visible()
    tab.page.keyboard.type("G_0")
    tab.page.keyboard.press("Tab")
    tab.see("G_0 has no value. The previous value is kept")
    tab.settle()
    tab.page.keyboard.type("NAcc: DA")
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_text("G_0 has no value")).to_have_count(0)

    show_json(tab)
    expect(tab.editor().locator(".ace_content")).to_contain_text('"G_0": "NAcc: DA"')


def test_sets_are_edited_in_one_table_and_the_form_and_the_text_follow(tab: Tab) -> None:
    open_form(tab)
    show_json(tab)
    tab.type_text(
        '{"fixed_parameters": {"analysis_name": "x"}, "distributed_parameters": ['
        '{"analysis_tag": "a", "isi_violations_cutoff": 0.1},'
        '{"analysis_tag": "b", "isi_violations_cutoff": 0.2}]}'
    )
    tab.see("2 keys differ, one row per set")
    tab.settle()
    tab.page.get_by_role("radio", name="Form").click()
    tab.see("2 sets meet the schema")
    tab.page.get_by_text("All sets side by side").click()
    table = tab.page.get_by_test_id("stDataFrame").last
    expect(table).to_be_visible()
    tab.settle()

    type_into(tab, table, "7")
    tab.see("1 key, 1 of 2 sets")
    expect(textbox(tab, "isi_violations_cutoff")).to_have_value("7")
    tab.settle()
    type_into(tab, table, "0.5")
    tab.go("Files")  # at once: the table has not sent its cell yet
    tab.go("Parameters")
    tab.see("2 sets meet the schema")
    expect(textbox(tab, "isi_violations_cutoff")).to_have_value("0.5")

    show_json(tab)
    expect(tab.editor().locator(".ace_content")).to_contain_text('"isi_violations_cutoff": 0.5')


def type_into(tab: Tab, table: Locator, text: str) -> None:
    """Replace the first cell of the third column: the cutoff of the first set."""
    tab.double_click(table, lambda width: 0.62 * width, 52)
    expect(tab.page.locator(".gdg-input")).to_be_visible()
    tab.page.keyboard.press("ControlOrMeta+a")
    tab.page.keyboard.type(text)
    tab.page.keyboard.press("Enter")
