"""RFC 3161 against openssl's own authority."""

import os
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appliance.proof.timestamps import StampBroken, is_stamped, read_stamp, stamp_request
from tests.support.anchoring import Authority, stamping


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with stamping(tmp_path_factory.mktemp("tsa")) as authority:
        yield authority


def stamped(authority: Authority, content: bytes, nonce: int) -> bytes:
    asked = urllib.request.Request(
        authority.address, stamp_request(content, nonce), {"Content-Type": "application/timestamp-query"}
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return bytes(answer.read())


def test_openssl_understands_the_request_and_we_its_answer(authority: Authority) -> None:
    nonce = int.from_bytes(os.urandom(8), "big") | 1 << 63
    answer = stamped(authority, b"a checkpoint", nonce)
    said = read_stamp(answer)
    assert said.nonce == nonce
    assert abs((said.at - datetime.now(UTC)).total_seconds()) < 60
    assert is_stamped(answer, b"a checkpoint", authority.ca)
    assert not is_stamped(answer, b"another one", authority.ca)


def test_another_authority_is_not_believed(authority: Authority, tmp_path: Path) -> None:
    answer = stamped(authority, b"x", 5)
    with stamping(tmp_path) as other:
        assert not is_stamped(answer, b"x", other.ca)


def test_a_spoilt_answer_is_none(authority: Authority) -> None:
    answer = stamped(authority, b"x", 5)
    authority.spoils = True
    try:
        assert not is_stamped(stamped(authority, b"x", 5), b"x", authority.ca)
    finally:
        authority.spoils = False
    for length in range(len(answer)):
        with pytest.raises(StampBroken):
            read_stamp(answer[:length])


@given(some.binary(max_size=200))
def test_it_reads_any_bytes_without_another_fault(content: bytes) -> None:
    with pytest.raises(StampBroken):
        read_stamp(content)


def test_a_refusal_of_the_authority_is_no_stamp(authority: Authority) -> None:
    refused = authority.answer(b"not a request")
    with pytest.raises(StampBroken):
        read_stamp(refused)
