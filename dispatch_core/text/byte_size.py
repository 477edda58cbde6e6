"""Numbers of bytes as people read them: three digits and a unit."""

from __future__ import annotations

from collections.abc import Collection

from dispatch_core.text.words import counted

_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")


def size_text(size: int) -> str:
    """`size` bytes with three digits and a decimal unit: "12 bytes", "1.2 GB", "345 MB"."""
    if size < 1000:
        return counted(size, "byte")
    # 999.5 and more would be shown as 1,000
    powers = (power for power in range(1, len(_UNITS)) if size / 1000**power < 999.5)
    power = next(powers, len(_UNITS))
    return f"{_three_digits(size / 1000**power)} {_UNITS[power - 1]}"


def size_range(sizes: Collection[int]) -> str:
    """The least to the greatest of `sizes`: "1.2 to 1.4 GB"; one size if both read the same."""
    least, greatest = size_text(min(sizes)), size_text(max(sizes))
    if least == greatest:
        return least
    number, _, unit = least.partition(" ")
    return f"{number if greatest.endswith(f' {unit}') else least} to {greatest}"


def _three_digits(value: float) -> str:
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text
