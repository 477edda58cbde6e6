"""A real Slurm with one node on loopback, from Debian's packages, for as long as it is needed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")

_SETTINGS = """\
ClusterName=engines
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Unavailable(Exception):
    """An engine cannot be started on this machine; the message says why."""


@contextmanager
def running_slurm() -> Iterator[dict[str, str]]:
    """The variable that leads its commands to the daemons, while these run.

    Raises
    ------
    Unavailable
        It cannot be installed or started here.
    """
    _install()
    # in a folder of its own: Slurm takes no spaces in paths
    with (
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,
        _daemons_in(Path(folder)) as settings,
    ):
        yield {"SLURM_CONF": str(settings)}


@contextmanager
def _daemons_in(folder: Path) -> Iterator[Path]:
    """The file of settings, while the daemons run; all of their files are in `folder`."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    settings = folder / "slurm.conf"
    host = os.uname().nodename
    settings.write_text(_SETTINGS.format(host=host, folder=folder, ports=_free_ports(2)))
    environment = os.environ | {"SLURM_CONF": str(settings)}
    with ExitStack() as daemons:
        for command in _daemons(folder):
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            daemons.callback(process.wait)
            daemons.callback(process.terminate)
        _wait_until_idle(folder, environment)
        yield settings


def _install() -> None:
    if all(map(shutil.which, PROGRAMS)):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable(f"needs the Debian packages {' '.join(PACKAGES)}")
    for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", *words], capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"apt-get {words[0]} failed: {done.stderr.strip()[-200:]}")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _daemons(folder: Path) -> Iterator[list[str]]:
    """The commands that run in the foreground: authentication, controller, node."""
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log"}
    files |= {"seed-file": "seed"}
    options = [f"--{option}={folder}/munge.{end}" for option, end in files.items()]
    yield ["munged", "--foreground", "--force", *options]
    yield ["slurmctld", "-D", "-c"]
    yield ["slurmd", "-D"]


def _wait_until_idle(folder: Path, environment: dict[str, str]) -> None:
    deadline = time.monotonic() + 60
    state = ""
    while time.monotonic() < deadline:
        asked = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True
        )
        state = asked.stdout.strip() or asked.stderr.strip()
        if state == "idle":
            return
        time.sleep(0.3)
    logs = [path.read_text()[-500:] for path in sorted(folder.glob("*.log"))]
    raise Unavailable(f"the node is not idle after 60 s: {state}\n{''.join(logs)}")
