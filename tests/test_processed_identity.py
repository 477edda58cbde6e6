"""The name of a job's record, compared with the real library of the wrapper."""

from __future__ import annotations

import hashlib
import json
import random
import string
import subprocess
from typing import Any

import pytest

from dispatch_core.job_model import job_document
from dispatch_core.jobs import LocatedGroup, build_jobs
from dispatch_core.parameter_sets.document import build_parameter_sets
from dispatch_core.processed.frame import Frame
from dispatch_core.processed.identity import CodeNames
from dispatch_core.types import DataAsset, FileEntry, LocatedAsset
from tests.support.readers import real_reader
from tests.support.world import ROOT

URL = "https://codeocean.example/capsule/123"
FRAME = Frame(URL, "wrapper", "3.0", {"dry run": "0"}, ("s3://attached/model",))


def located(location: str, *files: str) -> LocatedAsset:
    entries = tuple(FileEntry(file) for file in files) or None
    return LocatedAsset(DataAsset("r1", "a1", location), entries)


def names(frame: Frame, document: dict[str, Any], *assets: LocatedAsset) -> tuple[str, ...]:
    """The names of the only job of these parameters, kept apart from the fixed ones."""
    sets = build_parameter_sets(document)
    (job,) = build_jobs([LocatedGroup(assets)], sets.merged, split_files=False).jobs
    return CodeNames(frame, sets.fixed, is_merged=False).of(job)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_name_is_the_digest_of_the_code_in_the_order_of_the_model() -> None:
    document = {"distributed_parameters": [{"rate": 1e16, "flag": True}]}

    found = names(FRAME, document, located("s3://data/a1", "s3://data/a1/x.nwb"))

    assert found == (
        digest(
            '{"object_type":"Code","url":"https://codeocean.example/capsule/123","name":"wrapper",'
            '"version":"3.0","commit_hash":null,"container":null,"run_script":"code/run",'
            '"language":null,"language_version":null,"input_data":['
            '{"object_type":"Data asset","name":null,"url":"s3://attached/model"},'
            '{"object_type":"Data asset","name":null,"url":"s3://data/a1"}],'
            '"parameters":{"dry run":"0","file_location":["s3://data/a1/x.nwb"],"rate":1e16,'
            '"flag":true},"core_dependency":null}'
        ),
        digest(
            '{"object_type":"Code","url":"https://codeocean.example/capsule/123","name":"wrapper",'
            '"version":"3.0","container":null,"run_script":"code/run","language":null,'
            '"language_version":null,"input_data":['
            '{"object_type":"Data asset","url":"s3://attached/model"},'
            '{"object_type":"Data asset","url":"s3://data/a1"}],'
            '"parameters":{"dry run":"0","file_location":["s3://data/a1/x.nwb"],"rate":1e16,'
            '"flag":true},"core_dependency":null}'
        ),
        digest(
            '{"object_type":"Code","url":"https://codeocean.example/capsule/123","name":"wrapper",'
            '"version":"3.0","commit_hash":null,"container":null,"run_script":"code/run",'
            '"language":null,"language_version":null,"input_data":['
            '{"object_type":"Data asset","url":"s3://attached/model"},'
            '{"object_type":"Data asset","url":"s3://data/a1"}],'
            '"parameters":{"dry run":"0","file_location":["s3://data/a1/x.nwb"],"rate":1e16,'
            '"flag":true},"core_dependency":null}'
        ),
    )


def test_a_data_asset_of_the_open_bucket_has_the_name_that_the_model_reads_from_its_url() -> None:
    bare = Frame(URL, None, None)

    first, *_ = names(bare, {"fixed_parameters": {}}, located("s3://aind-open-data/ecephys_1/x"))

    assert first == digest(
        '{"object_type":"Code","url":"https://codeocean.example/capsule/123","name":null,'
        '"version":null,"commit_hash":null,"container":null,"run_script":"code/run",'
        '"language":null,"language_version":null,"input_data":[{"object_type":"Data asset",'
        '"name":"ecephys_1","url":"s3://aind-open-data/ecephys_1/x"}],"parameters":{},'
        '"core_dependency":null}'
    )


