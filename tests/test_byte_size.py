"""Numbers of bytes as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.text.byte_size import size_range, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1 kB"),
        (1_234, "1.23 kB"),
        (9_996, "10 kB"),
        (12_340, "12.3 kB"),
        (99_960, "100 kB"),
        (100_400, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (1_200_000_000, "1.2 GB"),
        (345 * 10**12, "345 TB"),
        (10**22, "10,000 EB"),
    ],
)
def test_a_size_has_three_digits_and_a_unit(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ([1_400_000, 1_200_000], "1.2 to 1.4 MB"),
        ([900_000, 1_400_000, 1_000_000], "900 kB to 1.4 MB"),
        ([0, 5], "0 to 5 bytes"),
        ([0, 1], "0 bytes to 1 byte"),
        ([7], "7 bytes"),
        ([1_000_001, 1_000_002], "1 MB"),
        ([5_000, 5_000_000], "5 kB to 5 MB"),
    ],
)
def test_a_range_has_one_unit_if_both_ends_have_it(sizes: list[int], text: str) -> None:
    assert size_range(sizes) == text


@given(st.integers(1_000, 10**20))
def test_the_text_of_a_size_is_at_most_half_a_percent_off(size: int) -> None:
    number, unit = size_text(size).split()

    read = float(number) * 1_000 ** (["kB", "MB", "GB", "TB", "PB", "EB"].index(unit) + 1)

    assert abs(read - size) <= size * 0.005_01
