"""A dispatch connects only to configured addresses and looks up only their names.

Python reports every connection and name lookup of a process to an audit hook.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import record
from tests.servers.gateway import GatewayServer
from tests.servers.s3 import S3Server
from tests.support.world import ROOT, clean_environment

AUDITED = """
import json, runpy, sys
seen, target, what = [], sys.argv.pop(1), sys.argv.pop(1)

def note(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        seen.append(list(arguments[1][:2]))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        seen.append([str(arguments[0]), arguments[1] if len(arguments) > 1 else None])

sys.addaudithook(note)
try:
    if what == "-c":
        exec(sys.argv[1])
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)
finally:
    json.dump(seen, open(target, "w"))
"""
PAGES_OF_THE_APP = """
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("pages/frame.py", default_timeout=60).run()
for page in ("plan/assets", "plan/files", "plan/parameters", "dispatch/jobs", "dispatch/deliver"):
    app.switch_page(f"{page}.py").run()
    assert not app.exception, app.exception
"""


def connected(folder: Path, *command: str, **environment: str) -> set[tuple[str, object]]:
    """Return the host and port of every connection and name lookup of a process."""
    log = folder / "connected.json"
    done = subprocess.run(
        [sys.executable, "-c", AUDITED, str(log), *command],
        cwd=ROOT,
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {(host, port) for host, port in json.loads(log.read_text())}


def test_a_dispatch_of_the_demo_makes_no_connection(tmp_path: Path) -> None:
    options = ["--docdb_query", '{"data_description.data_level": "derived"}', "--file_extension"]

    seen = connected(
        tmp_path, "dispatch_core", *options, ".nwb", f"--output_directory={tmp_path / 'out'}"
    )

    assert seen == set()


def test_the_app_with_the_demo_makes_no_connection(tmp_path: Path) -> None:
    seen = connected(tmp_path, "-c", PAGES_OF_THE_APP, DISPATCH_OUTPUT_ROOT=str(tmp_path / "out"))

    assert seen == set()


@pytest.mark.parametrize("has_keys", [True, False], ids=["signed", "unsigned"])
def test_a_dispatch_connects_only_to_the_gateway_and_the_store(
    tmp_path: Path, has_keys: bool
) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {}}}')
    (tmp_path / "analysis_parameters.json").write_text('{"analysis_parameter": {"a": 1}}')
    keys = {"AWS_ACCESS_KEY_ID": "AKIAKEY", "AWS_SECRET_ACCESS_KEY": "secret"} if has_keys else {}

    with GatewayServer([record("one")]) as gateway, S3Server({"data": ["one/a.nwb"]}) as store:
        seen = connected(
            tmp_path,
            *("dispatch_core", "--docdb_query={}", "--file_extension=.nwb"),
            f"--input_directory={tmp_path}",
            f"--parameters_schema={schema}",
            f"--output_directory={tmp_path / 'out'}",
            DOCDB_HOST=gateway.host,
            REQUESTS_CA_BUNDLE=gateway.ca_file,
            AWS_ENDPOINT_URL_S3=store.url,
            AWS_DEFAULT_REGION="us-west-2",
            # without keys, boto3 would also request a role from the machine's metadata service
            AWS_EC2_METADATA_DISABLED="true",
            **keys,
        )

    ports = {int(gateway.host.rpartition(":")[2]), int(store.url.rpartition(":")[2])}
    assert {port for _, port in seen} == ports
    assert {host for host, _ in seen} <= {"localhost", "127.0.0.1", "::1"}
