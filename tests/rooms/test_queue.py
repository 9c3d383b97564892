"""Batches, and who is served when: organisations in turn, small files first, nobody for ever last."""

import pytest
from sqlalchemy import text

from appliance import knowledge
from appliance.identity import Role
from appliance.knowledge import BatchId, Document, DocumentFilter, Status, Upload
from appliance.knowledge.errors import BatchNotFound, PartMisplaced, TooManyUploads, UploadIncomplete, UploadNotFound
from appliance.knowledge.uploads import UploadForm
from tests.rooms.test_gateway_and_knowledge import events
from tests.support.house import House, Member
from tests.support.queue import Worker


def sends(member: Member, name: str, content: bytes, batch_id: BatchId | None = None) -> Document:
    upload = Upload(name, content, batch_id=batch_id)
    return knowledge.receive(
        member.services.db, member.services.blobs, member.caller, upload, limit_megabytes=100, clock=member.house.clock
    )


def begins_batch(member: Member) -> BatchId:
    with member.services.db.tenant(member.tenant_id) as tx:
        return knowledge.create_batch(tx, member.caller, clock=member.house.clock)


def batch(member: Member, batch_id: BatchId) -> knowledge.Batch:
    with member.services.db.tenant(member.tenant_id) as tx:
        return knowledge.get_batch(tx, member.caller, batch_id, clock=member.house.clock)


def ready(member: Member) -> int:
    with member.services.db.tenant(member.tenant_id) as tx:
        return knowledge.counts(tx).ready


def test_one_organisations_many_files_do_not_starve_anothers_one(ada: Member, bo: Member, worker: Worker) -> None:
    for number in range(40):
        sends(ada, f"n{number}.txt", f"Badge {number} opens door {number}.".encode())
    worker.works(1)
    single = sends(bo, "single.txt", b"The one file of Birch.")
    worker.works(2)

    assert bo.document(single.document_id).status is Status.READY
    assert ready(ada) < 25
    worker.works()
    assert ready(ada) == 40
    assert worker.waiting() == 0


def test_organisations_take_turns_whoever_came_first(ada: Member, bo: Member, worker: Worker) -> None:
    large = b"A sentence about doors.\n\n" * 800  # too large to be taken along
    for number in range(6):
        sends(ada, f"a{number}.txt", large + str(number).encode())
    for number in range(3):
        sends(bo, f"b{number}.txt", large + str(number).encode())
    claimed = [job for job in (worker.claims() for _ in range(9)) if job is not None]

    assert [job[2] for job in claimed[:6]] in (
        [ada.tenant_id, bo.tenant_id] * 3,
        [bo.tenant_id, ada.tenant_id] * 3,
    )


def test_small_files_go_first_and_a_large_one_is_not_passed_by_for_ever(ada: Member, worker: Worker) -> None:
    large = sends(ada, "large.txt", b"A long sentence about the doors of the archive.\n\n" * 25_000)
    small = sends(ada, "small.txt", b"A short sentence.")
    assert [job[3] for job in (worker.claims() for _ in range(2)) if job is not None] == [
        small.document_id, large.document_id,
    ]  # fmt: skip

    worker.link.execute("DELETE FROM procrastinate_jobs WHERE args ->> 'subject' = %s", [str(small.document_id)])
    worker.link.execute("UPDATE procrastinate_jobs SET status = 'todo', rank = rank - 901")  # a quarter of an hour ago
    late = sends(ada, "late.txt", b"A sentence that came a quarter of an hour later.")
    assert [job[3] for job in (worker.claims() for _ in range(2)) if job is not None] == [
        large.document_id, late.document_id,
    ]  # fmt: skip


