"""What sealing and each root cost, beside bare AES-GCM and Fernet in one run."""

import base64
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.kernel.egress import Egress
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.key_cache import SECONDS as SECONDS_KEPT
from appliance.kernel.key_cache import KeyCache
from appliance.kernel.sealing import seal_at, unseal_at, wipe
from appliance.vault.base import Root
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.keys import make_data_key, open_data_key
from appliance.vault.roots import root_of
from tests.support.roots import PIN, moto, openbao, softhsm

Result = dict[str, str | float]
SECRET = os.urandom(64)
CONTEXT = b"tenant, table, field, row: some 100 bytes".ljust(100, b".")
SECONDS = 0.4


def run() -> list[Result]:
    """Measure sealing and opening, then opening a record under each root, with the cache (of remote roots) and without."""
    results = sealing()
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        directory = Path(scratch)
        for name, rig in (("file", of_file), ("SoftHSM", of_hsm), ("OpenBao", of_transit), ("KMS (moto)", of_kms)):
            try:
                root = stack.enter_context(rig(directory))
            except pytest.skip.Exception as reason:
                print(f"{name}: {reason}")
                continue
            for cached, seconds in (("with cache", SECONDS_KEPT), ("no cache", 0.0)):
                keys = KeyFiles(directory / f"{name} {cached}", lambda root=root: (root,), cache=KeyCache(seconds=seconds))  # type: ignore[misc]
                rate = best(opening(keys))
                results.append({"name": f"a record under a {name} root, {cached}", "value": rate, "unit": "opens/s"})
    return results


def opening(files: KeyFiles) -> Callable[[], object]:
    """Return what opens a record all the way down: key file, data key, value."""
    kek = KekId(TenantId(new_id()), new_id())
    files.create(kek)
    wrapped = make_data_key(files, kek, 1)
    sealed = seal_at(open_data_key(files, wrapped), 1, SECRET, context=CONTEXT)

    def opens() -> bytes:
        key = open_data_key(files, wrapped)
        try:
            return unseal_at(key, sealed, context=CONTEXT)
        finally:
            wipe(key)

    return opens


def sealing() -> list[Result]:
    """Interleave the kinds, and take each one's best."""
    key, nonce = os.urandom(32), os.urandom(12)
    fernet, aead = Fernet(base64.urlsafe_b64encode(key)), AESGCM(key)
    bare, token = aead.encrypt(nonce, SECRET, CONTEXT), fernet.encrypt(SECRET)
    envelope = seal_at(key, 1, SECRET, context=CONTEXT)
    kinds: dict[str, Callable[[], object]] = {
        "AES-GCM seal": lambda: AESGCM(key).encrypt(os.urandom(12), SECRET, CONTEXT),
        "envelope seal": lambda: seal_at(key, 1, SECRET, context=CONTEXT),
        "Fernet seal": lambda: fernet.encrypt(SECRET),
        "AES-GCM open": lambda: AESGCM(key).decrypt(nonce, bare, CONTEXT),
        "envelope open": lambda: unseal_at(key, envelope, context=CONTEXT),
        "Fernet open": lambda: fernet.decrypt(token),
    }
    rates = dict.fromkeys(kinds, 0.0)
    for _ in range(3):
        for name, kind in kinds.items():
            rates[name] = max(rates[name], rate_of(kind))
    results: list[Result] = [{"name": name, "value": rate, "unit": "1/s"} for name, rate in rates.items()]
    for what in ("seal", "open"):
        results += [
            {"name": f"envelope to {other}, {what}", "value": rates[f"{other} {what}"] / rates[f"envelope {what}"], "unit": "ratio"}
            for other in ("AES-GCM", "Fernet")
        ]  # fmt: skip
    return results


@contextlib.contextmanager
def of_file(directory: Path) -> Iterator[Root]:
    yield root_of(f"file:{kept(directory / 'root.key', os.urandom(32))}", secrets=directory, egress=Egress())


@contextlib.contextmanager
def of_hsm(directory: Path) -> Iterator[Root]:
    with softhsm(directory) as hsm:
        hsm.make_keys("bench")
        pin = kept(directory / "pin", PIN.encode())
        yield root_of(hsm.spec("bench"), secrets=directory, egress=Egress(), credentials=pin)


@contextlib.contextmanager
def of_transit(directory: Path) -> Iterator[Root]:
    with openbao(directory) as bao:
        bao.make_key("bench")
        token = kept(directory / "token", bao.token(policies=["cloister"]).encode())
        spec = f"transit:{bao.address}/v1/transit/keys/bench"
        yield root_of(spec, secrets=directory, egress=Egress(["127.0.0.1:*"]), credentials=token)


@contextlib.contextmanager
def of_kms(directory: Path) -> Iterator[Root]:
    with moto(directory) as kms:
        text = b"[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = bench\n"
        spec = f"aws-kms:{kms.make_key()}?endpoint={kms.address}"
        held = kept(directory / "aws", text)
        yield root_of(spec, secrets=directory, egress=Egress(["127.0.0.1:*"]), credentials=held)


def kept(path: Path, content: bytes) -> Path:
    """Return the file, which its owner alone can read."""
    path.write_bytes(content)
    path.chmod(0o400)
    return path


def best(kind: Callable[[], object]) -> float:
    """Return how often it is done in a second, in the best of three rounds."""
    return max(rate_of(kind) for _ in range(3))


def rate_of(kind: Callable[[], object]) -> float:
    """Return how often it is done in a second."""
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        for _ in range(10):
            kind()
        done += 10
    return done / (time.perf_counter() - began)
