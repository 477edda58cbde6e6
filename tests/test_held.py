"""Questions to a whole page have the answers that its keys have one by one."""

from __future__ import annotations

import gc
import re
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_core.environment.garbage import YOUNG, few_collections
from dispatch_core.listing.held import Held
from dispatch_core.listing.matches import Search
from dispatch_core.listing.not_data import is_marker
from dispatch_core.listing.page_text import PageText
from dispatch_core.sources.protocols import ListPage
from tests.support.tier import examples

PREFIX = "in.zarr/asset/"
NAMES = (
    "a / .json .nwb .NWB .nwb.zarr .Zarr/ .n5/ .ome .gz .zgroup zarr.json _$folder$ \u03a3 \u0130"
)
KEYS = st.lists(
    st.lists(st.sampled_from([*NAMES.split(), "\n"]), max_size=6).map(
        lambda one: PREFIX + "".join(one)
    ),
    unique=True,
).map(sorted)

STORE = re.compile(r"(?:\.(?:ome|nwb))?\.(?:zarr|n5|nwb)(?=/)", re.IGNORECASE)
ENDING = re.compile(
    r"(?<=.)(?:\.(?:ome|nwb)\.\w{1,12}|\.\w{1,5}\.(?:gz|bz2|xz|zst)|\.(?=\w*[A-Za-z])\w{1,12})\Z",
    re.DOTALL,
)


def held_one_by_one(keys: list[str]) -> Counter[str]:
    """The extensions of keys, each asked on its own; a store counts once."""
    counts: Counter[str] = Counter()
    store = ""
    for key in keys:
        if store and key.startswith(store):
            continue
        match = STORE.search(key, len(PREFIX))
        store = key[: match.end() + 1] if match else ""
        match = match or ENDING.search(key.rpartition("/")[2])
        counts.update([match[0]] if match else [])
    return counts


@settings(max_examples=examples(200, 5_000))
@given(keys=KEYS, cut=st.integers(0, 8))
def test_extensions_are_counted_as_if_key_by_key(keys: list[str], cut: int) -> None:
    held = Held(len(PREFIX))

    held.add(keys[:cut])
    held.add(keys[cut:])

    assert dict(held.counts) == held_one_by_one(keys)


@settings(max_examples=examples(200, 5_000))
@given(keys=KEYS, extension=st.sampled_from([".nwb", ".zarr", "a", "\u03a3.nwb", ".NWB.zarr"]))
def test_a_page_passes_over_no_key_that_needs_a_look(keys: list[str], extension: str) -> None:
    page, lower = ListPage(keys, []), extension.lower()
    size = len(extension)

    text = PageText(page, Search(extension))

    assert text.matching == [at for at, one in enumerate(keys) if one[-size:].lower() == lower]
    assert text.may_have_markers or not any(map(is_marker, keys))
    assert text.may_have_folders or not any(f"{lower}/" in one.lower() for one in keys)
    assert text.may_have_zarr_marks or not any(one.endswith(".zgroup") for one in keys)


def test_the_collector_looks_rarely_inside_and_as_before_afterwards() -> None:
    before = gc.get_threshold()

    with few_collections(), few_collections():
        inside = gc.get_threshold()
    after = gc.get_threshold()

    assert inside == (YOUNG, *before[1:])
    assert after == before
