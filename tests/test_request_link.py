"""A request as the text of a link: whole, short, and hostile until it is read."""

from __future__ import annotations

import base64
import re
import zlib

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.request import DispatchRequest, load_request
from dispatch_core.views.request_link import LONGEST, MOST_BYTES, decode_request, encode_request

REQUEST = DispatchRequest(
    query={"subject.subject_id": {"$in": ["900003", "900005"]}, "name": {"$regex": "^é_"}},
    file_extension=".nwb",
    parameters={"distributed_parameters": [{"a": 1}, {"a": 2.5}]},
    num_parallel_workers=3,
)


def packed(content: bytes) -> str:
    return "1." + base64.urlsafe_b64encode(zlib.compress(content)).decode().rstrip("=")


def test_a_request_reads_back_from_its_link_unchanged() -> None:
    text = encode_request(REQUEST)

    assert text is not None
    assert decode_request(text).to_json() == REQUEST.to_json()


def test_a_link_needs_no_escape_in_an_address() -> None:
    assert re.fullmatch(r"1\.[A-Za-z0-9_-]+", encode_request(REQUEST) or "")


def test_a_request_that_selects_nothing_has_no_link() -> None:
    assert encode_request(DispatchRequest()) is None
    assert encode_request(DispatchRequest(query={})) is not None


def test_a_request_that_is_too_long_for_a_link_has_none() -> None:
    ids = [f"{number * 7919 % 1_000_003:x}{number * 104729 % 999_983:x}" for number in range(2_000)]

    assert encode_request(DispatchRequest(query={"_id": {"$in": ids}})) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "does not begin with a known version"),
        ("2.abc", "does not begin with a known version"),
        ("1.", "cut or changed"),
        ("1.!!!", "cut or changed"),
        ("1.AAAA", "cut or changed"),
        ("1." + "A" * LONGEST, "characters, and a link at most"),
        (packed(b" " * (MOST_BYTES + 1)), "unpacks to more than"),
        (packed(b"{"), "ends too early"),
        (packed(b"[]"), "not a JSON object"),
        (packed(b'{"password": "x"}'), "password"),
        (packed(b'{"query": {"$where": "1"}}'), r"\$where"),
    ],
)
def test_a_damaged_or_hostile_link_is_refused_with_a_reason(text: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        decode_request(text)


def test_a_link_that_was_cut_anywhere_is_refused() -> None:
    whole = encode_request(REQUEST) or ""

    for length in range(2, len(whole)):
        with pytest.raises(InvalidInput):
            decode_request(whole[:length])


def test_nothing_may_follow_the_request() -> None:
    content = zlib.compress(REQUEST.to_json().encode()) + b"more"

    with pytest.raises(InvalidInput, match="cut or changed"):
        decode_request("1." + base64.urlsafe_b64encode(content).decode().rstrip("="))


def test_a_saved_request_and_its_link_are_the_same_request() -> None:
    saved = load_request(REQUEST.to_json())

    assert encode_request(saved) == encode_request(REQUEST)
