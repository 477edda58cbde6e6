"""Short links: a request kept on the server under an id made of it."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.kept.links import KeptLinks, short_text
from dispatch_core.kept.store import Bounds, KeptTexts
from dispatch_core.request import DispatchRequest
from dispatch_core.views.request_link import encode_request

IDS = [f"{number * 7919 % 1_000_003:x}{number * 104729 % 999_983:x}" for number in range(2_000)]
LONG = DispatchRequest(query={"_id": {"$in": IDS}}, file_extension=".nwb")
SHORT = DispatchRequest(query={"name": "x"})
DAY = 24 * 3600.0


def links_in(folder: Path, *, most: int = 10, now: float | None = None) -> KeptLinks:
    bounds = Bounds(most, 1_000_000, 10_000_000, 31 * DAY)
    clock = {} if now is None else {"clock": lambda: now}
    return KeptLinks(KeptTexts(folder / "links", bounds, **clock))


def test_a_long_request_is_the_same_behind_its_short_link(tmp_path: Path) -> None:
    link = links_in(tmp_path).keep(LONG)

    assert re.fullmatch(r"id\.[A-Za-z0-9_-]{22}", link.text)
    assert links_in(tmp_path).open(link.text).to_json() == LONG.to_json()


def test_the_same_request_has_the_same_link_and_one_file(tmp_path: Path) -> None:
    links = links_in(tmp_path)

    assert links.keep(LONG).text == links.keep(LONG).text
    assert len(os.listdir(tmp_path / "links")) == 1


def test_a_link_says_the_last_day_on_which_it_works(tmp_path: Path) -> None:
    noon = 1_793_534_400.0  # 2026-11-01T12:00Z

    link = links_in(tmp_path, now=noon).keep(LONG)

    assert link.until == date(2026, 12, 1)


def test_a_whole_link_is_opened_as_before(tmp_path: Path) -> None:
    assert links_in(tmp_path).open(encode_request(SHORT) or "").to_json() == SHORT.to_json()
    assert not (tmp_path / "links").exists()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("id." + "A" * 22, "it has expired, or another server made it"),
        ("id.", "cut or changed"),
        ("id." + "A" * 21, "cut or changed"),
        ("id." + "A" * 23, "cut or changed"),
        ("id.../../../../etc/passwd", "cut or changed"),
        ("id." + "A" * 21 + "\0", "cut or changed"),
        ("id." + "é" * 22, "cut or changed"),
        ("ID." + "A" * 22, "does not begin with a known version"),
    ],
)
def test_an_id_that_is_unknown_or_made_up_is_refused_with_a_reason(
    tmp_path: Path, text: str, what: str
) -> None:
    links = links_in(tmp_path)
    links.keep(LONG)

    with pytest.raises(InvalidInput, match=what):
        links.open(text)


def test_an_expired_link_says_so_and_keeping_it_again_revives_it(tmp_path: Path) -> None:
    links = links_in(tmp_path)
    text = links.keep(LONG).text
    (file,) = (tmp_path / "links").iterdir()
    when = file.stat().st_mtime - 32 * DAY
    os.utime(file, (when, when))

    with pytest.raises(InvalidInput, match="expired"):
        links.open(text)
    links.keep(LONG)
    assert links.open(text).to_json() == LONG.to_json()


def test_a_file_with_another_request_is_not_opened(tmp_path: Path) -> None:
    links = links_in(tmp_path)
    text = links.keep(LONG).text
    (file,) = (tmp_path / "links").iterdir()
    file.write_text(SHORT.to_json())

    with pytest.raises(InvalidInput, match="expired, or another server"):
        links.open(text)


def test_a_kept_request_with_an_error_is_refused_like_a_saved_one(tmp_path: Path) -> None:
    texts = KeptTexts(tmp_path / "links", Bounds(10, 1_000_000, 10_000_000, 31 * DAY))
    hostile = '{"query": {"$where": "1"}}'
    text = short_text(hostile)
    texts.write("", text.removeprefix("id."), hostile)

    with pytest.raises(InvalidInput, match=r"\$where"):
        KeptLinks(texts).open(text)


def test_a_request_above_the_bound_is_refused(tmp_path: Path) -> None:
    large = DispatchRequest(query={"name": "x" * 1_000_000})

    with pytest.raises(InvalidInput, match="at most 1,000,000 are kept"):
        links_in(tmp_path).keep(large)


def test_above_the_number_the_links_made_first_go(tmp_path: Path) -> None:
    links = links_in(tmp_path, most=2)
    texts = []
    for number in range(3):
        texts.append(links.keep(DispatchRequest(query={"name": str(number)})).text)
        for file in (tmp_path / "links").iterdir():
            when = file.stat().st_mtime - 10
            os.utime(file, (when, when))

    with pytest.raises(InvalidInput, match="expired"):
        links.open(texts[0])
    assert links.open(texts[2]).query == {"name": "2"}
