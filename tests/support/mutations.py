"""Almost valid texts: valid ones with a few characters deleted, duplicated or replaced."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

TOKENS = (
    *"{ } [ ] , : \" \\ ' ( ) // /* */ # $ . - + 0 1e999 -0 NaN Infinity null true None".split(),
    *("\ufeff", "\x00", "\ud800", "\u2028", "\u202e", "\n", "\r", "\t", "é", "“", "”", "𝟘", "\x1b"),
    *'"$where" "$regex" "$in" "$ref" "_id" "__proto__" "" "a.b" ISODate( ObjectId( 1e400'.split(),
    "[" * 150,
    '{"a":' * 150,
    "9" * 5000,
)


@st.composite
def mutated(draw: st.DrawFn, bases: Sequence[str]) -> str:
    """One of `bases` after one to six edits at random places."""
    text = draw(st.sampled_from(bases))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 8)))
        edit = draw(st.sampled_from(("delete", "double", "insert", "replace", "cut")))
        token = draw(st.sampled_from(TOKENS)) if edit in ("insert", "replace") else ""
        match edit:
            case "delete":
                text = text[:start] + text[end:]
            case "double":
                text = text[:end] + text[start:]
            case "insert":
                text = text[:start] + token + text[start:]
            case "replace":
                text = text[:start] + token + text[end:]
            case "cut":
                text = text[:start] or text
    return text


@st.composite
def damaged(draw: st.DrawFn, bases: Sequence[str]) -> bytes:
    """Return a mutated text in a common encoding, sometimes with a wrong byte."""
    encoding = draw(
        st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32"))
    )
    data = draw(mutated(bases)).encode(encoding, errors="replace")
    if data and draw(st.booleans()):
        at = draw(st.integers(0, len(data) - 1))
        data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
    return data
