"""Other spellings of an id, and the nearest texts that exist."""

from __future__ import annotations

import random
import uuid

import pytest

from dispatch_core.text.file_kind import refuse_other_kind
from dispatch_core.text.id_spelling import spellings_of
from dispatch_core.text.invisible import invisible_in, texts_with_invisible, visible
from dispatch_core.text.nearest import Nearest, nearest_of
from dispatch_core.text.pasted_ids import replace_id

ID = "0a1b2c3d-1111-4222-8333-444455556666"
KNOWN = (ID, "ecephys_7001_2024-01-02", "s3://data/ecephys_7001_2024-01-02", "Mouse-12", "pair-1")


@pytest.mark.parametrize(
    "text",
    [
        ID.upper(),
        f"{{{ID}}}",
        f"({ID})",
        f"urn:uuid:{ID}",
        f"URN:UUID:{ID.upper()}",
        f"uuid:{ID}",
        ID.replace("-", ""),
        ID.replace("-", "").upper(),
        ID.replace("-", "\u2011"),
        f"{ID}\u200b",
        f"\ufeff{ID}",
        f"{ID[:9]}\u00ad{ID[9:]}",
        f"\u202a{ID}\u202c",
        f"{ID}\u2060",
        f"\u00a0{ID}\u3000",
        f"'{ID}',",
        f'="{ID}"',
        f"\u201c{ID}\u201d",
        f"https://codeocean.example.org/data-assets/{ID}",
        f"https://codeocean.example.org/data-assets/{ID}/files?tab=1#top",
        f"codeocean.example.org/data-assets/{ID.upper()}/",
    ],
)
def test_a_uuid_is_known_in_every_spelling(text: str) -> None:
    assert ID in spellings_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "S3://data/a b",
        "s3:/data/a b",
        "s3a://data/a b",
        "arn:aws:s3:::data/a b",
        "https://data.s3.us-west-2.amazonaws.com/a%20b",
        "https://s3.amazonaws.com/data/a%20b",
        "https://us-west-2.console.aws.amazon.com/s3/buckets/data?region=us-west-2&prefix=a%20b",
        "https://s3.console.aws.amazon.com/s3/object/data?prefix=a%20b",
    ],
)
def test_a_location_is_known_by_its_addresses(text: str) -> None:
    assert list(spellings_of(text)) == ["s3://data/a b"]


@pytest.mark.parametrize(
    "text",
    [
        "ecephys_7001",
        ID,
        "s3://data/a",
        "https://codeocean.example.org/capsule/" + ID,
        "https://example.org/%zz[",
        "https://[bad/data-assets/" + ID,
    ],
)
def test_a_text_that_means_no_other_id_has_no_other_spelling_in_lower_case(text: str) -> None:
    assert [one for one in spellings_of(text) if one == one.lower() and "-" in one] == []


def test_an_invisible_character_is_named() -> None:
    assert invisible_in("a\u200bb\u00a0") == "U+200B (zero width space) and U+00A0 (no-break space)"
    assert visible("\ufeffa\u200bb\u00a0c \u00ad") == "ab c"


def test_texts_and_keys_with_invisible_characters_are_listed_with_their_paths() -> None:
    value = {"a\u200b": 1, "b": ["ok", "x\u00a0"], "c": "10\u00a0kHz and more", "d": "e\u0301"}

    assert list(texts_with_invisible(value)) == [
        (("a\u200b",), "a\u200b", True),
        (("b", 1), "x\u00a0", False),
    ]


@pytest.mark.parametrize(
    ("text", "near", "how"),
    [
        ("MOUSE-12", "Mouse-12", "the same except for case, blanks or signs"),
        ("ecephys 7001 2024-01-02", KNOWN[1], "the same except for case, blanks or signs"),
        ("ecephys_7001_2024-01-0", KNOWN[1], "one character differs"),
        ("ecephys_7001_2024-01-03", KNOWN[1], "one character differs"),
        ("ecephys_7001_2024-10-02", KNOWN[1], "one character differs"),
        ("cephys_7001_2024-01-02", KNOWN[1], "one character differs"),
        ("s3://data/ecephys_7001_2024-01-2", KNOWN[2], "one character differs"),
        ("s3://date/ecephys_7001_2024-01-02", KNOWN[2], "one character differs"),
        (ID[:-1] + "7", ID, "one character differs"),
        ("0a1b2c3d", ID, "it begins so"),
        ("s3://data/ecephys_7001_2024-01-02/a.nwb", KNOWN[2], "the place is inside it"),
        (f"first: {ID}", ID, "the text contains it"),
    ],
)
def test_the_nearest_known_text_is_found_with_how_it_differs(
    text: str, near: str, how: str
) -> None:
    assert nearest_of([text], KNOWN) == {text: Nearest((near,), how, 1)}


@pytest.mark.parametrize("text", ["", "ab", "quite another", "ecephys_8002_2025-01-02"])
def test_a_text_that_is_near_nothing_has_no_suggestion(text: str) -> None:
    assert nearest_of([text], KNOWN) == {}


def test_of_many_near_texts_three_are_named_in_order_and_all_counted() -> None:
    known = [f"pair-{number}" for number in range(9)]

    assert nearest_of(["pair"], known) == {
        "pair": Nearest(("pair-0", "pair-1", "pair-2"), "it begins so", 9)
    }


def test_each_slip_in_a_thousand_ids_gets_its_own_id() -> None:
    random.seed(7)
    ids = [str(uuid.UUID(int=random.getrandbits(128))) for _ in range(1_000)]
    slips = {one[:at] + one[at + 1 :]: one for at, one in zip(range(1_000), ids, strict=True)}
    slips = {slip: one for slip, one in slips.items() if slip != one}

    found = nearest_of(list(slips), ids)

    assert {slip: near.texts for slip, near in found.items()} == {
        slip: (one,) for slip, one in slips.items()
    }


def test_an_id_is_replaced_where_it_is_not_part_of_a_longer_one() -> None:
    assert replace_id("x-1, x-12\n'x-1'", "x-1", "y") == "y, x-12\n'y'"


def test_plain_text_of_any_encoding_is_not_another_kind_of_file() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        refuse_other_kind("asset_id\nPKé\n".encode(encoding), "list")
