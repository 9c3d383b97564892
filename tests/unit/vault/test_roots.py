"""What every root promises, whatever holds its key. Each runs against the real thing (AWS: moto)."""

import base64
import contextlib
import logging
import os
import pickle
import secrets
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.kernel.egress import Egress
from appliance.kernel.sealing import IntegrityError, KeyUnavailable
from appliance.vault.base import Root
from appliance.vault.roots import root_of
from tests.support.roots import PIN, Line, moto, openbao, softhsm

KEK, CONTEXT = secrets.token_bytes(32), b"organisation 7, key 1"
KINDS = ("file", "systemd", "transit", "pkcs11", "aws-kms")


@dataclass
class Rig:
    """A root, another of its kind, how to take away what holds it, and what must never be shown."""

    root: Root
    other: Root
    again: Callable[[], Root]
    take_away: Callable[[], None]
    bring_back: Callable[[], None]
    planted: list[bytes] = field(default_factory=list)


@pytest.fixture(scope="module", params=KINDS)
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    directory = tmp_path_factory.mktemp("root")
    with RIGS[request.param](directory) as rig:
        yield rig


@contextlib.contextmanager
def of_file(directory: Path) -> Iterator[Rig]:
    one, two = (written(directory / name, secrets.token_bytes(32)) for name in ("one.key", "two.key"))

    def make(path: Path) -> Root:
        return root_of(f"file:{path}", secrets=directory, egress=Egress())

    away = directory / "away"
    yield Rig(
        make(one), make(two), lambda: make(one),
        lambda: void(one.rename(away)), lambda: void(away.rename(one)), [one.read_bytes()],
    )  # fmt: skip


@contextlib.contextmanager
def of_systemd(directory: Path) -> Iterator[Rig]:
    one, two = (written(directory / name, secrets.token_bytes(32)) for name in ("one", "two"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDENTIALS_DIRECTORY", str(directory))

        def make(path: Path) -> Root:
            return root_of(f"systemd:{path.name}", secrets=directory, egress=Egress())

        away = directory / "away"
        yield Rig(
            make(one), make(two), lambda: make(one),
            lambda: void(one.rename(away)), lambda: void(away.rename(one)), [one.read_bytes()],
        )  # fmt: skip


@contextlib.contextmanager
def of_transit(directory: Path) -> Iterator[Rig]:
    with openbao(directory) as bao, contextlib.closing(Cuttable(bao.port)) as line:
        bao.make_key("one")
        bao.make_key("two")
        token = bao.token(policies=["cloister"])
        held = written(directory / "token", token.encode())

        def make(name: str) -> Root:
            spec = f"transit:http://127.0.0.1:{line.port}/v1/transit/keys/{name}"
            return root_of(spec, secrets=directory, egress=Egress(["127.0.0.1:*"]), credentials=held)

        yield Rig(make("one"), make("two"), lambda: make("one"), line.cut, line.mend, [token.encode()])


@contextlib.contextmanager
def of_hsm(directory: Path) -> Iterator[Rig]:
    with softhsm(directory) as hsm:
        hsm.make_keys("one", "two")
        held = written(directory / "pin", PIN.encode() + b"\n")

        def make(label: str) -> Root:
            return root_of(hsm.spec(label), secrets=directory, egress=Egress(), credentials=held)

        yield Rig(make("one"), make("two"), lambda: make("one"), hsm.take_away, hsm.bring_back, [PIN.encode()])


@contextlib.contextmanager
def of_kms(directory: Path) -> Iterator[Rig]:
    secret = secrets.token_urlsafe(30)
    with moto(directory) as kms, contextlib.closing(Cuttable(kms.port)) as line:
        one, two = kms.make_key(), kms.make_key()
        text = f"[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {secret}\n"
        held = written(directory / "aws", text.encode())

        def make(arn: str) -> Root:
            spec = f"aws-kms:{arn}?endpoint=http://127.0.0.1:{line.port}"
            return root_of(spec, secrets=directory, egress=Egress(["127.0.0.1:*"]), credentials=held)

        yield Rig(make(one), make(two), lambda: make(one), line.cut, line.mend, [secret.encode()])


RIGS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Rig]]] = dict(
    zip(KINDS, (of_file, of_systemd, of_transit, of_hsm, of_kms), strict=True)
)


class Cuttable(Line):
    def close(self) -> None:
        self.cut()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o400)
    return path


def void(_: object) -> None:
    return None


