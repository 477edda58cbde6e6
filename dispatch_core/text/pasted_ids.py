"""Ids in pasted text: lines, a list of a program, a query of SQL, bullets, a table's index.

The text is not run. Quoted texts are taken whole; otherwise commas, semicolons, tabs and
line ends separate ids, and blanks do if each word has a digit: a name may contain blanks.
A list that a program abbreviated with ``...`` is refused, because ids are missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.text.invisible import visible
from dispatch_core.text.strict_json import load_json
from dispatch_core.text.words import shown_list
from dispatch_core.types import JsonValue

_PLAIN_ID = re.compile(r"[\w/.:-]+", re.ASCII)
_QUOTED = re.compile(
    r"""(?<![^\s,;|\[\](){}=])(?:"([^"]*)"|'([^']*)'|`([^`]*)`|\u00ab([^\u00bb]*)\u00bb"""
    r"""|[\u201c-\u201f]([^\u201c-\u201f]*)[\u201c-\u201f]|[\u2018-\u201b]([^\u2018-\u201b]*)[\u2018-\u201b])"""
    r"""(?=[\s,;|)\]}:]|$)"""
)
_NULLS = frozenset(("none", "null", "nan", "na", "<na>", "nat", "undefined"))

_CONNECTING = frozenset("and or plus then".split())

