"""What carries a pasted text: a mail, a log, a shell, a CSV cell, an address, a prompt.

Each layer is removed only where the structure shows it: ``{\\"a\\"`` has its quotes
escaped, ``{"a\\" "`` does not. A layer that could be read in two ways is an error.
"""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.language.shape import HOLDERS
from dispatch_core.text.strict_json import issue_at

MOST_LAYERS: Final = 5


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A text without what carried it, and one sentence for each layer."""

    text: str
    notes: tuple[str, ...] = ()


def unwrapped(text: str, where: str) -> Unwrapped:
    """`text` without every layer that its structure shows."""
    notes: list[str] = []
    for _ in range(MOST_LAYERS):
        for layer in _LAYERS:
            found = layer(text, where)
            if found is not None:
                text = found.text
                notes.extend(found.notes)
                break
        else:
            break
    return Unwrapped(text, tuple(notes))


# Lines that begin with something


def _prompts(text: str, where: str) -> Unwrapped | None:
    """The input of a Python session; lines without a prompt are its output."""
    if not re.search(r"^[ \t]*(>>>|In \[\d*\]:)", text, re.M):
        return None
    lines = [_PROMPT.sub("", line) for line in text.split("\n")]
    return Unwrapped("\n".join(lines), ("Removed the prompts",))


_PROMPT: Final = re.compile(r"^[ \t]*(?:(?:>>>|\.\.\.|In \[\d*\]:|Out\[\d*\]:|\.\.\.:)(?: |$))")


def _quoted_mail(text: str, where: str) -> Unwrapped | None:
    return _without_prefix(text, r"[ \t]*>(?!>) ?", "Removed the > of a quoted message")


def _diff(text: str, where: str) -> Unwrapped | None:
    return _without_prefix(text, r"\+(?!\+)", "Removed the + of a diff")


def _without_prefix(text: str, pattern: str, note: str) -> Unwrapped | None:
    """`text` without a prefix that each of its lines has."""
    lines = text.split("\n")
    filled = [line for line in lines if line.strip()]
    if not filled or not all(re.match(pattern, line) for line in filled):
        return None
    return Unwrapped("\n".join(re.sub(rf"^{pattern}", "", line) for line in lines), (note,))


_NUMBERED: Final = re.compile(r"^[ \t]*(\d+)(?:[ \t]*[.:|)]|[ \t])[ \t]?")


def _line_numbers(text: str, where: str) -> Unwrapped | None:
    """`text` without numbers that count its lines up from any start."""
    lines = text.strip("\n").split("\n")
    found = [_NUMBERED.match(line + " ") for line in lines]
    numbers = [int(one[1][:9]) for one in found if one]
    if len(lines) < 2 or len(numbers) != len(lines):
        return None
    if numbers != list(range(numbers[0], numbers[0] + len(lines))):
        return None
    cut = [line[min(one.end(), len(line)) :] for line, one in zip(lines, found, strict=True) if one]
    return Unwrapped("\n".join(cut), ("Removed the line numbers",))


# Characters that are written in another way


def _entities(text: str, where: str) -> Unwrapped | None:
    """`text` with the entities of HTML as characters, if its quotes are entities."""
    if not re.search(r"[{\[,:(=]\s*&(?:quot|apos|#0*3[49]|#[xX]0*2[27]);", text):
        return None
    if re.search("[\"']", text):
        at = re.search("[\"']", text) or re.match("", text) or re.compile("").match("")
        position = at.start() if at else 0
        what = "some quotes are HTML entities (&quot;) and some are not"
        raise InvalidInput(issue_at(text, position, what, where, "Paste the text as shown"))
    return Unwrapped(html.unescape(text), ("Replaced the entities of HTML",))


_ENCODED: Final = re.compile(r"%7[Bb]|%5[Bb]%|[{\[,:]%(?:20)*22|[{,]%27|%257[Bb]")


def _percent(text: str, where: str) -> Unwrapped | None:
    """The query of an address, or a text of percent escapes."""
    if not _ENCODED.search(text) or re.search(r"[\"']\s*:", text):
        return None
    parts = _parts_of_address(text)
    chosen = {name: part for name, part in parts.items() if name in HOLDERS}
    if len(chosen) > 1:
        names = " and ".join(sorted(chosen))
        raise InvalidInput(Issue(f"the address has {names}", where, "Keep one of them"))
    if not chosen and len(parts) > 1:
        names = ", ".join(sorted(parts)) or "nothing"
        what = f"the address has no filter, query or pipeline, but {names}"
        raise InvalidInput(Issue(what, where, "Paste the query itself"))
    (name, part), *_ = [*chosen.items(), ("", text.strip().strip("\"'<>"))]
    notes = ["Decoded the percent escapes of an address"]
    others = ", ".join(sorted(one for one in parts if one != name))
    if name:
        notes.append(f"Took {name} of the address" + (f" and ignored {others}" if others else ""))
    return Unwrapped(_decoded(part, text, where), tuple(notes))


def _parts_of_address(text: str) -> dict[str, str]:
    """The parameters of an address, still encoded; none for a text that is not an address."""
    found = re.search(r"(?:^|[?&])[\w.\-]+=\S*", text)
    if not found:
        return {}
    query = found[0].lstrip("?&").partition("#")[0].rstrip("\"'>)")
    pairs = (part.partition("=") for part in query.split("&"))
    return {urllib.parse.unquote_plus(name): value for name, _, value in pairs}


def _decoded(part: str, text: str, where: str) -> str:
    """`part` decoded; + is a space where no other escape writes one."""
    if "+" in part and ("%20" in part or re.search(r'[":,{}]', part)):
        at = text.find("+")
        what = "a + in an encoded address can be a space or a plus"
        raise InvalidInput(issue_at(text, at, what, where, "Write %20 or %2B"))
    try:
        return urllib.parse.unquote(part.replace("+", " "), errors="strict")
    except UnicodeDecodeError:
        what = "the percent escapes are not UTF-8 text"
        raise InvalidInput(Issue(what, where, "Paste the query itself")) from None


def _doubled_quotes(text: str, where: str) -> Unwrapped | None:
    """A cell of a CSV file, which doubles each quote."""
    if not re.search(r'[{,\[]\s*""[^":,}\]\s]', text):
        return None
    cells = re.findall(r'(?:^|(?<=[,;\t\n]))\s*"((?:[^"]|"")*)"\s*(?=[,;\t\n]|$)', text)
    cells = [cell for cell in cells if re.match(r'\s*[{\[]\s*(?:{\s*)?""', cell)]
    if len(cells) > 1:
        what = f"the text contains {len(cells)} cells with a query"
        raise InvalidInput(Issue(what, where, "Keep only one of them"))
    inner = cells[0] if cells else text
    if not cells and re.search(r'(?<!")"(?!")', text):
        what = "some quotes are doubled, as in a CSV file, and some are not"
        raise InvalidInput(Issue(what, where, "Paste one whole cell"))
    return Unwrapped(inner.replace('""', '"'), ("Read the doubled quotes of a CSV file",))


def _escaped_quotes(text: str, where: str) -> Unwrapped | None:
    """A text whose every quote has a backslash, as a log or a shell writes it."""
    if not re.search(r'[{\[,(=:]\s*\\"', text) or re.search(r'(?<!\\)"', text):
        return None
    if "'" in re.sub(r'\\".*?\\"', "", text, flags=re.S):
        return None
    read = {_unescaped_json(text), _unescaped_shell(text)} - {None}
    if len(read) != 1:
        what = "the backslashes of this text can be read in two ways"
        at = text.find("\\")
        raise InvalidInput(issue_at(text, at, what, where, "Paste it without the escapes"))
    (inner,) = read
    assert inner is not None
    return Unwrapped(inner, ("Removed the backslashes before the quotes",))


def _unescaped_json(text: str) -> str | None:
    try:
        return str(json.loads('"' + text.replace("\n", "\\n").replace("\t", "\\t") + '"'))
    except ValueError:
        return None


def _unescaped_shell(text: str) -> str | None:
    """`text` as between double quotes in a shell, if no backslash is before another letter."""
    if re.search(r'\\(?![\\"$`\n])', re.sub(r"\\\\", "", text)):
        return None
    return re.sub(r'\\([\\"$`])', r"\1", text)


_LAYERS: Final[tuple[Callable[[str, str], Unwrapped | None], ...]] = (
    _prompts,
    _quoted_mail,
    _diff,
    _line_numbers,
    _entities,
    _percent,
    _doubled_quotes,
    _escaped_quotes,
)
