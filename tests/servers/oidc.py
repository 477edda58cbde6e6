"""An OpenID Connect provider on loopback that signs in the user chosen by the test.

::

    with IdentityProvider() as provider:
        provider.email = "ada@example.org"
        secrets_file.write_text(provider.secrets("http://127.0.0.1:8501"))
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "job-dispatch", "planted-client-secret"


class IdentityProvider:
    """A context manager that runs the provider at `url`."""

    def __init__(self) -> None:
        self.email = "ada@example.org"
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.pending: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def secrets(self, app: str) -> str:
        """Return the secrets.toml of the app."""
        return f"""[auth]
redirect_uri = "{app}/oauth2callback"
cookie_secret = "planted-cookie-secret-{secrets.token_hex(16)}"
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
server_metadata_url = "{self.url}/.well-known/openid-configuration"
"""

    def metadata(self) -> dict[str, Any]:
        """Return the metadata of the provider."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def tokens(self, given: dict[str, str]) -> dict[str, Any] | None:
        """Return the tokens for a code, which is valid once and only with its verifier."""
        request = self.pending.pop(given.get("code", ""), None)
        if request is None:
            return None
        digest = sha256(given.get("code_verifier", "").encode()).digest()
        if urlsafe_b64encode(digest).rstrip(b"=").decode() != request["code_challenge"]:
            return None
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": sha256(self.email.encode()).hexdigest()[:12],
            "email": self.email,
            "nonce": request["nonce"],
            "iat": now,
            "exp": now + 600,
        }
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return {
            "access_token": "planted-access-token",
            "token_type": "Bearer",
            "expires_in": 600,
            "id_token": token,
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: IdentityProvider) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        owner = self.server.owner
        if address.path == "/authorize":
            self._authorize(dict(parse_qsl(address.query)))
        elif address.path == "/keys":
            self._send({"keys": [owner.key.as_dict(private=False)]})
        else:
            self._send(owner.metadata())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        tokens = self.server.owner.tokens(dict(parse_qsl(body)))
        self._send(tokens or {"error": "invalid_grant"}, 200 if tokens else 400)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
        """Print nothing."""

    def _authorize(self, request: dict[str, str]) -> None:
        code = secrets.token_urlsafe(16)
        self.server.owner.pending[code] = request
        back = urlencode({"code": code, "state": request["state"]})
        self.send_response(302)
        self.send_header("Location", f"{request['redirect_uri']}?{back}")
        self.end_headers()

    def _send(self, answer: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
