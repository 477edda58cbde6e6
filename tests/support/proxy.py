"""Runs nginx on loopback with docs/nginx.conf and other names, ports and certificates."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import requests
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from requests.adapters import HTTPAdapter

from benchmarks.browserless import HOST, ROOT, free_port, wait_until

NAME = "localhost"
PREFIX = "dispatch"

_MAIN = """
pid {folder}/nginx.pid;
error_log {folder}/error.log;
daemon off;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/dispatch.conf;
}}
"""


class Proxy:
    """A context manager that runs nginx in front of the app at `port`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.plain, self.tls = free_port(), free_port()
        self.url = f"https://{NAME}:{self.tls}/{PREFIX}"
        self.ca_file = str(folder / "ca.pem")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        certificate = authority.issue_cert(NAME, HOST)
        certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
        self.key_hash = _key_hash(certificate.cert_chain_pems[0].bytes())
        for number, one in enumerate(certificate.cert_chain_pems):
            one.write_to_path(str(folder / "fullchain.pem"), append=number > 0)
        (folder / "dispatch.conf").write_text(self._recipe(port))
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))

    def _recipe(self, port: int) -> str:
        text = (ROOT / "docs" / "nginx.conf").read_text("utf-8")
        changes = {
            "listen 80": f"listen {HOST}:{self.plain}",
            "listen 443": f"listen {HOST}:{self.tls}",
            "return 301 https://$http_host": f"return 301 https://$host:{self.tls}",
            "server_name analysis.example.org": f"server_name {NAME}",
            "/etc/ssl/dispatch": str(self.folder),
            "/var/log/nginx/dispatch.log": str(self.folder / "access.log"),
            "127.0.0.1:8501": f"{HOST}:{port}",
        }
        for old, new in changes.items():
            assert old in text, f"docs/nginx.conf has no {old!r}"
            text = text.replace(old, new)
        return text

    def __enter__(self) -> Self:
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        command = [nginx, "-e", str(self.folder / "error.log"), "-p", str(self.folder)]
        command += ["-c", str(self.folder / "nginx.conf")]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None or self._answers(), 30)
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "error.log").read_text())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        self.process.wait(10)

    @property
    def log(self) -> str:
        """The access log so far."""
        path = self.folder / "access.log"
        return path.read_text() if path.exists() else ""

    def get(self, path: str, **options: object) -> requests.Response:
        """Send one request below the prefix and return the response."""
        address = f"{self.url}/{path}"
        options = {"verify": self.ca_file, "timeout": 30, **options}
        return requests.get(address, **options)  # type: ignore[arg-type]

    def _answers(self) -> bool:
        with requests.Session() as session:
            session.mount("https://", HTTPAdapter(max_retries=0))
            try:
                session.get(f"{self.url}/", verify=self.ca_file, timeout=2)
            except requests.ConnectionError:
                return False
            return True


def _key_hash(certificate: bytes) -> str:
    """Return the hash by which Chromium's --ignore-certificate-errors-spki-list names a key."""
    key = x509.load_pem_x509_certificate(certificate).public_key()
    described = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(described).digest()).decode()
