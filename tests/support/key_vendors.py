"""Model providers on loopback, under their real names: a proxy that answers for every host, with a certificate of its own.

It speaks the vendors' wire formats as far as a key's check goes, and remembers what was asked.
"""

import base64
import contextlib
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, quote, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from appliance.kernel.egress import Egress

HOSTS = (
    "api.openai.com", "api.anthropic.com", "harrow.openai.azure.com", "bedrock.eu-central-1.amazonaws.com",
    "oauth2.googleapis.com", "models.harrow.example",
)  # fmt: skip
OPENAI, ANTHROPIC, AZURE = (
    "sk-live-4711-0815-abcdefgh-wxyz",
    "sk-ant-api03-4711-0815-abcdefgh",
    "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
)
AWS_ID, AWS_SECRET = "AKIAIOSFODNN7HARROWX", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYHARROWKEY0"
ACCOUNT = "cloister@harrow-4711.iam.gserviceaccount.com"


@dataclass
class Vendors:
    """What they know, and what they were asked. `status` answers everything with one status instead."""

    port: int
    authority: Path
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    status: int | None = None

    def egress(self, *hosts: str) -> Egress:
        """Return a way out that leads to them and nowhere else."""
        return Egress(hosts or HOSTS, ca_bundle=self.authority, proxy=f"http://127.0.0.1:{self.port}")


@contextlib.contextmanager
def vendors(directory: Path) -> Iterator[Vendors]:
    """Run them."""
    certificate, authority = directory / "vendors.pem", directory / "authority.pem"
    _write_certificates(certificate, authority)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    server = _Server(("127.0.0.1", 0), _Door)
    server.tls, server.found = tls, Vendors(server.server_port, authority)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.found
    server.shutdown()
    server.server_close()
    thread.join()


@cache
def service_account(*, known: bool = True) -> str:
    """Return a service account's JSON file, of the key that Google knows, or of another."""
    key = _account_key() if known else rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return json.dumps({
        "type": "service_account", "project_id": "harrow-4711", "private_key_id": "9f8e7d6c5b4a39281706f5e4d3c2b1a0f9e8d7c6",
        "private_key": pem, "client_email": ACCOUNT, "client_id": "1", "token_uri": "https://oauth2.googleapis.com/token",
    })  # fmt: skip


@cache
def _account_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext
    found: Vendors

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody who does not trust us hangs up; that is what the tests look at."""


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        house = cast("_Server", self.server)
        with house.tls.wrap_socket(self.connection, server_side=True) as inner:
            inner.settimeout(5)
            _Vendor(inner, self.client_address, house)

    def do_GET(self) -> None:
        """A plain one comes with its whole address; it stands in for a server of one's own."""
        answer = _answer(cast("_Server", self.server).found, self)
        _send(self, *answer)

    def log_message(self, *said: object) -> None:
        """Say nothing."""


class _Vendor(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        _send(self, *_answer(cast("_Server", self.server).found, self))

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *said: object) -> None:
        """Say nothing."""


Answer = tuple[int, dict[str, str], object]


def _send(handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: object) -> None:
    content = json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"content-type": "application/json", "content-length": str(len(content)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def _answer(found: Vendors, request: BaseHTTPRequestHandler) -> Answer:
    headers = {name.lower(): value for name, value in request.headers.items()}
    host = headers["host"].partition(":")[0]
    content = request.rfile.read(int(headers.get("content-length", 0)))
    found.asked.append((request.command, f"{host}{urlsplit(request.path).path}", headers))
    if found.status is not None:  # with the key in the body, as some do
        return found.status, {}, {"error": f"{headers.get('authorization')} {headers.get('x-api-key')} is no good"}
    if host == "oauth2.googleapis.com":
        return _google(content)
    if host.startswith("bedrock."):
        return _aws(request, headers, host)
    if host == "api.anthropic.com":
        return _anthropic(request, headers)
    if host.endswith(".azure.com"):
        is_known = headers.get("api-key") == AZURE and request.path == "/openai/models?api-version=2024-10-21"
        return (
            (200, {}, {"data": []}) if is_known else (401, {}, {"error": {"code": "401", "message": "Access denied"}})
        )
    is_open = host != "api.openai.com" and "authorization" not in headers
    if request.path.endswith("/models") and (is_open or headers.get("authorization") == f"Bearer {OPENAI}"):
        return 200, {}, {"object": "list", "data": []}
    return 401, {}, {"error": {"code": "invalid_api_key", "message": f"Incorrect key: {headers.get('authorization')}"}}


def _anthropic(request: BaseHTTPRequestHandler, headers: Mapping[str, str]) -> Answer:
    assert headers["anthropic-version"] == "2023-06-01"
    if request.path == "/v1/models?limit=1" and headers.get("x-api-key") == ANTHROPIC:
        return 200, {}, {"data": [], "has_more": False}
    return 401, {}, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}


def _aws(request: BaseHTTPRequestHandler, headers: Mapping[str, str], host: str) -> Answer:
    said = headers["authorization"].partition(" ")[2]
    parts = dict(part.strip().split("=", 1) for part in said.split(","))
    key_id, day, region, service, _ = parts["Credential"].split("/")
    if key_id != AWS_ID:
        return 403, {"x-amzn-errortype": "UnrecognizedClientException"}, {"message": "The security token is invalid."}
    names = parts["SignedHeaders"].split(";")
    signed = {**headers, "host": host}
    canonical = "\n".join((
        request.command, quote(request.path), "", *(f"{name}:{signed[name]}" for name in names), "", ";".join(names),
        hashlib.sha256(b"").hexdigest(),
    ))  # fmt: skip
    text = "\n".join((
        "AWS4-HMAC-SHA256", headers["x-amz-date"], f"{day}/{region}/{service}/aws4_request",
        hashlib.sha256(canonical.encode()).hexdigest(),
    ))  # fmt: skip
    key = f"AWS4{AWS_SECRET}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    if (region, service) != ("eu-central-1", "bedrock") or hmac.digest(key, text.encode(), "sha256").hex() != parts[
        "Signature"
    ]:
        return (
            403,
            {"x-amzn-errortype": "InvalidSignatureException:http://internal.amazon.com/"},
            {"message": "It does not match."},
        )
    return 200, {}, {"modelSummaries": []}


def _google(content: bytes) -> Answer:
    said = parse_qs(content.decode())
    assert said["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = said["assertion"][0].split(".")
    found = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert found["aud"] == "https://oauth2.googleapis.com/token"
    assert found["exp"] - found["iat"] == 3600
    try:
        _account_key().public_key().verify(
            base64.urlsafe_b64decode(signature + "=="), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        return 400, {}, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    return 200, {}, {"access_token": "ya29.nobody", "expires_in": 3599, "token_type": "Bearer"}


def _write_certificates(certificate: Path, authority: Path) -> None:
    now = datetime.now(UTC)
    key, ca_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])

    def begun(name: x509.Name, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder().subject_name(name).issuer_name(ca_name).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
        )  # fmt: skip

    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = (
        begun(ca_name, ca_key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True).add_extension(identifier, critical=False).sign(ca_key, hashes.SHA256())
    )  # fmt: skip
    names = [*map(x509.DNSName, HOSTS), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = (
        begun(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])]), key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(ca_key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate.write_bytes(private + leaf.public_bytes(serialization.Encoding.PEM))
    authority.write_bytes(ca.public_bytes(serialization.Encoding.PEM))


def closed_port() -> int:
    """Return a port where nothing listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
