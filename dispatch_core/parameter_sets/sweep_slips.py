"""Sweeps that are not written in a way that is known here: an error says what to write instead.

Each would be one text, although values or a range are meant. Any other text stays a text, and
so does a part in double quotes.
"""

from __future__ import annotations

import json
import re
from typing import Final

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.invisible import invisible_in

NUMBER: Final = r"[-+]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,3})?"
OURS: Final = "Write 1, 2, 3 or 0.1 to 0.5 step 0.1 or 0 to 1 count 5"
COMMAS: Final = "\uff0c\u3001\uff1b\u060c\u061b"
"""Commas and semicolons of other scripts, which separate numbers."""

_CALLS = r"(?:[A-Za-z_]\w*\.)*(?:a?range|[a-z]*space|seq|array|asarray|list|r_|c_)"
_DASHES = "~\u223c\uff5e\u2012-\u2015"
_RANGE = re.compile(
    rf"(?:(?P<before>from|between)\s+)?[\[({{]?\s*(?P<first>{NUMBER})\s*"
    rf"(?:\.\.+[=<]?|[{_DASHES}]|(?<=\s)(?P<word>through|thru|until|till|up\s?to|to|and)(?=\s))"
    rf"\s*(?P<last>{NUMBER})(?!\w|\.(?!\.))(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_LISTED = re.compile(
    rf"{NUMBER}(?:\s+(?:and|or)\s+{NUMBER})+|<\s*{NUMBER}|{NUMBER}\s*>", re.IGNORECASE
)
_PROGRAM = re.compile(
    r"(?:(?:np|numpy)\.)?(?:r_|c_|s_|mgrid|ogrid)\s*\[.*\]"  # NumPy
    r"|(?:Range|Table|Subdivide|Array|List|Seq)\s*[\[{(].*"  # Mathematica, Scala
    r"|vec!\s*\[.*|@\(.*\)|new\s+\w+\s*\[\w*\]\s*\{.*|%w\[.*"  # Rust, PowerShell, Java, Ruby
    r"|(?:\$\(|`)?\s*seq(?:\s+-?[\d.]+)+\s*[)`]?"  # a shell
    rf"|{NUMBER}\s*(?:\*\*|\.?[*/^]|[-+])\s*(?:{_CALLS}\s*[\[(].*|[\[(][-+\d\s.,:;eE]*[\])].*)"
    rf"|{NUMBER}\s*(?::\s*{NUMBER}\s*){{1,2}}(?:\s|[-+*/^']).*"  # 1:5/10, 1:5 by 2
    rf"|{NUMBER}\.(?:step|to|upto|until)\s*\(.*"  # Ruby, Scala
    rf"|[\[(]\s*{NUMBER}\s*\.\..*"
    rf"|.*\bfrom\s+{NUMBER}\s+to\s+{NUMBER}\b.*"
    r"|\d{1,3}(?:['\u2019\u066c]\d{3})+",  # 1'000
    re.DOTALL,
)


def refuse_slips(part: str, where: str) -> None:
    """Raises `InvalidInput` for a part that means a sweep, but not in a spelling that is known."""
    if found := _RANGE.fullmatch(part):
        _refuse_range(found, part, where)
    if _LISTED.fullmatch(part):
        raise _slip(part, where, "Write 1, 2, 3 for several values")
    if _PROGRAM.fullmatch(part):
        raise _slip(part, where, OURS)
    hidden = invisible_in(part)
    if hidden and re.fullmatch(NUMBER, re.sub(r"[^\x21-\x7e]", "", part)):
        what = f"{part!r} is not a number: it contains {hidden}"
        raise InvalidInput(Issue(what, where, "Type the number again"))


def _refuse_range(found: re.Match[str], part: str, where: str) -> None:
    first, last = found["first"].rstrip("."), found["last"]
    if (found["word"] or "").lower() == "and" and not found["before"]:
        return
    if found["rest"].strip(" ])};'") or not float(first) < float(last):
        raise _slip(part, where, OURS)
    raise _slip(part, where, f"Write {first} to {last} step 1, or with another step")


def _slip(part: str, where: str, action: str) -> InvalidInput:
    quoted = json.dumps(part, ensure_ascii=False)
    return InvalidInput(
        Issue(f"{part!r} cannot be expanded", where, f"{action}; {quoted} is a text")
    )


def refuse_two_orders(given: tuple[str, str, str], count: int, part: str, where: str) -> None:
    """Raises `InvalidInput` for ``0:10:2``: one value with the step in the middle, as in MATLAB.

    With the step at the end, as in Python, it has several.
    """
    first, middle, last = given
    start, end, step = map(float, given)
    if count > 1 or not step or (end - start) / step < 1:
        return
    what = f"{part!r} is only {first} if the step is in the middle, as in MATLAB"
    action = f"Write {first} to {middle} step {last} if it is at the end, or {first} alone"
    raise InvalidInput(Issue(what, where, action))