_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_CERTAIN = re.compile(rf"[({{<\[]*(?:{_UUID}|s3://\S+|https?://\S+)[)}}>\].!?]*")
_IN_LIST = re.compile(r"\bIN\s*\((.*)\)[^)]*\Z", re.IGNORECASE | re.DOTALL)
_SQL = re.compile(
    r"\s*(?:select|delete|with|where|and|or)\b|\s*[\w.\"`]+\s+(?:not\s+)?in\s*\(", re.IGNORECASE
)
_ASSIGNED = re.compile(
    r"^[ \t]*(?:const |let |var )?[A-Za-z_][\w.]*\s*(?:=(?!=)|<-|:=|:)\s*"
    r"(?=[\[({\"']|[A-Za-z_. ]+[(\[])",
    re.MULTILINE,
)
_CONSTRUCTED = re.compile(r"\b(?:new\s+)?[A-Za-z_]+(?:<\w+>)?\s*(?=[\[{(]\s*[\"'\[])")
_CALL = re.compile(
    r"(?<![\w/:.-])[A-Za-z_][\w.]*(?=\(\s*(?:[\"'`\u2018\u201c\[{()]|[A-Za-z_.]+\(|$))",
    re.MULTILINE,
)
_OPTION = re.compile(
    r",\s*(?:dtype|name|length|copy|categories|ordered)\s*=\s*(?:'[^']*'|\"[^\"]*\"|\[[^\]]*\]|[\w.<>\[\]-]+)"
)
_TRAILER = re.compile(
    r"(?:Name: .*, )?(?:Length: \d+, )?dtype: .*|\[?\d+ rows x \d+ columns\]?"
    r"|\[\d+ levels\]|Levels: .*|Categories \(.*|```\w*|# A tibble: .*|shape: \(.*\)|Series: '.*"
    r"|<\w+>"
)
_BULLET = re.compile(
    r"\s*(?:>\s*)*(?:[-*+\u2022\u2023\u25aa\u25cf\u25cb\u25e6\u2043\u00b7\u2013\u2014\u2192]\s+|[\u2022\u25aa\u25cf\u25e6]\s*)?"
    r"(?:\[[ xX]\]\s+)?(?:\(?(?:\d{1,7}|[a-zA-Z])[.)]\s+|#\d{1,7}:?\s+|\[\d{1,7}\]\s+|\d{1,7}:\s+"
    rf"|\d{{1,7}}[.)](?={_UUID}))?"
)
_INDEXED = re.compile(r"\s*(\d{1,9})\s+(?:-\s+)?(\S.*)")
_LABEL = re.compile(
    r"\A(?:data[\s_-]*)?(?:asset)?[\s_-]*(?:(?:uu)?ids?|names?|locations?)\s*(?:=|:(?!//))\s*(?=\S)",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>", re.IGNORECASE)
_LINK = re.compile(r"\[([^\[\]]*)\]\((https?://[^\s()]+)\)")
_COMMENT = re.compile(r"(?<!\s)\s+(?:#|//|--)\s.*$")
_COMMENT_LINE = re.compile(r"\s*(?:#|//)\s")
_SHORTENING = re.compile(
    r"(?<![\w.])[A-Za-z_]\w*\.(?:remove|pop|discard|clear|difference(?:_update)?|drop|filter)\s*\("
    r"|(?<![\w.])del\s+[A-Za-z_]\w*\s*\[|(?<=[\w)\]])\[\s*-?\d*\s*:\s*-?\d*\s*(?::\s*-?\d*\s*)?\]"
    r"|(?<!\w)setdiff\s*\("
)
_HEADING = re.compile(
    r"(?:data[\s_-]*)?asset[\s_-]*ids?\s*:?|(?:ids|uuids|names|locations|assets)\s*:", re.IGNORECASE
)
_KEYS = ("asset_id", "data_asset_id", "id", "_id", "$oid")


class PastedIds(NamedTuple):
    """The ids of a pasted text in order, and what was ignored after them, by line.

    A null of a list is an empty id. ``ignored`` has (line number from 1, text) of each end of a
    line that is a comment; the number is 0 if the line was changed before it was read.
    """

    ids: list[str]
    ignored: list[tuple[int, str]]


def read_ids(text: str, where: str) -> PastedIds:
    """The ids of a pasted `text`, and the ends of its lines that are comments.

    Raises `InvalidInput` for a list that is abbreviated, shortened by a program or ambiguous.
    """
    listed = _ids_of_json(text, where)
    if listed is not None:
        return PastedIds(listed, [])
    _refuse_abbreviated(text, where)
    _refuse_shortened(text, where)
    lines_with_ids = (line for line in text.splitlines() if not _COMMENT_LINE.match(line))
    kept = (line for line in lines_with_ids if not _is_frame(line.strip()))
    lines = _bare("\n".join(kept), where).splitlines()
    lines = _without_index([_BULLET.sub("", line, count=1) for line in lines])
    comments: list[str] = []
    bare = (_LABEL.sub("", line.strip(), count=1) for line in lines)
    ids = [token for line in bare for token in _tokens(line, comments)]
    return PastedIds(ids, list(_numbered(comments, text)))


def _numbered(comments: Sequence[str], text: str) -> Iterator[tuple[int, str]]:
    """Each of `comments`, which are in order, with the number of its line in `text`."""
    lines = text.splitlines() if comments else []
    at = 0
    for comment in comments:
        places = (
            number
            for number in range(at, len(lines))
            if comment in lines[number] and not _COMMENT_LINE.match(lines[number])
        )
        found = next(places, None)
        at = at if found is None else found + 1
        yield 0 if found is None else at, comment


def _refuse_abbreviated(text: str, where: str) -> None:
    if re.search(r"(?:^|[\s,\[(])(?:\.\.\.|\u2026|\.\.)(?:[\s,\])]|$)", text):
        what = "the list is abbreviated with ..., so ids are missing"
        raise InvalidInput(Issue(what, where, "Paste the whole list, such as that of .tolist()"))


def _refuse_shortened(text: str, where: str) -> None:
    """Raise for a program that removes ids from its list: the text is not run."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _SHORTENING.search(line)
        if found and not _COMMENT_LINE.match(line):
            what = f"{found[0].strip()} changes which ids are in the list"
            raise InvalidInput(Issue(what, where, "Paste the list that results", number))


def replace_id(text: str, old: str, new: str) -> str:
    """`text` with the id `old` replaced wherever it is not part of a longer one."""
    return re.sub(rf"(?<![\w-]){re.escape(old)}(?![\w-])", lambda _: new, text)


def lines_of_comment(text: str) -> int:
    """How many lines of a pasted text are comments, which may be ids that a program excludes."""
    return sum(_COMMENT_LINE.match(line) is not None for line in text.splitlines())


def holds_uuid(text: str) -> bool:
    """Whether `text` contains a UUID, as the rows do that an open quote takes into a cell."""
    return bool(re.search(_UUID, text))


def is_heading(line: str) -> bool:
    """Whether `line` only says that asset ids follow: ``asset_id``, ``Asset IDs:``."""
    return bool(_HEADING.fullmatch(visible(line)))


def _is_frame(line: str) -> bool:
    return bool(_TRAILER.fullmatch(line) or is_heading(line))


def _bare(text: str, where: str) -> str:
    """`text` without the parts of a program around the ids."""
    if _SQL.match(text) and (found := _IN_LIST.search(text)):
        _refuse_other_sql(text, where)
        text = found[1]
    text = _LINK.sub(r"\2", text.replace('\\"', '"'))
    text = _CALL.sub("", _CONSTRUCTED.sub("", _ASSIGNED.sub("", _OPTION.sub("", text))))
    return _TAG.sub("\n", text)


def _refuse_other_sql(text: str, where: str) -> None:
    """One list of IN is a list of ids; NOT IN means all others, and of two either may be meant."""
    if re.search(r"\bNOT\s+IN\s*\(", text, re.IGNORECASE):
        what = "NOT IN (...) selects all other ids"
        raise InvalidInput(Issue(what, where, "Paste the ids to dispatch"))
    if len(re.findall(r"\bIN\s*\(", text, re.IGNORECASE)) > 1:
        what = "the query has more than one IN (...)"
        raise InvalidInput(Issue(what, where, "Paste only the list of ids"))


def _without_index(lines: list[str]) -> list[str]:
    """`lines` without the index of a printed table: whole numbers that count up by one."""
    filled = [line for line in lines if line.strip()]
    found = [_INDEXED.fullmatch(line) for line in filled]
    numbers = [int(one[1]) for one in found if one]
    first = numbers[0] if numbers else 0
    if len(numbers) < max(2, len(filled)) or numbers != list(range(first, first + len(numbers))):
        return lines
    return [one[2] for one in found if one]


def _tokens(line: str, comments: list[str]) -> Iterator[str]:
    """The ids of one line: quoted texts whole, the rest at separators, up to a comment."""
    if _PLAIN_ID.fullmatch(line):
        yield _plain(line)
        return
    start = 0
    for found in _QUOTED.finditer(line):
        before = line[start : found.start()]
        if comment := _COMMENT.search(before):
            comments.append(line[start + comment.start() :].strip())
            yield from _words(before[: comment.start()])
            return
        yield from _words(before)
        text = found[found.lastindex or 0].strip()
        is_key = line[found.end() :].lstrip().startswith(":") and not _CERTAIN.fullmatch(text)
        if not is_key:
            yield text
        start = found.end()
    comment = _COMMENT.search(line, start)
    if comment:
        comments.append(comment[0].strip())
    yield from _words(line[start : comment.start() if comment else None])


def _words(part: str) -> Iterator[str]:
    for piece in re.split(r"[,;\t|\n\r]+", part):
        words = piece.split()
        if len(words) > 1 and all(re.search(r"\d", word) for word in words):
            yield from map(_plain, words)
        elif len(words) > 1 and any(map(_CERTAIN.fullmatch, words)):
            yield from _among_ids(words)
        elif words and re.search(r"\w", piece):
            yield _plain(piece)


def _among_ids(words: list[str]) -> Iterator[str]:
    """The ids of a sentence; its other words are rows too, because one may be a name."""
    for has_digit, some in groupby(words, key=lambda word: bool(re.search(r"\d", word))):
        if has_digit:
            yield from (_plain(word.rstrip(".!?")) for word in some)
        else:
            rest = [word for word in some if word.lower() not in _CONNECTING]
            yield from [" ".join(rest)] if re.search(r"\w", " ".join(rest)) else []


def _plain(word: str) -> str:
    """`word` without quotes and without brackets that open or close a list; null is empty."""
    word = word.strip(" \t\"'`")
    for opening, closing in ("[]", "()", "{}", "<>"):
        while word.startswith(opening) and (word.endswith(closing) or closing not in word):
            word = word[1:].removesuffix(closing).strip()
        while word.endswith(closing) and opening not in word:
            word = word[:-1].strip()
    return "" if word.lower() in _NULLS else word.strip("\"'`")


def _ids_of_json(text: str, where: str) -> list[str] | None:
    """The ids of a JSON list, of objects with an id, or of the one list in an object."""
    if not text.strip().startswith(("[", "{")):
        return None
    try:
        value = load_json(text, where)
    except InvalidInput:
        return None
    if isinstance(value, dict):
        value = _only_list(value, where)
    return [_id_of(item, number, where) for number, item in enumerate(value, 1)]


def _only_list(value: dict[str, JsonValue], where: str) -> list[JsonValue]:
    found = list(_lists_in(value))
    if len(found) == 1:
        return found[0]
    if not found and any(key in value for key in _KEYS):
        return [value]
    what = f"the object has {len(found)} lists of ids" if found else "the object has no list of ids"
    raise InvalidInput(Issue(what, where, "Paste only the list of ids"))


def _lists_in(value: JsonValue) -> Iterator[list[JsonValue]]:
    if isinstance(value, list):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _lists_in(item)


def _id_of(item: JsonValue, number: int, where: str) -> str:
    if isinstance(item, dict):
        keys = [key for key in _KEYS if key in item]
        if not keys:
            what = f"item {number} is an object without an id; its keys are {shown_list(item)}"
            raise InvalidInput(Issue(what, where, f"Give it the key {_KEYS[0]}"))
        return _id_of(item[keys[0]], number, where)
    if isinstance(item, list | bool | float):
        raise InvalidInput(Issue(f"item {number} is not an id", where, "Give each id as text"))
    return "" if item is None else str(item).strip()
