"""Takes the screenshots of the README with the demo: ``python -m tests.support.pictures``."""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image  # comes with Streamlit
from playwright.sync_api import Browser, sync_playwright

from tests.support.browser import ROOT, Server, Tab, chromium, name_folder, running_server

IMAGES = ROOT / "docs" / "images"
SHOWN_ROOT = "/srv/dispatches"
QUERY = '{"data_description.data_level": "derived"}'


def main() -> int:
    """Take all screenshots in the light and dark themes; 1 if they exceed 1 MB together."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium() or None, args=["--no-sandbox"]
        )
        with running_server(Path(folder), {"DISPATCH_OUTPUT_ROOT": SHOWN_ROOT}) as server:
            go_through(open_tab(browser, server, "light"), "light")
            go_through(open_tab(browser, server, "dark"), "dark")
        with running_server(Path(folder) / "library", {}) as server:
            go_through_library(open_tab(browser, server, "light"), server.output_root)
        browser.close()
    total = sum(path.stat().st_size for path in IMAGES.glob("*.png"))
    print(f"{total / 1000:,.0f} kB in {IMAGES}")
    return 0 if total < 1_000_000 else 1


def open_tab(browser: Browser, server: Server, scheme: str) -> Tab:
    """Open a window of 1,360 x 1,120 pixels."""
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": 1360, "height": 1120},
        reduced_motion="reduce",
    )
    return Tab(context.new_page(), server.url)


LIGHT = {"assets", "files", "jobs", "history", "compare"}
DARK = {"charts", "parameters", "deliver"}


def go_through(tab: Tab, scheme: str) -> None:
    """Go from the query to the delivery, and take a screenshot of each page."""
    wanted = LIGHT if scheme == "light" else DARK
    tab.open()
    tab.press("Find assets")
    tab.see_heading("357 assets")
    take(tab, "assets", wanted)
    tab.page.get_by_role("radio", name="JSON").click()
    tab.type_text(QUERY)
    tab.press("Find assets")
    tab.see_heading("1,539 assets")
    tab.settle()
    tab.page.get_by_role("radio", name="Charts").click()
    tab.see("By month of acquisition")
    tab.button("Find assets").scroll_into_view_if_needed()
    take(tab, "charts", wanted)

    tab.go("Files")
    tab.choose_ending(".nwb")
    tab.press("Locate files")
    tab.see_heading(re.compile(r"^[\d,]+ files in [\d,]+ assets$"))
    take(tab, "files", wanted)

    tab.go("Parameters")
    tab.press("Examples")
    tab.press("Two sets, each for every asset")
    tab.settle()
    take(tab, "parameters", wanted)

    tab.go("Jobs")
    tab.see(re.compile(r"^Jobs \([\d,]+\)$"))
    take(tab, "jobs", wanted)

    tab.go("Deliver")
    name_folder(tab, "unit-filtering")
    take(tab, "deliver", wanted)


def go_through_library(tab: Tab, root: Path) -> None:
    """Write two dispatches, leave the marks of runs, and take screenshots of the library."""
    tab.open()
    tab.press("Find assets")
    tab.see_heading("357 assets")
    for name in ("first-pass", "unit-filtering"):
        tab.go("Deliver")
        name_folder(tab, name)
        tab.press("Write the worker folders")
        tab.see(re.compile("^Written: "))
    leave_marks(root / "unit-filtering", done=340, failed=5)
    tab.go("History")
    tab.see("5 failed")
    name_root(tab, root)
    take(tab, "history", LIGHT)

    tab.go("Parameters")
    tab.press("Examples")
    tab.press("Two sets, each for every asset")
    tab.settle()
    tab.go("History")
    tab.press("Compare with now")
    tab.see("Changed")
    take(tab, "compare", LIGHT)


def leave_marks(folder: Path, done: int, failed: int) -> None:
    """Leave the marks of a run beside a worker folder, as `run_worker.py` does."""
    results = folder.with_name(f"{folder.name}.results")
    results.mkdir()
    names = sorted(path.stem for path in folder.rglob("*.json"))
    for number, name in enumerate(names[: done + failed]):
        (results / f"{name}.{'done' if number < done else 'failed'}").write_text("{}")


def name_root(tab: Tab, root: Path) -> None:
    """Show the output root under the name that the other screenshots have."""
    caption = tab.page.get_by_text("The dispatches recorded in")
    words = "(element, [old, now]) => element.innerHTML = element.innerHTML.replace(old, now)"
    caption.evaluate(words, [str(root), SHOWN_ROOT])


def take(tab: Tab, name: str, wanted: set[str]) -> None:
    """Save one screenshot in 128 colours."""
    if name not in wanted:
        return
    tab.settle()
    tab.page.mouse.move(0, 0)
    tab.page.wait_for_timeout(1_500)  # tables and charts are drawn after the script
    picture = Image.open(io.BytesIO(tab.page.screenshot(animations="disabled"))).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
