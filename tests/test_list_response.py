"""The fast parser of list responses, compared with botocore's parser on the same bytes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

import botocore.session
import pytest
from botocore.handlers import decode_list_object_v2
from botocore.parsers import ResponseParserError, create_parser
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.sources.list_response import ParsedResponse, parse_response
from dispatch_core.sources.protocols import ListPage

SHAPE = (
    botocore.session.Session().get_service_model("s3").operation_model("ListObjectsV2").output_shape
)
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
ROOT = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
TIME = "2025-06-07T14:31:15.000Z"


def object_xml(key: str, size: int = 7, time: str = TIME) -> str:
    rest = f"<LastModified>{time}</LastModified><ETag>&quot;9b2c&quot;</ETag><Size>{size}</Size>"
    return f"<Contents><Key>{key}</Key>{rest}<StorageClass>STANDARD</StorageClass></Contents>"


def response(
    keys: list[str], prefixes: list[str], encoded: bool = True, count: int | None = None
) -> bytes:
    """A response as S3 writes it: url-encoded, or with XML entities where needed."""

    def text(name: str) -> str:
        return quote_plus(name, safe="/") if encoded else escape(name)

    count = len(keys) + len(prefixes) if count is None else count
    parts = [f"<Name>data</Name><KeyCount>{count}</KeyCount><IsTruncated>false</IsTruncated>"]
    parts += ["<EncodingType>url</EncodingType>"] if encoded else []
    parts += [object_xml(text(key), number) for number, key in enumerate(keys)]
    parts += [
        f"<CommonPrefixes><Prefix>{text(name)}</Prefix></CommonPrefixes>" for name in prefixes
    ]
    return f"{HEAD}{ROOT}{''.join(parts)}</ListBucketResult>".encode()


def parsed(body: bytes) -> dict[str, Any]:
    """The response as botocore parses it."""
    response = {"status_code": 200, "headers": {}, "body": body}
    found: dict[str, Any] = create_parser("rest-xml").parse(response, SHAPE)
    decode_list_object_v2(found, {"encoding_type_auto_set": True})
    return found


def names(body: bytes) -> tuple[list[str], list[str]]:
    found = parsed(body)
    keys = [entry["Key"] for entry in found.get("Contents", ())]
    return keys, [entry["Prefix"] for entry in found.get("CommonPrefixes", ())]


def fast(body: bytes) -> ParsedResponse:
    found = parse_response(body)
    assert found is not None, "read by botocore instead"
    return found


NAMES = st.text(
    st.one_of(
        st.sampled_from("a/.%+ &<>*[]#?=\\'\"~\n\r\t]é\u0308\U0001f9e0\ufffd"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    min_size=1,
    max_size=12,
)


@given(st.lists(NAMES, max_size=6), st.lists(NAMES, max_size=4))
def test_url_encoded_names_are_decoded_as_by_botocore(keys: list[str], prefixes: list[str]) -> None:
    body = response(keys, prefixes)

    found = parse_response(body)

    assert found is not None or not (keys or prefixes)
    assert names(body) == (keys, prefixes)
    if found is not None:
        assert (found.page.keys, found.page.prefixes) == (keys, prefixes)


@given(st.lists(NAMES, min_size=1, max_size=4), st.lists(NAMES, max_size=4), st.booleans())
def test_a_response_is_read_as_by_botocore_or_left_to_botocore(
    keys: list[str], prefixes: list[str], encoded: bool
) -> None:
    body = response(keys, prefixes, encoded)

    found = parse_response(body)

    if found is not None:
        assert (found.page.keys, found.page.prefixes) == names(body)


@pytest.mark.filterwarnings("ignore::dateutil.parser.UnknownTimezoneWarning")  # a damaged date
@given(st.data())
def test_a_corrupt_response_is_read_as_by_botocore_or_with_every_key(
    data: st.DataObject,
) -> None:
    body = bytearray(response(["a/b+c.nwb", "a/ü", "b&c/<d>"], ["p/x.zarr/", "p/y.zarr/"]))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    found = parse_response(bytes(body))

    if found is not None:
        try:
            expected = names(bytes(body))
        except (ResponseParserError, ValueError):
            assert len(found.page.keys) + len(found.page.prefixes) == 5
        else:
            assert (found.page.keys, found.page.prefixes) == expected


@given(st.integers(0, 700))
def test_a_truncated_response_is_never_read(end: int) -> None:
    body = response(["a/1", "a/2", "a/3"], ["p/"])

    found = parse_response(body[: min(end, len(body) - 1)])

    assert found is None


def test_the_envelope_has_everything_except_the_keys() -> None:
    body = response(["a/1", "a/2"], ["p/", "q/"])

    envelope = parsed(fast(body).envelope)

    whole = parsed(body)
    assert "Contents" in whole
    assert envelope == {
        name: value for name, value in whole.items() if name not in ("Contents", "CommonPrefixes")
    }


def test_size_and_time_of_an_object_are_read_on_demand() -> None:
    page = fast(response(["a/1", "a b"], [])).page

    assert page.read(1) == ("a b", 1, TIME)
    assert page.objects == [("a/1", 0, TIME), ("a b", 1, TIME)]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2025-06-07T14:31:15Z", "2025-06-07T14:31:15.000Z"),
        ("2025-06-07T14:31:15.123456+02:00", "2025-06-07T12:31:15.123Z"),
        ("2025-06-07T14:31:15", "2025-06-07T14:31:15.000Z"),
        ("yesterday", None),
    ],
)
def test_times_have_one_format_whatever_the_server_sends(written: str, read: str | None) -> None:
    body = f"{ROOT}{object_xml('a', 7, written)}</ListBucketResult>".encode()

    assert fast(body).page.read(0).modified == read


LEFT_TO_BOTOCORE = {
    "no keys": response([], []),
    "a different key count": response(["a"], [], count=2),
    "an entity in a key": response(["a&b"], [], encoded=False),
    "a comment": response(["a"], []).replace(b"<Name>", b"<!-- <Contents> --><Name>"),
    "a tag with an attribute": response(["a", "b"], []).replace(
        b"<Contents>", b"<Contents x=''>", 1
    ),
    "a tag with a namespace": response(["a", "b"], [])
    .replace(b"<Contents>", b"<s3:Contents>", 1)
    .replace(b"</Contents>", b"</s3:Contents>", 1),
    "elements between the objects": response(["a", "b"], []).replace(
        b"</Contents><Contents>", b"</Contents><MaxKeys>2</MaxKeys><Contents>"
    ),
    "spaces between the tags": response(["a", "b"], []).replace(b"><", b"> <"),
    "the key is not first": response(["a"], []).replace(
        b"<Key>a</Key><LastModified>", b"<Size>1</Size><Key>a</Key><LastModified>"
    ),
    "two keys in one object": response(["a", "b"], []).replace(b"</Contents><Contents>", b""),
    "a different encoding": response(["a"], []).replace(b"UTF-8", b"latin1"),
    "bytes that are not UTF-8": response(["a"], []).replace(b"<Key>a", b"<Key>\xff"),
    "content after the end": response(["a"], []) + b"<ListBucketResult/>",
    "an HTML page": b"<html><p>Please sign in</p></html>",
    "a different root element": response(["a"], []).replace(b"ListBucketResult", b"ListResult"),
    "nothing": b"",
}


@pytest.mark.parametrize("body", LEFT_TO_BOTOCORE.values(), ids=LEFT_TO_BOTOCORE)
def test_a_response_in_any_other_form_is_left_to_botocore(body: bytes) -> None:
    assert parse_response(body) is None


@given(st.lists(NAMES, max_size=5), st.lists(NAMES, max_size=3), st.sampled_from(["", "a", "a/"]))
def test_a_page_is_below_a_prefix_if_all_its_entries_are(
    keys: list[str], prefixes: list[str], prefix: str
) -> None:
    page = ListPage(keys, prefixes)

    assert page.is_below(prefix) == all(name.startswith(prefix) for name in [*keys, *prefixes])
    assert ListPage([prefix + key for key in keys], []).is_below(prefix)
