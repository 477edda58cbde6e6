"""Sources and listers that a user wrote: what they do wrong is an error that names the method."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import dispatch_core as dispatch
from dispatch_core.errors import AccessDenied, InvalidInput, ServiceError
from dispatch_core.sources.folder import FolderLister
from dispatch_core.sources.protocols import ListPage, StoredObject
from dispatch_core.sources.user_made import checked_lister, checked_source
from tests.fakes import Buckets, Records, record

REQUEST = dispatch.make_request(query={"name": {"$exists": True}}, file_extension=".nwb")


class Mine:
    """A source and a lister that gives one answer, or raises it."""

    def __init__(self, answer: Any, label: Any = "my data") -> None:
        self.answer = answer
        self.label = label

    def find_page(self, *asked: Any) -> Any:
        return self._answer()

    def aggregate(self, *asked: Any) -> Any:
        return self._answer()

    def count(self, *asked: Any) -> Any:
        return self._answer()

    def list_page(self, *asked: Any, **more: Any) -> Any:
        return self._answer()

    def _answer(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Unreadable(Exception):
    """An error whose own text cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError


class Unlabelled(Mine):
    """An object whose label cannot be read."""

    @property
    def label(self) -> str:
        raise RuntimeError("no label today")

    @label.setter
    def label(self, value: Any) -> None:
        """Ignored."""


NOT_RECORDS = [
    (None, "returned a value of type NoneType, not a list of records"),
    (iter([]), "returned a value of type list_iterator, not a list of records"),
    (["a"], "returned a list with a value of type str, not a record"),
    ([{"_id": "1", "x": object()}], "returned a record that is not JSON: Object of type object"),
    ([{"_id": "1", ("a", "b"): 1}], "returned a record that is not JSON: keys must be str"),
    (KeyError("x"), "raised KeyError: 'x'"),
    (Unreadable(), f"raised {__name__}.Unreadable: <exception str() failed>"),
]


@pytest.mark.parametrize(("answer", "problem"), NOT_RECORDS)
@pytest.mark.parametrize("method", ["find_page", "aggregate"])
def test_a_wrong_answer_of_a_source_is_an_error_that_names_source_and_method(
    method: str, answer: Any, problem: str
) -> None:
    source = checked_source(Mine(answer))

    with pytest.raises(ServiceError) as caught:
        source.aggregate([]) if method == "aggregate" else source.find_page({}, {}, 1)

    assert str(caught.value).startswith(f"my data: Mine.{method} {problem}")
    assert str(caught.value).endswith("Correct this method.")


@pytest.mark.parametrize("one", [{}, {"_id": {"$oid": "1"}}, {"_id": None}])
def test_a_page_needs_ids_and_the_result_of_a_pipeline_does_not(one: dict[str, Any]) -> None:
    source = checked_source(Mine([one]))

    assert source.aggregate([]) == [one]
    with pytest.raises(ServiceError, match=r"Mine.find_page returned a record whose _id is not"):
        source.find_page({}, {}, 1)


@pytest.mark.parametrize("answer", ["x", None, 1.5])
def test_a_count_is_a_whole_number(answer: Any) -> None:
    with pytest.raises(ServiceError, match=r"Mine.count returned a value of type .*, not a whole"):
        checked_source(Mine(answer)).count({})


