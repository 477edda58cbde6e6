"""What dealing out a listing to its assets costs, beside parsing its responses.

The responses are made before the measurement and replayed from memory, so that neither a
server nor a client counts: only parsing, and what `locate_files` does with the keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from benchmarks.child import Task, answer, measure
from benchmarks.list_server import Page, to_xml
from benchmarks.listing import Form
from benchmarks.pairs import in_turn, ratio
from benchmarks.report import Figure, Report, Table
from dispatch_core.demo.buckets import DemoLister
from dispatch_core.demo.catalogue import DemoCatalogue
from dispatch_core.errors import ServiceError
from dispatch_core.locate import locate_files
from dispatch_core.sources.list_response import parse_response
from dispatch_core.sources.protocols import ListPage, ObjectLister
from dispatch_core.types import DataAsset

ROUNDS = 5
THREADS = 16
FEW = 10
"""How many of the responses botocore parses too."""
LEAST_OF_BOTOCORE = 30
MOST_RATIO = 2.6
"""Limit of the CPU of locating over that of parsing alone; the aim is 1.6."""
MOST_OF_THREADS = 1.15
"""Limit of the CPU with sixteen threads over that with one: the same, beside changing over."""


def dealing(form: Form) -> Report:
    """Locate in replayed responses, with one thread and with sixteen."""
    assets = 2_000 if form.is_short else 20_000
    found = measure("benchmarks.replay", "replayed", {"assets": assets}).result
    name = f"{assets:,} assets, {found['keys']:,} keys"
    each = (f"{found[cost] / found['keys'] * 1e6:.2f} us" for cost in ("parse", "one", "sixteen"))
    row = (name, f"{found['requests']:,}", *each, f"{found['ratio']:.2f}x")
    columns = ("responses from memory", "requests", "parsing, CPU a key", "locating")
    table = Table(
        "Dealing out a listing",
        (*columns, "in 16 threads", "over parsing"),
        (row,),
        f"the ratio is the median of {ROUNDS} rounds in one process",
    )
    figures = (
        Figure("CPU of parsing: botocore over ours", found["botocore"], "x", LEAST_OF_BOTOCORE),
        Figure("CPU of locating over parsing", found["ratio"], "x", MOST_RATIO, at_most=True),
        Figure("CPU of 16 threads over one", found["threads"], "x", MOST_OF_THREADS, at_most=True),
    )
    return Report((table,), figures)


@dataclass(frozen=True)
class Response:
    """The answer to one request: a body with its token, or an error."""

    body: bytes = b""
    token: str | None = None
    error: ServiceError | None = None

    def page(self) -> ListPage:
        """The parsed page; a page without entries is not parsed."""
        if self.error is not None:
            raise self.error
        parsed = parse_response(self.body)
        page = ListPage([], []) if parsed is None else parsed.page
        return replace(page, token=self.token)


class Replayed:
    """A lister that keeps each response of another one, and gives it again."""

    label = "replayed"

    def __init__(self, lister: ObjectLister) -> None:
        self._lister = lister
        self._kept: dict[tuple[Any, ...], Response] = {}
        self.asked: list[Response] = []

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
    ) -> ListPage:
        """The page of a kept response; see `ObjectLister.list_page`."""
        request = (bucket, prefix, delimiter, start_after, token)
        if request not in self._kept:
            self._kept[request] = self._response(*request)
        response = self._kept[request]
        self.asked.append(response)
        return response.page()

    def _response(
        self, bucket: str, prefix: str, delimiter: str, start_after: str, token: str | None
    ) -> Response:
        try:
            page = self._lister.list_page(
                bucket, prefix, delimiter=delimiter, start_after=start_after, token=token
            )
        except ServiceError as error:
            return Response(error=error)
        listed = Page(page.keys, page.prefixes, "more" if page.token else "")
        body = to_xml(listed, {"prefix": prefix, "encoding-type": "url"})
        return Response(body, page.token)


def by_botocore(responses: Sequence[Response]) -> list[Any]:
    """The responses as botocore parses them, with an object for each value of each key."""
    parser, shape = _parser_of_botocore()
    return [
        parser.parse({"body": one.body, "headers": {}, "status_code": 200}, shape)
        for one in responses
    ]


@cache
def _parser_of_botocore() -> tuple[Any, Any]:
    import botocore.session
    from botocore.parsers import create_parser

    model = botocore.session.get_session().get_service_model("s3")
    return create_parser("rest-xml"), model.operation_model("ListObjectsV2").output_shape


def replayed(task: Task) -> Callable[[], dict[str, Any]]:
    """Locate all assets of a demo in kept responses, in turn with parsing these."""
    catalogue = DemoCatalogue(task["assets"])
    assets = [
        DataAsset(record["_id"], record["name"], str(record.get("location") or ""))
        for record in catalogue.records
    ]
    lister = Replayed(DemoLister(catalogue))

    def locate(threads: int) -> Any:
        lister.asked.clear()
        return locate_files(assets, lister, ".nwb", threads=threads)

    located = locate(THREADS)
    located = locate(1)
    responses = [response for response in lister.asked if response.error is None]
    by_botocore(responses[:1])  # reads its description of the service

    def parse() -> None:
        for response in responses:
            response.page()

    def work() -> dict[str, Any]:
        ways = (parse, lambda: locate(1), lambda: locate(THREADS))
        rounds = in_turn(ROUNDS, *ways)
        few = responses[:FEW]
        parsers = in_turn(ROUNDS, lambda: [one.page() for one in few], lambda: by_botocore(few))
        lowest = map(min, zip(*rounds, strict=True))
        return {
            **dict(zip(("parse", "one", "sixteen"), lowest, strict=True)),
            "requests": located.requests,
            "keys": located.keys_listed,
            "ratio": ratio(rounds),
            "threads": ratio(rounds, 2, 1),
            "botocore": ratio(parsers),
        }

    return work


if __name__ == "__main__":
    answer({"replayed": replayed})