def in_child(work: Callable[[], bool]) -> bool:
    """Return what the work says in a forked child, which is ended if it hangs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: that is what is tried
        child = os.fork()
    if child == 0:
        done = False
        try:
            done = work()
        except BaseException:  # noqa: BLE001 - a child of a test must not go on as a second test run
            traceback.print_exc()
        finally:
            os._exit(0 if done else 1)
    for _ in range(400):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def test_it_opens_what_it_wrapped_and_nothing_of_the_key_shows(rig: Rig) -> None:
    wrapped = rig.root.wrap(KEK, context=CONTEXT)

    opened = rig.root.unwrap(wrapped, context=CONTEXT)

    assert opened == KEK
    assert isinstance(opened, bytearray)
    assert KEK not in wrapped
    assert rig.root.wrap(KEK, context=CONTEXT) != wrapped
    assert rig.again().unwrap(wrapped, context=CONTEXT) == KEK


def test_it_refuses_another_context(rig: Rig) -> None:
    wrapped = rig.root.wrap(KEK, context=CONTEXT)

    for context in (b"", CONTEXT + b" ", CONTEXT[:-1], b"organisation 8, key 1"):
        with pytest.raises(IntegrityError):
            rig.root.unwrap(wrapped, context=context)


def test_it_refuses_each_altered_byte_and_each_truncation(rig: Rig) -> None:
    wrapped = rig.root.wrap(KEK, context=CONTEXT)
    altered = [wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :] for at in range(len(wrapped))]
    shorter = [wrapped[:end] for end in range(len(wrapped))]

    for one in (*altered, *shorter, wrapped + b"\0", wrapped + wrapped):
        with pytest.raises(IntegrityError):
            rig.root.unwrap(one, context=CONTEXT)


def test_it_refuses_what_another_root_wrapped(rig: Rig) -> None:
    with pytest.raises(IntegrityError):
        rig.root.unwrap(rig.other.wrap(KEK, context=CONTEXT), context=CONTEXT)


def test_it_refuses_what_another_kind_of_root_wrapped(rig: Rig) -> None:
    for kind in (b"\x01", b"\x02", b"\x11", b"\x12", b"\x13", b"\0"):
        with pytest.raises(IntegrityError):
            rig.root.unwrap(kind + secrets.token_bytes(128), context=CONTEXT)


def test_it_wraps_keys_only(rig: Rig) -> None:
    for wrong in (b"", KEK[:-1], KEK + b"\0"):
        with pytest.raises(ValueError, match="32 bytes"):
            rig.root.wrap(wrong, context=CONTEXT)


def test_its_fingerprint_is_its_own(rig: Rig) -> None:
    mark = rig.root.fingerprint()

    assert len(mark) == 32
    assert mark == rig.root.fingerprint() == rig.again().fingerprint()
    assert mark != rig.other.fingerprint()
    assert in_child(lambda: rig.root.fingerprint() == mark)


def test_it_works_in_a_child_and_goes_on_in_the_parent(rig: Rig) -> None:
    wrapped = rig.root.wrap(KEK, context=CONTEXT)

    assert in_child(lambda: rig.root.unwrap(wrapped, context=CONTEXT) == KEK)
    assert in_child(lambda: rig.root.unwrap(rig.root.wrap(KEK, context=b"child"), context=b"child") == KEK)
    assert rig.root.unwrap(wrapped, context=CONTEXT) == KEK


def test_threads_share_it_while_children_are_made(rig: Rig) -> None:
    wrapped = rig.root.wrap(KEK, context=CONTEXT)
    end, faults, opened = threading.Event(), list[BaseException](), [0]

    def use() -> None:
        try:
            while not end.is_set():
                assert rig.root.unwrap(wrapped, context=CONTEXT) == KEK
                assert rig.other.unwrap(rig.other.wrap(KEK, context=b"two"), context=b"two") == KEK
                opened[0] += 1
        except BaseException as fault:  # noqa: BLE001 - told below
            faults.append(fault)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        children = [in_child(lambda: rig.root.unwrap(wrapped, context=CONTEXT) == KEK) for _ in range(4)]
    finally:
        end.set()
        for thread in threads:
            thread.join(20)

    assert children == [True] * 4
    assert faults == []
    assert opened[0] > 0


def test_it_is_unavailable_while_its_holder_is_gone_and_recovers(rig: Rig) -> None:
    wrapped = rig.root.wrap(KEK, context=CONTEXT)
    rig.root.ping()

    rig.take_away()
    try:
        for use in (
            lambda: rig.root.unwrap(wrapped, context=CONTEXT),
            lambda: rig.root.wrap(KEK, context=CONTEXT),
            rig.root.ping,
        ):
            with pytest.raises(KeyUnavailable):
                use()
    finally:
        rig.bring_back()

    rig.root.ping()
    assert rig.root.unwrap(wrapped, context=CONTEXT) == KEK


def test_it_shows_its_spec_and_no_secret(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = [repr(rig.root), str(rig.root), f"{rig.root.__dict__}"]
    wrapped = rig.root.wrap(KEK, context=CONTEXT)
    said.append(told(lambda: rig.root.unwrap(wrapped, context=b"other")))
    said.append(told(lambda: rig.root.unwrap(wrapped[:-1], context=CONTEXT)))
    rig.take_away()
    try:
        said.append(told(lambda: rig.again().unwrap(wrapped, context=CONTEXT)))
        said.append(told(lambda: rig.root.wrap(KEK, context=CONTEXT)))
    finally:
        rig.bring_back()
    said.append(caplog.text)

    assert rig.root.spec in said[0]
    for secret in (*rig.planted, KEK):
        spellings = (repr(secret)[2:-1], secret.hex(), base64.b64encode(secret).decode().rstrip("="))
        assert not [one for one in spellings for text in said if one in text]
    with pytest.raises(TypeError):
        pickle.dumps(rig.root)


def told(use: Callable[[], object]) -> str:
    """Return all that an error says, with what led to it."""
    try:
        use()
    except Exception as error:  # noqa: BLE001 - of any kind
        chain: BaseException | None = error
        shown: list[str] = []
        while chain is not None:
            shown += [
                *traceback.format_exception(chain),
                repr(chain),
                f"{getattr(chain, 'reason', '')}",
                f"{vars(chain)}",
            ]
            chain = chain.__context__
        return "\n".join(shown)
    raise AssertionError("nothing was refused")
