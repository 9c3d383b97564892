"""What is sealed to somebody is opened by programs that are not ours: Debian's age, and openssl."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.kernel.recipients import RecipientInvalid, parse_recipient
from tests.support.log_packages import age_identity, certificate

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SIZES = (0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 << 16, 200_000)


def run(*command: str | Path, content: bytes = b"") -> bytes:
    return subprocess.run([str(one) for one in command], input=content, capture_output=True, check=True).stdout


def pieces(content: bytes) -> list[bytes]:
    return [content[at : at + 50_000] for at in range(0, len(content), 50_000)]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return age_identity(tmp_path_factory.mktemp("age"))


@pytest.mark.parametrize("size", SIZES)
def test_age_opens_what_is_sealed_to_its_key(identity: tuple[Path, str], size: int) -> None:
    content = bytes(at % 251 for at in range(size))
    recipient = parse_recipient(f" {identity[1]}\n", now=NOW)
    sealed = b"".join(recipient.sealed(pieces(content)))
    assert run("age", "--decrypt", "--identity", identity[0], content=sealed) == content
    assert (recipient.name, recipient.suffix) == (identity[1], ".age")
    for altered in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(subprocess.CalledProcessError):
            run("age", "--decrypt", "--identity", identity[0], content=altered)


def test_openssl_opens_what_is_sealed_to_a_certificate(tmp_path: Path) -> None:
    recipient = parse_recipient(certificate(tmp_path), now=datetime.now(UTC) + timedelta(minutes=1))
    assert recipient.suffix == ".p7m"
    for size in SIZES:
        content = bytes(at % 251 for at in range(size))
        sealed = b"".join(recipient.sealed(pieces(content)))
        opened = run("openssl", "cms", "-decrypt", "-inform", "DER", "-binary", "-inkey", tmp_path / "key.pem", "-recip",
                     tmp_path / "certificate.pem", content=sealed)  # fmt: skip
        assert opened == content, size
        assert size < 100 or content[:100] not in sealed


def test_what_is_no_recipient_is_refused(identity: tuple[Path, str], tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    written = certificate(tmp_path)
    parse_recipient(written, now=soon)
    for odd, now in (
        (written, soon + timedelta(days=40)),
        (written, soon - timedelta(days=2)),
        (written + written, soon),
        (certificate(tmp_path, kind="rsa:1024"), soon),
        (written.replace("MII", "MIJ", 1), soon),
        ("", soon),
        ("age1", soon),
        (identity[1][:-1], soon),
        (identity[1][:-1] + ("q" if identity[1][-1] != "q" else "p"), soon),
        (identity[1].upper(), soon),
        ((tmp_path / "key.pem").read_text(), soon),
    ):
        with pytest.raises(RecipientInvalid):
            parse_recipient(odd, now=now)


def test_a_key_of_low_order_seals_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.kernel.recipients._bech32", lambda _: bytes(32))
    with pytest.raises(RecipientInvalid):
        parse_recipient("age1", now=NOW)
