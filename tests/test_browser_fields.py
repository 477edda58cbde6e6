"""Facets, advice, empty results and missing assets, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from dispatch_core.demo.catalogue import AWKWARD
from tests.support.browser import Tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-fields")]

SURVEY = '{"data_description.project_name": "Thalamic Ephys Survey"}'


def open_facet(tab: Tab, name: str) -> Locator:
    """Open a facet, and return its content."""
    tab.settle()
    tab.page.locator(".st-key-facets").get_by_role("button", name=name, exact=True).click()
    return tab.page.get_by_test_id("stPopoverBody")


def choose_facet(tab: Tab, name: str, value: str) -> None:
    """Choose a value of a facet by its label: the value and the count."""
    content = open_facet(tab, name)
    content.get_by_text(value, exact=True).click()
    tab.settle()
    tab.page.keyboard.press("Escape")


def ask_why_not(tab: Tab, text: str) -> None:
    box = tab.page.get_by_role("textbox", name="Name, part of a name, id or location of an asset")
    box.fill(text)
    box.press("Enter")
    tab.settle()


@pytest.mark.main
def test_facets_build_the_query_and_find_at_once_what_they_counted(tab: Tab) -> None:
    tab.open()
    remove = tab.page.get_by_role("button", name="Remove Level: derived")
    remove.click()
    expect(remove).to_have_count(0)
    tab.see_heading("494 assets")

    choose_facet(tab, "Level", "raw (137)")
    tab.see_heading("137 assets")
    choose_facet(tab, "Type", "Optotagging (47)")
    tab.see_heading("47 assets")

    tab.keep_picture("facets")
    expect(tab.page.get_by_role("button", name="Type: Optotagging", exact=True)).to_be_visible()
    tab.open_editor()
    expect(tab.editor().locator(".ace_content")).to_contain_text('"acquisition.acquisition_type"')


def test_a_value_is_searched_for_and_enter_takes_the_only_one_that_contains_it(tab: Tab) -> None:
    tab.open()
    content = open_facet(tab, "Subject")
    search = content.get_by_role("textbox", name="Search Subject")

    # Enter counts once the button of the search is there, too
    expect(content.get_by_role("button", name="Search the values")).to_be_visible()
    search.fill("9001")
    search.press("Enter")
    tab.settle()
    expect(content.get_by_text(re.compile(r"^9001\d\d \(\d+\)$")).first).to_be_visible()
    expect(content.get_by_text(re.compile(r"^9000\d\d \(\d+\)$"))).to_have_count(0)
    search.fill("900120")
    search.press("Enter")

    expect(tab.page.get_by_role("button", name="Subject: 900120", exact=True)).to_be_visible()
    tab.see_heading("8 assets")
    expect(content.get_by_role("checkbox").first).to_be_checked()
    expect(search).to_have_value("")


@pytest.mark.parametrize("after", [250, 450])
def test_a_value_that_is_taken_with_enter_stays_when_the_facet_is_closed_at_once(
    tab: Tab, after: int
) -> None:
    """The browser says that the box is empty until it has the choice."""
    tab.slow_down(200)
    tab.open()
    content = open_facet(tab, "Subject")
    expect(content.get_by_role("button", name="Search the values")).to_be_visible()
    tab.page.wait_for_timeout(1000)  # the answer to the opening has arrived

    search = content.get_by_role("textbox", name="Search Subject")
    search.fill("900120")
    search.press("Enter")
    tab.page.wait_for_timeout(after)
    tab.page.keyboard.press("Escape")

    tab.see_heading("8 assets")
    tab.page.wait_for_timeout(1000)  # what was sent before has been answered
    chip = tab.page.get_by_role("button", name="Subject: 900120", exact=True)
    expect(chip).to_be_visible()
    tab.press("Undo")
    expect(chip).to_have_count(0)


def test_the_rows_offer_fields_and_values_with_counts(tab: Tab) -> None:
    tab.open()
    tab.page.get_by_role("radio", name="Rows", exact=True).click()
    values = tab.page.locator('[class*="st-key-value-"][class*="-known"]').get_by_role("button")
    expect(values).to_have_count(2)

    values.nth(1).click()
    tab.page.get_by_role("menuitem", name="raw (855)").click()
    expect(tab.page.get_by_role("textbox", name="Value").nth(1)).to_have_value("raw")
    tab.settle()
    field = tab.page.get_by_role("combobox", name="Field").first
    field.fill("session typ")
    field.press("Enter")
    tab.press("Not a known field. Did you mean")
    tab.page.get_by_role("menuitem", name="session.session_type", exact=True).click()
    expect(field).to_have_value("session.session_type")
    tab.settle()
    field = tab.page.get_by_role("combobox", name="Field").nth(1)
    field.fill("session_type")
    tab.page.keyboard.press("Enter")

    expect(field).to_have_value("Type · session_type")
    value = tab.page.get_by_role("textbox", name="Value").nth(1)
    value.fill("Optotagging")
    value.press("Enter")
    tab.settle()
    tab.open_editor()
    expect(tab.editor().locator(".ace_content")).to_contain_text('"session.session_type"')
    expect(tab.editor().locator(".ace_content")).to_contain_text('"acquisition.acquisition_type"')


@pytest.mark.long
def test_advice_replaces_what_no_record_can_match(tab: Tab) -> None:
    tab.open()
    tab.type_text('{"subject.subject_id": 900003}')
    tab.see("900003 is a number and equals none of them")
    tab.keep_picture("advice")

    tab.press('Use "900003"')

    expect(tab.editor().locator(".ace_content")).to_contain_text('"900003"')
    tab.press("Find assets")
    tab.see_heading(re.compile(r"^\d+ assets$"))


@pytest.mark.main
def test_zero_results_are_explained_to_the_clause_and_one_click_removes_it(tab: Tab) -> None:
    tab.open()
    tab.type_text('{"data_description.data_level": "raw", "subject.sex": "Unknown"}')
    tab.press("Find assets")
    tab.see("No record of the collection matches Sex: Unknown.")
    tab.keep_picture("zero-results")

    tab.press("Remove Sex: Unknown (855 match)")

    expect(tab.editor().locator(".ace_content")).not_to_contain_text("subject.sex")
    tab.press("Find assets")
    tab.see_heading("855 assets")


def test_why_not_names_the_clause_the_stage_or_the_job(tab: Tab) -> None:
    tab.open()
    tab.type_text('{"data_description.project_name": "Edge Case Collection"}')
    tab.press("Find assets")
    tab.see_heading("52 assets")
    tab.press("Why is one missing?")

    ask_why_not(tab, AWKWARD["respelled project"])
    tab.see('data_description.project_name is "edge-case collection"')

    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    tab.go("Jobs")
    tab.press("Why is one missing?")
    ask_why_not(tab, AWKWARD["location missing"])
    tab.see("Excluded at the stage files: The record has no location")
    tab.keep_picture("why-not")
    ask_why_not(tab, AWKWARD["several nwb"])
    tab.see("It is included: 1 job")
