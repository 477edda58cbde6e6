"""What every `MetadataSource` does; a subclass gives the fixture `source` over `RECORDS`."""

from __future__ import annotations

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.find import find_assets
from dispatch_core.query import check_query
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, Pipeline
from dispatch_core.walk import walk_records
from tests.fakes import record


class SourceTests:
    """The suite."""

    RECORDS = [record(f"a{number:02}", n=number) for number in range(25)]

    @pytest.fixture
    def source(self) -> MetadataSource:
        """The source under test, over `RECORDS`."""
        raise NotImplementedError

    def test_a_page_is_the_first_matches_by_id_with_only_the_projected_fields(
        self, source: MetadataSource
    ) -> None:
        page = source.find_page({"n": {"$gte": 20}}, {"name": 1}, 2)

        assert page == [{"_id": "r-a20", "name": "a20"}, {"_id": "r-a21", "name": "a21"}]

    def test_an_empty_projection_means_whole_records(self, source: MetadataSource) -> None:
        assert source.find_page({"name": "a03"}, {}, 5) == [self.RECORDS[3]]

    def test_a_filter_that_matches_nothing_is_an_empty_page(self, source: MetadataSource) -> None:
        assert source.find_page({"name": "none"}, {}, 5) == []
        assert source.count({"name": "none"}) == 0

    @pytest.mark.parametrize("page_size", [1, 7, 25, 1_000])
    def test_the_walk_finds_every_record_once(self, source: MetadataSource, page_size: int) -> None:
        found = [one["n"] for one in walk_records(source, {}, {"n": 1}, page_size=page_size)]

        assert found == list(range(25))

    def test_a_long_list_of_names_matches_as_a_short_one(self, source: MetadataSource) -> None:
        names = [f"a{number:02}" for number in range(500)]
        query: Filter = {"name": {"$in": names}}

        assert source.count(query) == 25
        assert source.find_page(query, {}, 3) == self.RECORDS[:3]

    def test_a_pipeline_answers_in_its_own_order(self, source: MetadataSource) -> None:
        pipeline: Pipeline = [
            {"$match": {"n": {"$lt": 3}}},
            {"$sort": {"n": -1}},
            {"$project": {"n": 1}},
        ]

        assert [one["n"] for one in source.aggregate(pipeline)] == [2, 1, 0]

    def test_matches_are_counted(self, source: MetadataSource) -> None:
        assert source.count({"n": {"$lt": 10}}) == 10
        assert source.count({}) == 25

    def test_assets_are_found_through_it(self, source: MetadataSource) -> None:
        found = find_assets(source, check_query({"n": {"$in": [1, 2]}}))

        assert [asset.location for asset in found.assets] == ["s3://data/a01", "s3://data/a02"]
        assert found.source == source.label

    def test_a_query_that_it_refuses_is_invalid_input(self, source: MetadataSource) -> None:
        with pytest.raises(InvalidInput):
            source.find_page({"name": {"$regex": "("}}, {}, 5)

    def test_its_label_is_one_line(self, source: MetadataSource) -> None:
        assert source.label
        assert "\n" not in source.label
