"""A dispatch as a run of Code Ocean: its parameters, the settings, and the states of a run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from dispatch_core.engines.codeocean import (
    LONGEST_ARGUMENT,
    PanelField,
    Run,
    Target,
    dispatcher_in,
    read_settings,
    request_parameters,
    request_text,
)
from dispatch_core.engines.codeocean_client import CodeOceanService
from dispatch_core.engines.codeocean_follow import MOST_FAILURES, follow
from dispatch_core.errors import (
    AccessDenied,
    DispatchError,
    InvalidInput,
    NothingFound,
    ServiceError,
)
from dispatch_core.request import load_request, make_request

FINGERPRINT = "be9ba82eba01b5d49db9ef08e9b15c1c76d22ea8f1acb535d5b0d844de787b1c"
BOTH = (PanelField("request"), PanelField("expect_fingerprint"))
A_PIPELINE = Target("pipeline", "4bc97533-6eb4-48ac-966f-648548a756d2")


# The parameters


def test_the_parameters_are_the_request_and_the_fingerprint() -> None:
    request = make_request(query={"name": "it's"}, file_extension=".nwb", job_format="pipeline")

    parameters = request_parameters(request, FINGERPRINT, BOTH)

    assert parameters == {
        "request": '{"version":1,"query":{"name":"it\\u0027s"},"file_extension":".nwb",'
        '"job_format":"pipeline"}',
        "expect_fingerprint": FINGERPRINT,
    }


def test_a_field_whose_default_would_change_the_request_is_blank() -> None:
    fields = (*BOTH, PanelField("split_files", "1"), PanelField("group_by"))

    parameters = request_parameters(make_request(query={}), FINGERPRINT, fields)

    assert list(parameters) == ["request", "expect_fingerprint", "split_files"]
    assert parameters["split_files"] == ""


HOSTILE = {
    "quotes": {"query": {"name": {"$regex": "^a'b\"c\\\\.d$"}}},
    "shell": {"query": {"name": "$(reboot) `id` ; && | > < * ? ! # ~ {a,b} $HOME %s"}},
    "unicode": {"query": {"name": "ä 神経 \U0001f9e0 \u2028"}},
    "lines": {"query": {"name": "a\nb\tc\x00d"}},
    "pipeline": {"query": [{"$match": {"a.b": 1}}, {"$sort": {"_id": 1}}]},
    "ids": {"asset_rows": [{"number": 2, "text": "--help"}, {"number": 9, "text": "x y"}]},
    "excluded": {"query": {}, "excluded": ["a", "b'c"]},
    "parameters": {"query": {}, "parameters": {"distributed_parameters": [{"k": [1.0, None]}]}},
    "code": {"query": {}, "analysis_code": {"name": "w", "version": "3.0"}},
    "trial": {"query": {}, "trial": {"random": 3, "seed": 4}},
    "numbers": {"query": {"n": {"$gt": 1e300, "$ne": -0.0, "$in": [True, 1, 10**18]}}},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_every_request_is_read_back_from_its_parameter(name: str) -> None:
    request = make_request(**HOSTILE[name])

    text = request_text(request)
    in_script = subprocess.check_output(["bash", "-c", f"printf %s '{text}'"], text=True)

    assert load_request(text) == request
    assert in_script == text
    assert text.isascii()
    assert text.isprintable()


def test_a_request_may_fill_one_argument_and_no_more() -> None:
    def request_of(size: int) -> dict[str, str]:
        empty = len("--request=" + request_text(make_request(query={"n": ""})))
        request = make_request(query={"n": "x" * (size - empty)})
        return request_parameters(request, FINGERPRINT)

    longest = request_of(LONGEST_ARGUMENT)["request"]
    done = subprocess.run(["true", f"--request={longest}"], check=False)

    assert done.returncode == 0
    with pytest.raises(InvalidInput, match="the request has 131,072 bytes") as caught:
        request_of(LONGEST_ARGUMENT + 1)
    assert "not attached as a data asset" in str(caught.value)
    assert "--request_path" in str(caught.value)


def test_a_request_that_is_a_file_of_the_pipeline_is_named_by_its_path() -> None:
    ids = [{"number": n, "text": f"{n:036}"} for n in range(20_000)]
    request = make_request(asset_rows=ids)

    parameters = request_parameters(request, FINGERPRINT, request_path="/data/request.json")

    assert parameters == {"request": "/data/request.json", "expect_fingerprint": FINGERPRINT}
    with pytest.raises(InvalidInput, match="is not an absolute path"):
        request_parameters(request, FINGERPRINT, request_path="request.json")


# The dispatcher in a panel


def test_the_dispatcher_is_the_process_whose_panel_can_carry_a_dispatch() -> None:
    panel = {"wrapper": (PanelField("dry_run", "1"),), "dispatcher": BOTH}

    assert dispatcher_in(panel, A_PIPELINE) == "dispatcher"
    assert dispatcher_in({"": BOTH}, Target("capsule", "a")) == ""


@pytest.mark.parametrize(
    ("panel", "process", "said"),
    [
        ({"a": BOTH, "b": BOTH}, "", "several processes of pipeline 4bc97533-.* dispatcher: a, b"),
        ({"a": (PanelField("docdb_query"),)}, "", r"of a process \(a\) .* lacks the fields req"),
        ({"": (PanelField("docdb_query"),)}, "", "the panel of pipeline .* lacks the fields"),
        ({}, "", "the panel of pipeline .* lacks the fields request and expect_fingerprint"),
        ({"a": BOTH}, "b", "has no process 'b' with a panel. Choose one of its processes: a"),
        ({}, "b", "Choose one of its processes: none with a panel"),
        ({"a": BOTH[:1]}, "a", "the panel of a lacks expect_fingerprint"),
    ],
)
def test_a_panel_without_a_clear_dispatcher_is_refused(
    panel: dict[str, Any], process: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        dispatcher_in(panel, A_PIPELINE, process)


# Settings


@pytest.mark.parametrize(
    "text",
    [
        "https://codeocean.example.org",
        "https://codeocean.example.org/",
        " HTTPS://CodeOcean.example.org ",
        "codeocean.example.org",
    ],
)
def test_the_domain_is_an_https_address_without_a_path(text: str) -> None:
    settings = read_settings({"CODEOCEAN_DOMAIN": text, "CODEOCEAN_TOKEN": " cop_x\n"})

    assert (settings.domain, settings.token) == ("https://codeocean.example.org", "cop_x")
    assert "cop_x" not in repr(settings)


@pytest.mark.parametrize(
    "text",
    [
        *["http://host", "ftp://host", "//host", "https://", "https:///", "://host", "https:/host"],
        *["https://host/api/v1", "https://host?x", "https://host#x", "host/capsule/1234567/tree"],
        *[
            "https://sesame:open@host",
            "sesame@host",
            "https://ho st",
            "https://host\\x",
            "https://-",
        ],
        *[
            "https://host:port",
            "https://host:123456",
            "https://h\u00f6st",
            "https://[::1]",
            "a." * 127 + "a",
        ],
        *["https://a..b", "https://host:65536", "https://host:0", f"{'a' * 64}.org", ".host"],
        *["https://https://host", "host\nx: y"],
    ],
)
def test_any_other_domain_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_settings({"CODEOCEAN_DOMAIN": text, "CODEOCEAN_TOKEN": "cop_x"})

    assert "CODEOCEAN_DOMAIN: it is not the https address of a host" in str(caught.value)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "token", ["", "  ", "planted token", "planted\ntoken", "plänted", "pl\x00"]
)
def test_a_token_that_cannot_be_one_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_settings({"CODEOCEAN_DOMAIN": "host", "CODEOCEAN_TOKEN": token})

    assert str(caught.value).startswith("CODEOCEAN_TOKEN: it ")
    assert "pl" not in str(caught.value).partition(": ")[2].replace("platform", "")


@pytest.mark.parametrize(
    "text", ["", "../x", "4688895", "a/b", "a b", "https://host/capsule/1/tree", "a" * 65]
)
def test_an_id_is_never_a_part_of_an_address(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"--pipeline: .* is not an ID"):
        Target("pipeline", text)


def test_without_the_client_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "codeocean", None)

    with pytest.raises(InvalidInput) as caught:
        CodeOceanService(read_settings({"CODEOCEAN_DOMAIN": "host", "CODEOCEAN_TOKEN": "cop_x"}))

    assert "pip install -r requirements-codeocean.txt" in str(caught.value)


# The states of a run


@pytest.mark.parametrize(
    ("run", "outcome", "shown"),
    [
        (Run("a", "initializing"), "under way", "initializing"),
        (Run("a", "finalizing", exit_code=1), "under way", "finalizing, exit code 1"),
        (Run("a", "completed", "succeeded", 0), "succeeded", "succeeded"),
        (Run("a", "completed", "succeeded"), "succeeded", "succeeded"),
        (Run("a", "completed", "", 0), "succeeded", "succeeded"),
        (Run("a", "completed", "succeeded", 1), "failed", "failed, exit code 1"),
        (Run("a", "completed", "failed", 2), "failed", "failed, exit code 2"),
        (Run("a", "completed", "stopped", 137), "stopped", "stopped, exit code 137"),
        (Run("a", "completed", "", 1), "failed", "failed, exit code 1"),
        (Run("a", "completed"), "unknown", "unknown"),
        (Run("a", "failed"), "failed", "failed"),
    ],
)
def test_a_run_has_succeeded_only_if_something_says_so(run: Run, outcome: str, shown: str) -> None:
    assert (run.outcome, str(run)) == (outcome, shown)


class Clock:
    """Time that passes only while something sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def looking(answers: list[Any]) -> Callable[[str], Run]:
    """A look that gives these answers, or raises those that are errors; the last one stays."""
    rest = iter(answers)
    last = answers[-1]

    def look(run_id: str) -> Run:
        answer = next(rest, last)
        if isinstance(answer, Exception):
            raise answer
        return Run(run_id, *answer)

    return look


