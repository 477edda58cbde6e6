"""The same questions to a MongoDB server and to the demo have equal answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dispatch_core.demo.catalogue import DemoCatalogue
from dispatch_core.demo.gateway import DemoGateway, GatewayAdapter
from dispatch_core.insight.advice import advise
from dispatch_core.insight.explain import explain
from dispatch_core.insight.facets import FACETS
from dispatch_core.insight.fields import FieldCatalogue, sample_fields
from dispatch_core.insight.values import count_values
from dispatch_core.sources.gateway import GatewaySource
from dispatch_core.sources.mongodb import MongoSource
from dispatch_core.types import Filter
from tests.support.facets import count_facets

pymongo = pytest.importorskip("pymongo", reason="pymongo is an extra (requirements-mongodb.txt)")
secantus = pytest.importorskip("secantus", reason="SecantusDB is a test requirement")

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # of the server's own patterns

RECORDS = DemoCatalogue(150).records


@pytest.fixture(scope="module")
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoSource]:
    server = secantus.SecantusDBServer(port=0, storage_path=str(tmp_path_factory.mktemp("mongo")))
    server.start()
    with pymongo.MongoClient(server.uri) as client:
        client.lab.assets.insert_many([dict(one) for one in RECORDS])
    yield MongoSource(server.uri, database="lab", collection="assets")
    server.stop()


@pytest.fixture(scope="module")
def gateway() -> GatewaySource:
    return GatewaySource("demo.invalid", adapter=GatewayAdapter(DemoGateway(RECORDS)))


@pytest.fixture(scope="module")
def fields(gateway: GatewaySource) -> FieldCatalogue:
    return sample_fields(gateway)


def test_both_have_the_same_fields(
    mongodb: MongoSource, gateway: GatewaySource, fields: FieldCatalogue
) -> None:
    assert sample_fields(mongodb).fields == fields.fields


@pytest.mark.parametrize(
    "question",
    [
        {"paths": "data_description.project_name"},
        {"paths": ("data_description.modality.abbreviation",), "limit": 3},
        {"paths": FACETS[2].paths, "search": "e"},
        {"paths": "session.data_streams.stream_modalities.abbreviation"},
        {"paths": FACETS[5].paths, "start": 7},
    ],
)
def test_both_count_the_same_values(
    mongodb: MongoSource, gateway: GatewaySource, fields: FieldCatalogue, question: dict[str, Any]
) -> None:
    here = count_values(gateway, catalogue=fields, **question)
    there = count_values(mongodb, catalogue=fields, **question)

    assert here.values
    assert there == here


@pytest.mark.parametrize(
    "query", [{}, {"data_description.data_level": "raw"}, {"subject.subject_id": {"$ne": "1"}}]
)
def test_both_count_the_same_facets(
    mongodb: MongoSource, gateway: GatewaySource, fields: FieldCatalogue, query: Filter
) -> None:
    here = count_facets(gateway, fields, query)

    assert [one.error for one in here] == [""] * len(FACETS)
    assert count_facets(mongodb, fields, query) == here


@pytest.mark.parametrize(
    "query",
    [
        {"data_description.data_level": "raw", "subject.sex": "Unknown"},
        {"subject.subject_id": 900003, "data_description.modalitities.name": "Behavior"},
        {"data_description.modality": "fib"},
    ],
)
def test_both_advise_and_explain_alike(
    mongodb: MongoSource, gateway: GatewaySource, fields: FieldCatalogue, query: Filter
) -> None:
    assert advise(mongodb, query, fields) == advise(gateway, query, fields)
    assert explain(mongodb, query) == explain(gateway, query)
