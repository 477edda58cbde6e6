"""Ranges of a sweep in the spelling of other tools: Python, NumPy, MATLAB, Hydra, Optuna.

``range(1, 5)`` is 1, 2, 3, 4 as in Python; ``1:5`` includes its end as in MATLAB;
``np.linspace(0, 1, 5)`` has five values. Nothing is run. A call that is not known is an
error that shows our own spelling, and is never split at the commas inside.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.parameter_sets.sweep_slips import (
    COMMAS,
    NUMBER,
    OURS,
    refuse_slips,
    refuse_two_orders,
)

_PART = re.compile(
    r'"(?:[^"\\]|\\.)*"?'  # JSON strings
    r"|(?<![\w'])'(?:[^'\\\n]|\\.)*'(?!\w)"
    r"|[\[{(]|[\]})]|[,\n]|[^\"'\[\]{}(),\n]+|'"
)
_COLONS = re.compile(rf"({NUMBER})\s*:\s*({NUMBER})(?:\s*:\s*({NUMBER}))?")
_TIME = re.compile("(?:1?[0-9]|2[0-3])(?::[0-5][0-9]){1,2}")
_CALL = re.compile(r"([A-Za-z_][\w.]*)\s*\((.*)\)", re.DOTALL)
_LOOP = re.compile(r"[\[(]\s*(\w+)\s+for\s+\1\s+in\s+(.+?)\s*[\])]", re.DOTALL)
_SPREAD = re.compile(r"\[\s*\*\s*(.+?)\s*,?\s*\]|\(\s*([A-Za-z_][\w.]*\s*\(.*\))\s*\)", re.DOTALL)
_NUMBERS = re.compile(rf"\[?\s*{NUMBER}(?:\s*[\s;{COMMAS}]\s*{NUMBER})+\s*\]?")
_IN_BRACKETS = re.compile(rf"[\[(]\s*({_COLONS.pattern})\s*[\])]")
_UNREADABLE = re.compile(
    rf"{NUMBER}\s+to\s|{NUMBER}\s*\.\.+\s*{NUMBER}$|\.\.\.$|\u2026$"  # without a step
    r"|[A-Za-z_][\w.]*\s*\(|[\[(].*\bfor\b.*\bin\b|[\[(]\s*\*?[A-Za-z_][\w.]*\s*\("  # programs
    r"|[\d.()\s]+(?:\*\*|[*/^])[-+*/^\d.()\s]+$|\([^()]*,[^()]*\)$"  # expressions, tuples
)
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_MISREAD = re.compile(
    r"[-+\u2212]?(?:0[xob][\da-f_]+|(?=\.?\d)[\d_]*\.?[\d_]*(?:e[-+\u2212]?\d*)?|inf(?:inity)?|nan)"
    r"|true|false"  # in capitals, as R writes them
    r"|(?=.*\d)[\d\s.:;()|+*\u2212-]*(?:[;()|+*]|\s-\s|:$)[\d\s.:;()|+*\u2212-]*"  # expressions
    r"|[-+\d.]+\s*(?:[\]})]|#.*|//.*|%\s.*)|#\s.*"  # a bracket that nothing opens, comments
    r"|(?:[a-z]*range|[a-z]*space|choice)\s*[\[\d].*|\([\d\s.,()\[\]+-]*\)"
    r"|-{0,2}[a-z_][\w.]*\s*[=:]\s*[-+]?[\d.]+(?:e[-+]?\d+)?"  # a name before the values
    r"|.*(?![0-9])\d.*"  # digits of other scripts
    r"|[\u201c-\u201f\u2018-\u201b\u00ab].*[\u201c-\u201f\u2018-\u201b\u00bb]",
    re.IGNORECASE | re.DOTALL,
)
"""Parts that would be a text, although a number, a list or a range is meant."""

_CONSTANTS = frozenset("true false True False NaN Infinity -Infinity".split())
"""The constants of JSON, and those of Python and JavaScript, which have errors of their own."""

_NAMED = re.compile(r"(\w+)\s*=\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Listed:
    """The values of a range: their number, and how to make them."""

    count: int
    make: Callable[[], Iterator[Decimal | str]]
    is_integer: bool = False

    def values(self) -> Iterator[Decimal | str]:
        """The values in order."""
        return self.make()


def split_values(text: str, where: str) -> list[str]:
    """The parts of `text` between commas and line ends that are outside quotes and brackets."""
    if re.search(r"\d,\d+\s*;|;\s*\d+,\d", text):
        what = "commas and semicolons separate numbers"
        raise InvalidInput(Issue(what, where, "Write decimals with a point, and commas between"))
    parts, depth = [""], 0
    for match in _PART.finditer(text):
        token = match.group()
        if len(token) == 1 and token in "[{(]})":
            depth += 1 if token in "[{(" else -1
        if token in (",", "\n") and depth <= 0:
            parts.append("")
        else:
            parts[-1] += token
    _refuse_open(text, depth, where)
    return [part.strip() for part in parts if part.strip()]


def _refuse_open(text: str, depth: int, where: str) -> None:
    if depth > 0 and "(" in text:
        raise InvalidInput(Issue("a bracket is not closed", where, f"Close it. {OURS}"))


def read_range(part: str, where: str, *, is_text: bool = False) -> Listed | None:
    """The range that `part` writes; None if it is one value.

    With `is_text`, only the calls of `_READERS` are ranges: a text may look like any other.
    Raises `InvalidInput` for a call or range that cannot be expanded.
    """
    if found := re.fullmatch(r"'([^'\\]*)'", part):
        word = found[1]
        return Listed(1, lambda: iter((word,)))
    if is_text and (found := _CALL.fullmatch(part)) and _last_name(found[1]) not in _KNOWN:
        return None
    if is_text and not found:
        return None
    if found := _LOOP.fullmatch(part) or _SPREAD.fullmatch(part):
        return _required(found[found.lastindex or 0], part, where)
    if found := _CALL.fullmatch(part):
        return _call(_last_name(found[1]), found[2], part, where)
    return _of_numbers(part, where)


def _of_numbers(part: str, where: str) -> Listed | None:
    """``1:5``, ``{1, 2}`` and ``1 2 3``; an expression or a half-written range is an error."""
    if inside := _IN_BRACKETS.fullmatch(part):
        part = inside[1]
    found = _COLONS.fullmatch(part)
    if found and not re.search(r"\b0\d", part):  # 08:30 is a time
        _refuse_time(part, where)
        return _by_colons(found, part, where)
    if _NUMBERS.fullmatch(part):
        return _separated(part, where)
    if re.fullmatch(r"\{[^:]+\}", part):
        return _choices(split_values(part[1:-1], where), "set", part, where)
    if re.fullmatch(NUMBER, _power_of(part)) and "*" in part:
        return _choices([_power_of(part)], "numbers", part, where)
    refuse_slips(part, where)
    if _UNREADABLE.match(part):
        raise _unknown(part, where)
    _refuse_misread(part, where)
    return None


def _separated(part: str, where: str) -> Listed:
    """Numbers between blanks, semicolons or commas of other scripts."""
    numbers = re.split(rf"[\s;{COMMAS}]+", part.strip("[] "))
    odd = next((one for one in numbers if re.fullmatch(r"[-+]?0\d+", one)), "")
    if odd:  # of 1 000, or an id such as 007
        what = f"{odd!r} in {part!r} is not a number"
        raise InvalidInput(Issue(what, where, "Write 1000 for 1 000, and commas between values"))
    return _choices(numbers, "numbers", part, where)


def _refuse_time(part: str, where: str) -> None:
    """Raises `InvalidInput` for ``8:30``, which may be a time of day; ``8:3`` is a range."""
    if not _TIME.fullmatch(part):
        return
    first, *middle, last = part.split(":")
    step = middle[0] if middle else "1"
    what = f"{part!r} may be a time of day, or the range from {first} to {last} by {step}"
    action = f'Write "{part}" for the time'
    if int(step) and int(first) <= int(last):
        action += f", or {first} to {last} step {step} for the range"
    raise InvalidInput(Issue(what, where, action))


def _refuse_misread(part: str, where: str) -> None:
    is_id = re.fullmatch(r"0\d+", part)  # 007
    if is_id or _is_number(part) or part in _CONSTANTS or not _MISREAD.fullmatch(part):
        return
    what = f"{part!r} is neither a number nor a range that is known here"
    action = f"{OURS}, and a text in double quotes"
    raise InvalidInput(Issue(what, where, action))


def _is_number(part: str) -> bool:
    """Whether JSON reads `part` as a number that is neither infinite nor rounded to zero."""
    if not _JSON_NUMBER.fullmatch(part):
        return False
    number = float(part)
    return math.isfinite(number) and (number != 0 or not re.match(r"-?[0.]*[1-9]", part))


def _last_name(dotted: str) -> str:
    return dotted.rpartition(".")[2].lower()


def _required(text: str, part: str, where: str) -> Listed:
    listed = read_range(text.strip(), where)
    if listed is None:
        raise _unknown(part, where)
    return listed


def _unknown(part: str, where: str) -> InvalidInput:
    return InvalidInput(Issue(f"{part!r} cannot be expanded", where, OURS))


def _by_colons(found: re.Match[str], part: str, where: str) -> Listed:
    first, second, third = found.groups()
    if third is None:
        return _steps([first, second, "1"], part, where, is_closed=True)
    listed = _steps([first, third, second], part, where, is_closed=True)
    refuse_two_orders((first, second, third), listed.count, part, where)
    return listed


def _call(name: str, inside: str, part: str, where: str) -> Listed:
    inner = split_values(inside, where)
    if name in _WRAPPERS:
        return _wrapped(inner, part, where)
    if name in _CHOICES:
        return _choices(inner, name, part, where)
    reader = _READERS.get(name)
    if reader is None:
        raise _unknown(part, where)
    numbers = _numbers(inner, _ARGUMENTS.get(name, ()), part, where)
    return reader(numbers, part, where)


def _wrapped(inner: list[str], part: str, where: str) -> Listed:
    """``list(range(3))``, ``np.array([1, 2])``: what is inside, without a dtype."""
    kept = [one for one in inner if not re.match(r"dtype\s*=", one)]
    if len(kept) != 1:
        raise _unknown(part, where)
    if kept[0].startswith(("[", "(")) and not _LOOP.fullmatch(kept[0]):
        return _choices(split_values(kept[0][1:-1], where), "array", part, where)
    return _required(kept[0], part, where)


def _choices(inner: list[str], name: str, part: str, where: str) -> Listed:
    if name == "glob" or not inner:
        what = f"{part!r} lists the options of a Hydra configuration, which are not known here"
        raise InvalidInput(Issue(what if name == "glob" else f"{part!r} is empty", where, OURS))
    if len(inner) == 1 and inner[0].startswith("[") and inner[0].endswith("]"):
        inner = split_values(inner[0][1:-1], where)
    numbers = [one for one in inner if re.fullmatch(NUMBER, one)]
    if len(numbers) == len(inner):
        is_integer = all(map(_is_integer, numbers))
        decimals = [Decimal(one) for one in numbers]
        return Listed(len(inner), lambda: iter(decimals), is_integer)
    texts = [_quoted(one) for one in inner]
    if any(text is None for text in texts) or numbers:
        raise InvalidInput(Issue(f"{part!r} cannot be expanded", where, "Write its values alone"))
    return Listed(len(texts), lambda: (text for text in texts if text is not None))


def _quoted(text: str) -> str | None:
    """The text of a quoted or bare word; None for anything else, such as true."""
    if found := re.fullmatch(r"'([^'\\]*)'|\"([^\"\\]*)\"", text):
        return found[1] if found[1] is not None else found[2]
    is_word = re.fullmatch(r"[A-Za-z_][\w.-]*", text) is not None
    return text if is_word and text.lower() not in ("true", "false", "null", "none") else None


_ARGUMENTS = {
    "range": ("start", "stop", "step"),
    "arange": ("start", "stop", "step"),
    "linspace": ("start", "stop", "num"),
    "logspace": ("start", "stop", "num", "base"),
    "geomspace": ("start", "stop", "num"),
    "seq": ("from", "to", "by"),
}


def _numbers(inner: list[str], names: Sequence[str], part: str, where: str) -> list[str | None]:
    """The arguments in the order of `names`; a flag such as endpoint=True changes nothing."""
    found: dict[str, str] = {}
    for number, text in enumerate(inner):
        named = _NAMED.fullmatch(text)
        if named is not None and (named[1], named[2]) in _NO_CHANGE:
            continue
        name = (
            _ALIASES.get(named[1], named[1])
            if named
            else names[number]
            if number < len(names)
            else str(number)
        )
        found[name] = _power_of(named[2] if named else text)
    known = all(name in names or name.isdigit() for name in found)
    if not known or not all(re.fullmatch(NUMBER, one) for one in found.values()):
        raise _unknown(part, where)
    if not names:
        return list(found.values())
    if any(name not in names for name in found):
        raise _unknown(part, where)
    return [found.get(name) for name in names]


_ALIASES = {"steps": "num", "n": "num"}
_NO_CHANGE = {("endpoint", "True"), ("dtype", "float"), ("retstep", "False")}


def _power_of(text: str) -> str:
    """``10**-3`` and ``1/2`` are what programs write for a number; others stay."""
    if found := re.fullmatch(r"10\s*(?:\*\*|\^)\s*([-+]?\d{1,2})", text):
        return f"1e{found[1]}"
    return text.strip()


def _python_range(given: list[str | None], part: str, where: str) -> Listed:
    """Start, stop and step, where a single number is the stop; the stop is excluded."""
    start, stop, step = given
    if start is None:
        raise _unknown(part, where)
    if stop is None:
        start, stop = "0", start
    return _steps([start, stop, step or "1"], part, where, is_closed=False)


def _sequence_of_r(given: list[str | None], part: str, where: str) -> Listed:
    start, stop, step = given
    if start is None or stop is None:
        raise _unknown(part, where)
    return _steps([start, stop, step or "1"], part, where, is_closed=True)


def _steps(given: list[str], part: str, where: str, *, is_closed: bool) -> Listed:
    start, stop, step = map(Decimal, given)
    if not step or (stop - start) / step < 0:
        what = f"{part!r} is empty: its step does not lead from the first number to the last"
        raise InvalidInput(Issue(what, where, OURS))
    steps = (stop - start) / step
    whole = int(steps)
    count = whole + (1 if is_closed or whole != steps else 0)
    if count == 0:
        raise InvalidInput(Issue(f"{part!r} is empty", where, OURS))
    return Listed(
        count, lambda: (start + step * n for n in range(count)), all(map(_is_integer, given))
    )


def _is_integer(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d+", text) is not None


def _linspace(given: list[str | None], part: str, where: str) -> Listed:
    start, stop, count = _ends(given, part, where)
    gap = (stop - start) / max(1, count - 1)
    return Listed(count, lambda: (start + gap * n for n in range(count)))


def _ends(given: list[str | None], part: str, where: str) -> tuple[Decimal, Decimal, int]:
    """First, last and the number of values, whose default differs between NumPy and MATLAB."""
    first, last, num = given[0], given[1], given[2] or ""
    if first is None or last is None or not re.fullmatch(r"\+?\d{1,40}", num) or not int(num):
        raise _unknown(part, where)
    return Decimal(first), Decimal(last), int(num)


def _logspace(given: list[str | None], part: str, where: str) -> Listed:
    """Powers of the base, which is 10; the exponents are evenly spaced."""
    start, stop, count = _ends(given, part, where)
    base = Decimal(given[3] or "10")
    if base <= 0 or max(abs(start), abs(stop)) > 300:
        raise _unknown(part, where)
    gap = (stop - start) / max(1, count - 1)
    return Listed(count, lambda: (base ** (start + gap * n) for n in range(count)))


def _geomspace(given: list[str | None], part: str, where: str) -> Listed:
    start, stop, count = _ends(given, part, where)
    if start <= 0 or stop <= 0:
        raise _unknown(part, where)
    ratio = stop / start
    steps = max(1, count - 1)
    return Listed(count, lambda: (start * ratio ** (Decimal(n) / steps) for n in range(count)))


def _without_step(given: list[str | None], part: str, where: str) -> Listed:
    raise InvalidInput(Issue(f"{part!r} is a continuous range", where, f"It has no step. {OURS}"))


_READERS: dict[str, Callable[[list[str | None], str, str], Listed]] = {
    "range": _python_range,
    "arange": _python_range,
    "linspace": _linspace,
    "logspace": _logspace,
    "geomspace": _geomspace,
    "seq": _sequence_of_r,
    "interval": _without_step,
    "uniform": _without_step,
    "loguniform": _without_step,
}

_WRAPPERS = frozenset("list tuple sorted array asarray set".split())
_CHOICES = frozenset("choice c grid_search categorical options glob".split())
_KNOWN = frozenset(_READERS) | _WRAPPERS | _CHOICES