def test_small_files_are_done_along_with_one_job_each_exactly_once(ada: Member, worker: Worker) -> None:
    documents = [sends(ada, f"n{number}.txt", f"Badge {number} opens door {number}.".encode()) for number in range(20)]
    cancelled = documents[3]
    with ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.cancel(tx, ada.caller, cancelled.document_id, clock=ada.house.clock)
    assert worker.works() == 3
    assert worker.waiting() == 0
    assert ready(ada) == 19
    assert ada.document(cancelled.document_id).status is Status.CANCELLED
    assert events(ada).count("knowledge:document:indexed") == 19


def test_a_job_that_fails_gives_back_what_it_took_along(ada: Member, worker: Worker) -> None:
    documents = [sends(ada, f"n{number}.txt", f"Badge {number} opens door {number}.".encode()) for number in range(5)]
    ada.services.blobs.delete(ada.tenant_id, documents[2].document_id)  # its file is lost
    job = worker.claims()
    assert job is not None
    with pytest.raises(Exception, match="stored file is missing"):
        worker.does(job)
    states = worker.link.execute("SELECT status::text, attempts FROM procrastinate_jobs ORDER BY id").fetchall()
    assert states == [("doing", 0), *[("todo", 1)] * 4]

    worker.link.execute("DELETE FROM procrastinate_jobs WHERE args ->> 'subject' = %s", [str(documents[2].document_id)])
    worker.link.execute("UPDATE procrastinate_jobs SET status = 'todo', attempts = 1")
    worker.works()
    assert ready(ada) == 4


def test_a_batch_tells_how_far_it_is_and_what_failed(ada: Member, worker: Worker, house: House) -> None:
    batch_id = begins_batch(ada)
    assert batch(ada, batch_id).total == 0
    for number in range(9):
        sends(ada, f"n{number}.txt", f"Badge {number} opens door {number}.".encode(), batch_id)
    broken = sends(ada, "broken.txt", b"\0\1\2\3" * 9, batch_id)
    before = batch(ada, batch_id)
    assert (before.total, before.percent, before.is_settled, before.seconds_left) == (10, 0, False, None)

    worker.works(1)
    house.clock.passes(seconds=10)
    half = batch(ada, batch_id)
    assert 0 < half.percent < 100
    assert half.seconds_left is not None
    with ada.services.db.tenant(ada.tenant_id) as tx:
        listed = knowledge.list_documents(tx, ada.caller, DocumentFilter(batch_id=batch_id))
        files = knowledge.timed(tx, listed, clock=house.clock)
    assert all((one.seconds_left is None) == one.is_settled for one in files)
    assert max(one.seconds_left for one in files if one.seconds_left is not None) == half.seconds_left
    worker.works()
    after = batch(ada, batch_id)
    assert (after.percent, after.is_settled) == (100, True)
    assert after.counts == {Status.READY: 9, Status.FAILED: 1}

    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert knowledge.retry_batch(tx, ada.caller, batch_id) == 1
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert knowledge.cancel_batch(tx, ada.caller, batch_id, clock=house.clock) == 1
    worker.works()
    assert ada.document(broken.document_id).status is Status.CANCELLED


def test_the_pause_before_an_upload_does_not_make_it_look_slow(ada: Member, house: House, worker: Worker) -> None:
    first = sends(ada, "first.txt", b"Badge 1 opens door 1.")
    worker.works()
    with ada.services.db.tenant(ada.tenant_id) as tx:  # it took two seconds
        tx.execute(text("UPDATE documents SET started_at = settled_at - interval '2 seconds'"))
    assert ada.document(first.document_id).status is Status.READY

    house.clock.passes(seconds=600)
    second = sends(ada, "second.txt", b"Badge 2 opens door 2.")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        (timed,) = knowledge.timed(tx, [knowledge.get_document(tx, ada.caller, second.document_id)], clock=house.clock)
    assert timed.seconds_left == 2


