"""Every byte of every sealed thing, flipped or cut off: the right refusal, in one text, and in no time that tells where."""

import statistics
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import text

from appliance.kernel.sealing import IntegrityError, KeyUnavailable, seal_at, unseal_at
from appliance.vault.values import Level
from tests.support.house import House, Member
from tests.support.vault import PLACE, key_files, opened_by, sealed_by, turns


def spoilt(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the content with each byte flipped, then cut before each byte."""
    for at in range(len(content)):
        yield at, content[:at] + bytes([content[at] ^ 0x80]) + content[at + 1 :]
    for at in range(len(content)):
        yield at, content[:at]


def test_a_key_file_opens_whole_or_not_at_all(ada: Member) -> None:
    """Byte 0 is the format, the next 32 say which root wraps it: another one is a key that is away, and no alarm."""
    sealed = sealed_by(ada, b"sk-live-4711")
    (file,) = key_files(ada)
    content, files, said = file.read_bytes(), ada.services.vault.files, set[str]()
    (kek,) = files.stored_of(ada.tenant_id)
    file.chmod(0o600)
    for at, wrong in spoilt(content):
        file.write_bytes(wrong)
        of_another_root = 1 <= at < 33 and len(wrong) == len(content)
        with pytest.raises(KeyUnavailable if of_another_root else IntegrityError) as refused:
            files.open(kek)
        said.add(str(refused.value))
    assert len(said) == 2
    file.write_bytes(content)
    assert opened_by(ada, sealed) == b"sk-live-4711"


def test_a_wrapped_data_key_opens_whole_or_not_at_all(ada: Member) -> None:
    sealed, said = sealed_by(ada, b"sk-live-4711"), set[str]()
    with ada.services.db.tenant(ada.tenant_id) as tx:
        wrapped = tx.scalar(text("SELECT wrapped FROM data_keys"))
        assert wrapped is not None
        for _, wrong in spoilt(wrapped):
            tx.execute(text("UPDATE data_keys SET wrapped = :wrong"), {"wrong": wrong})
            with pytest.raises(IntegrityError) as refused:
                ada.services.vault.unseal(tx, sealed, PLACE)
            said.add(str(refused.value))
        tx.execute(text("UPDATE data_keys SET wrapped = :right"), {"right": wrapped})
    assert len(said) == 1
    assert opened_by(ada, sealed) == b"sk-live-4711"


def test_a_stored_file_opens_whole_or_not_at_all(house: House, ada: Member) -> None:
    document = ada.uploads("note.txt", "Noon.")
    (path,) = (house.settings.data_dir / "blobs").glob(f"{ada.tenant_id}/??/*")
    content, said = path.read_bytes(), set[str]()
    for _, wrong in spoilt(content):
        path.write_bytes(wrong)
        with pytest.raises(IntegrityError) as refused:
            house.app.blobs.get(ada.tenant_id, document.file_id)
        said.add(str(refused.value))
    assert len(said) == 1
    path.write_bytes(content)
    assert house.app.blobs.get(ada.tenant_id, document.file_id) == b"Noon."


def test_the_data_key_of_before_and_the_key_of_another_open_nothing(ada: Member, bo: Member) -> None:
    """A wrapped data key put back from before a rotation, and one of another organisation in its place."""
    sealed_by(bo, b"something of Bo's")
    before = sealed_by(ada, b"sk-live-4711")
    with bo.services.db.tenant(bo.tenant_id) as tx:
        theirs = tx.scalar(text("SELECT wrapped FROM data_keys"))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        old = tx.scalar(text("SELECT wrapped FROM data_keys"))
    turns(ada, Level.DEK)
    now = sealed_by(ada, b"sk-live-4712")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        right = tx.scalar(text("SELECT wrapped FROM data_keys WHERE version = 2"))
        for wrong in (old, theirs):
            tx.execute(text("UPDATE data_keys SET wrapped = :wrong WHERE version = 2"), {"wrong": wrong})
            for value in (now, before[:1] + now[1:5] + before[5:]):
                with pytest.raises(IntegrityError):
                    ada.services.vault.unseal(tx, value, PLACE)
        tx.execute(text("UPDATE data_keys SET wrapped = :right WHERE version = 2"), {"right": right})
    assert opened_by(ada, now) == b"sk-live-4712"


def test_how_long_a_refusal_takes_does_not_tell_where_it_was_altered() -> None:
    """The first byte of what is compared, or the last one: a comparison that stops early would be told by many tries."""
    key, envelope = UUID(int=7).bytes * 2, seal_at(UUID(int=7).bytes * 2, 1, b"x" * 4_000, context=b"place")
    commitment, tag = 1 + 4 + 32, len(envelope) - 16
    for first, last in ((commitment, commitment + 31), (tag, tag + 15)):
        took: dict[int, list[int]] = {first: [], last: []}
        for _ in range(300):
            for at, times in took.items():
                wrong = envelope[:at] + bytes([envelope[at] ^ 1]) + envelope[at + 1 :]
                begun = time.perf_counter_ns()
                with pytest.raises(IntegrityError):
                    unseal_at(key, wrong, context=b"place")
                times.append(time.perf_counter_ns() - begun)
        early, late = (statistics.median(times) for times in took.values())
        assert 0.7 < early / late < 1.4