def test_fixed_parameters_give_names_for_both_places_with_that_of_the_dispatch_first() -> None:
    sets = build_parameter_sets(
        {"fixed_parameters": {"a": 1, "b": 2}, "distributed_parameters": [{"c": 3, "a": 4}]}
    )
    asset = located("s3://data/a1", "s3://data/a1/x.nwb")
    (job,) = build_jobs([LocatedGroup((asset,))], sets.merged, split_files=False).jobs

    apart = CodeNames(FRAME, sets.fixed, is_merged=False).of(job)
    merged = CodeNames(FRAME, sets.fixed, is_merged=True).of(job)

    assert len(set(apart)) == 6
    assert apart == (*merged[3:], *merged[:3])


def test_a_job_that_cannot_be_written_as_text_has_no_name() -> None:
    assert names(FRAME, {"fixed_parameters": {"a": 1}}, located("s3://data/\ud800")) == ()


def test_jobs_of_several_assets_and_sets_do_not_share_a_name() -> None:
    sets = build_parameter_sets({"distributed_parameters": [{"p": n} for n in range(3)]})
    groups = [LocatedGroup((located(f"s3://data/a{n}"),)) for n in range(3)]
    jobs = build_jobs(groups, sets.merged, split_files=False).jobs
    codes = CodeNames(FRAME, sets.fixed, is_merged=False)

    found = [codes.of(job)[0] for job in [*jobs, *reversed(jobs)]]

    assert len(set(found)) == 9
    assert found[:9] == found[:8:-1]


def random_value(rng: random.Random, depth: int = 2) -> Any:
    kinds = ["float", "int", "text", "plain", "wide", "list", "object"]
    kind = rng.choice(kinds if depth else kinds[:5])
    if kind == "float":
        return rng.choice([rng.uniform(-1, 1), 10.0 ** rng.randint(-320, 300), rng.random() * 1e17])
    if kind == "int":
        return rng.choice([rng.randint(-9, 9), rng.getrandbits(80), -(2**63)])
    if kind == "text":
        return "".join(rng.choices(string.printable + "éü€🐭\u2028", k=rng.randint(0, 6)))
    if kind in ("plain", "wide"):
        return rng.choice([None, True, False, -0.0, 1.0, 1e22, 5e-324, "0"])
    if kind == "list":
        return [random_value(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return random_object(rng, depth - 1)


def random_object(rng: random.Random, depth: int = 2) -> dict[str, Any]:
    keys = ["a", "b", "c d", "é", "dry run", "copy", "model_config", "x.y", "file_location"]
    return {key: random_value(rng, depth) for key in rng.sample(keys, rng.randint(0, 4))}


def random_case(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """A line for the real library, and the names that this project computes."""
    panel = {label: rng.choice("01x") for label in rng.sample(["dry run", "mode", "é"], 2)}
    buckets = ["data", "aind-open-data", "aind-open-data-2"]
    urls = [f"s3://{rng.choice(buckets)}/{rng.choice('ab é')}{rng.choice(['', '/', '/x'])}"]
    frame = Frame(URL, rng.choice(["w", "é"]), rng.choice(["3.0", "a1b2c3d"]), panel, tuple(urls))
    sets = build_parameter_sets(
        {"fixed_parameters": random_object(rng), "distributed_parameters": [random_object(rng)]}
    )
    files = [f"s3://data/{n}.nwb" for n in range(rng.randint(0, 2))]
    assets = tuple(located(rng.choice(urls) + str(n), *files) for n in range(rng.randint(1, 3)))
    (job,) = build_jobs([LocatedGroup(assets)], sets.merged, split_files=False).jobs
    code = {"url": URL, "name": frame.name, "version": frame.version, "input_urls": urls}
    content = job_document(job, "pipeline", None, {**panel, **sets.fixed})
    line = json.dumps({"code": code, "job": content})
    return line, CodeNames(frame, sets.fixed, is_merged=False).of(job)


@pytest.mark.slow
def test_the_names_of_1_200_random_jobs_are_those_of_the_real_library() -> None:
    python = real_reader()
    rng = random.Random(11)
    cases = [random_case(rng) for _ in range(1_200)]

    done = subprocess.run(
        [python, ROOT / "tests" / "readers" / "name_codes.py"],
        input="\n".join(line for line, _ in cases),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [name for _, (name, *_) in cases] == done.stdout.split()
