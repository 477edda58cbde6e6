"""Links out of the app, by template."""

from __future__ import annotations

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.types import DataAsset
from dispatch_core.views.links import DEFAULT_LINKS, links_of, read_links

ASSET = DataAsset("id-1", "ecephys 1/2&x", "s3://bucket/a b/c/", asset_ids=("co-1",))


def test_values_are_quoted_as_parts_of_an_address() -> None:
    assert links_of(ASSET, DEFAULT_LINKS) == {
        "Metadata portal": "https://metadata-portal.allenneuraldynamics.org/view"
        "?name=ecephys%201%2F2%26x",
        "Code Ocean": "https://codeocean.allenneuraldynamics.org/data_assets/co-1",
        "S3 console": "https://s3.console.aws.amazon.com/s3/buckets/bucket?prefix=a%20b%2Fc%2F",
    }


def test_a_link_whose_fields_the_asset_lacks_is_omitted() -> None:
    assert list(links_of(DataAsset("id", "name", ""), DEFAULT_LINKS)) == ["Metadata portal"]


def test_a_blank_setting_gives_the_default_links_and_an_empty_object_gives_none() -> None:
    assert read_links(" ") == DEFAULT_LINKS
    assert read_links("{}") == {}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"a": 1}',
        '{"a": "javascript:alert(1)"}',
        '{"a": "https://x.test/{secret}"}',
        '{"a": "https://x.test/{name.__class__}"}',
        "{",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_links(text)