def test_a_run_is_followed_to_its_end_with_waits_that_grow() -> None:
    clock = Clock()
    look = looking([("initializing",), *[("running",)] * 10, ("completed", "succeeded", 0)])

    states = follow(look, Run("a", "initializing"), sleep=clock.sleep, clock=clock)

    assert [str(one) for one in states] == ["running", "succeeded"]
    assert clock.slept[:4] == [5.0, 7.5, 11.25, 16.875]
    assert max(clock.slept) == 60.0


def test_waiting_ends_at_its_limit() -> None:
    clock = Clock()

    states = follow(
        looking([("running",)]), Run("a", "running"), limit=30, sleep=clock.sleep, clock=clock
    )

    assert list(states) == []
    assert clock.now == 30


def test_looks_that_fail_are_repeated_and_reported(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    failed = ServiceError("it responded with 503")
    look = looking([*[failed] * (MOST_FAILURES - 1), ("completed", "succeeded", 0)])

    states = follow(look, Run("a", "running"), sleep=clock.sleep, clock=clock)

    assert [str(one) for one in states] == ["succeeded"]
    assert capsys.readouterr().err.count("warning: it responded with 503.") == MOST_FAILURES - 1


@pytest.mark.parametrize(
    ("error", "looks"),
    [(ServiceError("down"), MOST_FAILURES), (AccessDenied("no"), 1), (NothingFound("gone"), 1)],
)
def test_waiting_ends_if_looks_keep_failing(error: DispatchError, looks: int) -> None:
    clock = Clock()

    states = follow(looking([error]), Run("a", "running"), sleep=clock.sleep, clock=clock)

    with pytest.raises(type(error)):
        list(states)
    assert len(clock.slept) == looks
