"""Packages of the log as somebody asks for them, the worker writes them, and somebody takes them away."""

import itertools
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from appliance import audit
from appliance.audit import ExportState, Wanted
from appliance.vault import LogSigners
from tests.support.house import House, Member
from tests.support.product import ROOT

Exports = Callable[..., Path]
GO_PATH = Path("/usr/share/gocode")


def exporting(house: House, directory: Path) -> Exports:
    """Return what asks for a package, lets the worker write it, and takes it away."""
    numbers = itertools.count()

    def export(member: Member, wanted: Wanted | None = None) -> Path:
        house.seals()
        signers = LogSigners(house.worker.db, house.worker.vault)
        with house.app.db.tenant(member.tenant_id) as tx:
            asked = audit.request_export(tx, member.caller.actor, wanted or Wanted(), clock=house.clock)
        written = house.settings.exports
        audit.write_export(
            house.worker.db, written, member.tenant_id, asked.export_id, signer=signers(), clock=house.clock
        )
        with house.app.db.tenant(member.tenant_id) as tx:
            export, path = audit.open_export(tx, member.caller.actor, written, asked.export_id)
        assert export.state is ExportState.READY
        target = directory / f"package-{next(numbers)}{path.suffix}"
        shutil.copy(path, target)
        return target

    return export


def member_of(package: Path, name: str) -> str:
    with zipfile.ZipFile(package) as archive:
        return archive.read(name).decode()


@cache
def go_verifier() -> Path:
    """Return the verifier that is made of Debian's Go and golang.org/x/mod/sumdb; built once, without a network."""
    if shutil.which("go") is None or not (GO_PATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("Go is not installed: apt-get install golang-go golang-golang-x-mod-dev")
    built = ROOT / "build" / "go"
    built.mkdir(parents=True, exist_ok=True)
    program = built / f"verify-{os.getpid()}"
    variables = {
        "GO111MODULE": "off",
        "GOPATH": str(GO_PATH),
        "GOCACHE": str(built / "cache"),
        "GOFLAGS": "",
        "CGO_ENABLED": "0",
    }
    source = ROOT / "tests" / "support" / "golang" / "verify.go"
    subprocess.run(["go", "build", "-o", str(program), str(source)], env=os.environ | variables, check=True)  # noqa: S607 - Debian's
    return program.rename(built / "verify")


def age_identity(directory: Path) -> tuple[Path, str]:
    """Return a key of age: its file, and its public half."""
    if shutil.which("age") is None:
        pytest.skip("age is not installed: apt-get install age")
    path = directory / "age-key"
    subprocess.run(["age-keygen", "-o", str(path)], check=True, capture_output=True)  # noqa: S607 - Debian's
    said = subprocess.run(["age-keygen", "-y", str(path)], check=True, capture_output=True, text=True)  # noqa: S607 - Debian's
    return path, said.stdout.strip()


def certificate(directory: Path, *, kind: str = "rsa:2048", days: int = 30) -> str:
    """Return a certificate of one's own (PEM), made in a folder with its key."""
    command = [
        "openssl", "req", "-x509", "-newkey", kind, "-nodes", "-keyout", str(directory / "key.pem"), "-out", str(directory / "certificate.pem"),
        "-days", str(days), "-subj", "/CN=Auditor Ünal/O=Harrow",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return (directory / "certificate.pem").read_text()