def test_records_are_copies_that_the_source_cannot_change_later() -> None:
    held = [{"_id": "1", "deep": {"value": 1}}]
    page = checked_source(Mine(held)).find_page({}, {}, 1)

    held[0]["deep"]["value"] = 2

    assert page == [{"_id": "1", "deep": {"value": 1}}]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "returned a value of type NoneType, not a ListPage"),
        (["a"], "returned a value of type list, not a ListPage"),
        (ListPage([5], []), "returned a page whose keys and prefixes are not lists of text"),
        (ListPage([], "a/"), "returned a page whose keys and prefixes are not lists of text"),
        (ListPage([], [], 5), "returned a page whose token is a value of type int"),
        (ListPage([], ["a/"]), "returned a page with prefixes, although no delimiter was given"),
        (ValueError("boom"), "raised ValueError: boom"),
    ],
)
def test_a_wrong_answer_of_a_lister_is_an_error_that_names_lister_and_method(
    answer: Any, problem: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        checked_lister(Mine(answer)).list_page("b", "p/")

    assert str(caught.value).startswith(f"my data: Mine.list_page {problem}")


@pytest.mark.parametrize(
    "page",
    [
        ListPage(["a.nwb"], []),
        ListPage(["a.nwb"], [], read=lambda index: ("a.nwb", 1, None)),
        ListPage(["a.nwb"], [], read=lambda index: StoredObject("b.nwb")),
        ListPage(["a.nwb"], [], read=lambda index: StoredObject("a.nwb", "big")),
    ],
)
def test_each_object_of_a_page_is_the_one_that_is_listed(page: ListPage) -> None:
    read = checked_lister(Mine(page)).list_page("b", "").read

    with pytest.raises(ServiceError, match=r"StoredObject of each key; use ListPage.of"):
        read(0)


def test_a_page_whose_objects_cannot_be_read_is_an_error() -> None:
    page = ListPage(["a.nwb"], [], read=lambda index: [StoredObject("x")][index + 1])

    with pytest.raises(ServiceError, match=r"ListPage.read raised IndexError"):
        checked_lister(Mine(page)).list_page("b", "").read(0)


def test_the_errors_of_this_package_pass_unchanged() -> None:
    denied = AccessDenied("not for you")

    with pytest.raises(AccessDenied) as caught:
        checked_lister(Mine(denied)).list_page("b", "p/")

    assert caught.value is denied


def test_the_error_of_a_user_is_the_cause_of_ours() -> None:
    error = KeyError("x")

    with pytest.raises(ServiceError) as caught:
        checked_source(Mine(error)).count({})

    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Records, "source: Records is a class. Give an instance, such as Records()."),
        (None, "a value of type NoneType has no find_page, no aggregate, no count, no label"),
        (Buckets(), "a value of type Buckets has no find_page, no aggregate, no count."),
        (Mine([], label=None), "a value of type Mine has no label (text)."),
    ],
)
def test_an_object_that_is_not_a_source_is_invalid_at_once(given: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_source(given)

    assert message in str(caught.value)


def test_a_label_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ServiceError, match=r"Unlabelled.label raised RuntimeError: no label today"):
        checked_lister(Unlabelled([]))


def test_a_source_of_this_package_is_used_as_it_is(tmp_path: Any) -> None:
    own = FolderLister(tmp_path)

    assert checked_lister(own) is own
    assert checked_lister(checked_lister(Buckets())).label == "buckets in memory"


def test_a_checked_lister_can_be_sent_to_another_process() -> None:
    lister = pickle.loads(pickle.dumps(checked_lister(Buckets({"data": ["a/1.nwb"]}))))

    assert lister.list_page("data", "a/").keys == ["a/1.nwb"]


def _wrong_sources() -> Iterator[tuple[Any, Any, Any]]:
    records, buckets = Records([record("a0")]), Buckets({"data": ["a0/1.nwb"]})
    yield None, records, buckets
    yield REQUEST, None, buckets
    yield REQUEST, records, None
    yield {"query": {}}, records, buckets


@pytest.mark.parametrize("arguments", _wrong_sources())
def test_the_pipeline_refuses_what_is_not_a_request_or_a_source(
    arguments: tuple[Any, Any, Any],
) -> None:
    with pytest.raises(InvalidInput):
        dispatch.plan_dispatch(*arguments)


def test_a_lister_that_fails_for_one_asset_is_a_row_of_the_ledger() -> None:
    class Failing(Buckets):
        def list_page(self, bucket: str, prefix: str, **more: Any) -> ListPage:
            if prefix != "a1/":
                raise ValueError("boom")
            return super().list_page(bucket, prefix, **more)

    source = Records([record("a0"), record("a1")])

    plan = dispatch.plan_dispatch(REQUEST, source, Failing({"data": ["a1/1.nwb"]}))

    assert len(plan.jobs) == 1
    assert [(row.name, row.message) for row in plan.exclusions] == [
        ("a0", "Failing.list_page raised ValueError: boom")
    ]
