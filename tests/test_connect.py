"""Settings in, sources out: the effect of each variable, and the labels."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from dispatch_core.connect import (
    SourceSettings,
    local_inputs,
    open_metadata_source,
    open_object_lister,
    open_results,
    require_chosen_demo,
    settings_from,
)
from dispatch_core.environment.platform import output_root
from dispatch_core.errors import InvalidInput
from dispatch_core.types import Record


def test_without_settings_everything_is_the_embedded_demo() -> None:
    settings = settings_from({})

    source, lister = open_metadata_source(settings), open_object_lister(settings)

    assert settings.is_demo
    assert source.label.startswith("embedded demo, 2,400 generated assets")
    assert source.count({}) == 2_400
    assert "demo" in lister.label


def test_every_setting_comes_from_its_variable_without_the_spaces_around_it() -> None:
    environment = {
        "DOCDB_HOST": " example.org:8443 ",
        "DOCDB_VERSION": "v2",
        "DISPATCH_DATABASE": "database",
        "DISPATCH_COLLECTION": "collection\n",
        "DOCDB_DATABASE": "analysis",
        "DOCDB_COLLECTION": " project",
        "DISPATCH_RESULTS_HOST": "results.example.org",
        "DISPATCH_BUCKETS": " s3",
        "DISPATCH_DEMO_ASSETS": " 50 ",
        "AWS_REQUEST_PAYER": "requester",
    }

    assert settings_from(environment) == SourceSettings(
        host="example.org:8443",
        version="v2",
        database="database",
        collection="collection",
        results_host="results.example.org",
        results_database="analysis",
        results_collection="project",
        buckets="s3",
        demo_assets=50,
        request_payer="requester",
    )


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_variable_counts_as_unset(blank: str) -> None:
    names = ("HOST", "VERSION", "DATABASE", "COLLECTION")
    environment = {f"DOCDB_{name}": blank for name in names}
    environment |= {"DISPATCH_BUCKETS": blank, "DISPATCH_DEMO_ASSETS": blank}
    environment |= {"AWS_REQUEST_PAYER": blank}

    assert settings_from(environment) == SourceSettings()


@pytest.mark.parametrize("text", ["many", "-1", "0", "1.5", "1e3", "²", "9" * 8, "9" * 5_000])
def test_an_invalid_number_of_demo_assets_is_bad_input_that_names_the_variable(
    text: str,
) -> None:
    with pytest.raises(InvalidInput, match=r"DISPATCH_DEMO_ASSETS: .* is not a number of assets"):
        settings_from({"DISPATCH_DEMO_ASSETS": text})


def test_a_host_without_a_choice_of_buckets_reads_from_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")

    lister = open_object_lister(settings_from({"DOCDB_HOST": "example.org"}))

    assert "S3" in lister.label


def test_a_folder_can_be_the_object_store(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "x.nwb").touch()

    lister = open_object_lister(settings_from({"DISPATCH_BUCKETS": str(tmp_path)}))

    assert lister.label == f"folder {tmp_path}"
    assert lister.list_page("bucket", "").keys == ["x.nwb"]


def test_missing_buckets_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a folder"):
        open_object_lister(settings_from({"DISPATCH_BUCKETS": str(tmp_path / "nowhere")}))


def test_a_gateway_is_labelled_with_its_address() -> None:
    source = open_metadata_source(SourceSettings(host="example.org:8443", version="v2"))

    assert source.label == "gateway example.org:8443/v2/metadata_index/data_assets"


def test_a_mongodb_uri_opens_the_database_and_shows_no_credentials() -> None:
    pytest.importorskip("pymongo", reason="pymongo is an extra (requirements-mongodb.txt)")
    settings = settings_from({"DOCDB_HOST": " mongodb://user:sesame@example.org "})

    source = open_metadata_source(settings)

    assert source.label == "MongoDB example.org:27017/metadata_index.data_assets"
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize("host", ["https://user:sesame@example.org", "user:sesame@example.org"])
def test_credentials_in_the_host_of_a_gateway_are_refused_and_not_shown(host: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_metadata_source(SourceSettings(host=host))

    assert "no credentials" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_settings_are_equal_by_value_so_that_they_key_a_cache() -> None:
    one, other = settings_from({"DOCDB_HOST": "a"}), settings_from({"DOCDB_HOST": "b"})

    table: dict[SourceSettings, Record] = {one: {}, other: {}, SourceSettings(host="a"): {}}

    assert len(table) == 2


@pytest.mark.parametrize("host", ["demo", " Demo "])
def test_the_demo_can_be_chosen_by_its_name(host: str) -> None:
    settings = settings_from({"DOCDB_HOST": host})

    assert settings == SourceSettings()


@pytest.mark.parametrize(
    ("host", "platform", "is_refused"),
    [
        ("", {}, False),
        ("", {"CO_CAPSULE_ID": " "}, False),
        ("", {"CO_CAPSULE_ID": "a"}, True),
        (" ", {"AWS_BATCH_JOB_ID": "a"}, True),
        ("demo", {"CO_COMPUTATION_ID": "a"}, False),
        ("example.org", {"CO_COMPUTATION_ID": "a"}, False),
    ],
)
def test_a_platform_runs_on_the_demo_only_if_it_is_chosen(
    host: str, platform: dict[str, str], is_refused: bool
) -> None:
    environment = {"DOCDB_HOST": host, **platform}
    expected = pytest.raises(InvalidInput, match="demo is refused") if is_refused else nullcontext()

    with expected:
        require_chosen_demo(settings_from(environment), environment)


def test_the_app_writes_into_a_kept_folder_on_a_platform(tmp_path: Path) -> None:
    platform = {"CO_CAPSULE_ID": "a"}

    assert output_root(platform, tmp_path) == tmp_path / "dispatches"
    assert output_root(platform, tmp_path / "absent") == Path("dispatches").resolve()
    assert output_root({}, tmp_path) == Path("dispatches").resolve()
    assert output_root(platform | {"DISPATCH_OUTPUT_ROOT": "/srv"}, tmp_path) == Path("/srv")


def test_a_version_that_the_gateway_lacks_names_the_variable() -> None:
    with pytest.raises(InvalidInput) as error:
        settings_from({"DOCDB_VERSION": "v3"})

    assert str(error.value) == (
        "DOCDB_VERSION: 'v3' is not one of v1, v2. Write one of them, or unset it."
    )


@pytest.mark.parametrize(
    ("environment", "inputs"),
    [
        ({}, ()),
        ({"DISPATCH_BUCKETS": "demo"}, ()),
        ({"DISPATCH_BUCKETS": "s3"}, ()),
        ({"DISPATCH_BUCKETS": "bk"}, (Path("bk"),)),
        (
            {"DISPATCH_S3_INVENTORY": "a/manifest.json, s3://b/i,c"},
            (Path("a/manifest.json"), Path("c")),
        ),
    ],
)
def test_the_local_files_and_folders_of_the_sources_are_known(
    environment: dict[str, str], inputs: tuple[Path, ...]
) -> None:
    assert local_inputs(settings_from(environment)) == inputs


@pytest.mark.parametrize(
    ("settings", "is_asked", "label"),
    [
        ({}, False, None),
        ({}, True, "embedded demo, 76 generated results"),
        (
            {"results_database": "a", "results_collection": "p"},
            False,
            "embedded demo, 76 generated results",
        ),
        ({"host": "h.test"}, True, None),
        ({"host": "h.test", "results_database": "a"}, True, None),
        ({"results_host": "r.test"}, True, None),
        (
            {"host": "h.test", "version": "v2", "results_database": "a", "results_collection": "p"},
            False,
            "gateway h.test/v1/a/p",
        ),
        (
            {"results_host": "r.test", "results_database": "a", "results_collection": "p"},
            False,
            "gateway r.test/v1/a/p",
        ),
    ],
)
def test_results_are_opened_where_they_are_configured_or_those_of_the_demo_on_request(
    settings: dict[str, str], is_asked: bool, label: str | None
) -> None:
    opened = open_results(SourceSettings(demo_assets=120, **settings), is_asked=is_asked)

    assert (opened.label if opened else None) == label


def test_another_payer_than_the_requester_is_refused() -> None:
    with pytest.raises(InvalidInput, match="AWS_REQUEST_PAYER: 'me' is not one of requester"):
        settings_from({"AWS_REQUEST_PAYER": "me"})