def test_a_batch_is_its_makers_and_its_administrators(ada: Member, bo: Member) -> None:
    mia, eve = ada.adds("mia@harrow.example", Role.MEMBER), ada.adds("eve@harrow.example", Role.MEMBER)
    batch_id = begins_batch(mia)
    assert batch(ada, batch_id).created_by_name == "mia"
    for other in (eve, bo):
        with pytest.raises(BatchNotFound):
            batch(other, batch_id)
        with pytest.raises(BatchNotFound):
            sends(bo, "x.txt", b"x", batch_id)
        with pytest.raises(BatchNotFound):
            sends(other, "y.txt", b"y", batch_id)  # or its maker could cancel what others sent
        with pytest.raises(BatchNotFound), other.services.db.tenant(other.tenant_id) as tx:
            form = UploadForm("y.txt", 10, batch_id=batch_id)
            knowledge.begin_upload(tx, other.caller, form, limit_megabytes=1, clock=other.house.clock)
    sends(ada, "z.txt", b"z", batch_id)


def test_a_file_comes_in_parts_and_goes_on_where_it_stopped(ada: Member, worker: Worker, house: House) -> None:
    content = b"The archive opens at nine.\n\n" * 50
    with ada.services.db.tenant(ada.tenant_id) as tx:
        form = UploadForm("archive.txt", len(content), folder="Reports/2026")
        upload = knowledge.begin_upload(tx, ada.caller, form, limit_megabytes=100, clock=house.clock)
    db, blobs = ada.services.db, ada.services.blobs
    for _ in range(2):  # a part whose answer was lost is sent again
        half = knowledge.append_part(db, blobs, ada.caller, upload.upload_id, content[:700], start=0)
    assert half.received_count == 700
    with pytest.raises(UploadIncomplete, match="700"):
        knowledge.finish_upload(db, blobs, ada.caller, upload.upload_id, limit_megabytes=100, clock=house.clock)
    for start in (0, 800):
        with pytest.raises(PartMisplaced, match="700"):
            knowledge.append_part(db, blobs, ada.caller, upload.upload_id, b"something else", start=start)
    knowledge.append_part(db, blobs, ada.caller, upload.upload_id, content[700:], start=700)
    for path in (house.settings.data_dir / "blobs").rglob("*"):
        assert not path.is_file() or b"archive" not in path.read_bytes()
    received = knowledge.finish_upload(db, blobs, ada.caller, upload.upload_id, limit_megabytes=100, clock=house.clock)
    worker.works()

    document = ada.document(received.document.document_id)
    assert (document.status, document.file_name, document.title) == (
        Status.READY,
        "Reports/2026/archive.txt",
        "archive",
    )
    assert [blob for blob, _ in blobs.stored(ada.tenant_id)] == [document.document_id]
    assert blobs.get(ada.tenant_id, document.document_id) == content


def test_unfinished_uploads_are_bounded_private_and_gone_after_a_day(ada: Member, worker: Worker, house: House) -> None:
    def begins(member: Member, count: int) -> knowledge.PartialUpload:
        with member.services.db.tenant(member.tenant_id) as tx:
            form = UploadForm("a.txt", count)
            return knowledge.begin_upload(tx, member.caller, form, limit_megabytes=1, clock=house.clock)

    upload = begins(ada, 1_000_000)
    knowledge.append_part(ada.services.db, ada.services.blobs, ada.caller, upload.upload_id, b"x" * 1000, start=0)
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    with pytest.raises(UploadNotFound), mia.services.db.tenant(mia.tenant_id) as tx:
        knowledge.get_upload(tx, mia.caller, upload.upload_id)
    for _ in range(9):
        begins(mia, 1_000_000)
    with pytest.raises(TooManyUploads):
        begins(mia, 1_000_000)
    # One person's announcements leave room for everybody else's.
    assert begins(ada, 1_000_000).received_count == 0

    knowledge.sweep_orphans(house.worker.workshop, ada.tenant_id)
    house.clock.passes(hours=25)
    assert knowledge.sweep_uploads(house.worker.db, ada.tenant_id, clock=house.clock) == 11
    worker.works()
    assert list(ada.services.blobs.stored(ada.tenant_id)) == []
    begins(mia, 1_000_000)
