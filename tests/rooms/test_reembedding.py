"""An index goes over to another model: nobody who asks notices, and whatever breaks on the way is told or goes on."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from appliance import budgets, knowledge
from appliance.assembly import assemble, roots_of
from appliance.gateway import Asker, ModelMissing, QueryVector, Vectors
from appliance.kernel.db import Tx
from appliance.knowledge import ChangeState, DocumentId, Found, SearchIndex, Status, reembedding
from appliance.knowledge.errors import ChangeUnderWay, ModelNotInstalled, ModelUnknown, NoChangeUnderWay
from appliance.knowledge.evaluation import LabelledSet, fill
from appliance.ops.diagnosis import diagnose
from appliance.ops.vector_indexes import tend
from appliance.worker.schedule import tidy
from tests.rooms.test_gateway_and_knowledge import events
from tests.support.house import House, Member, Server
from tests.support.queue import Worker

OLD, NEW = "multilingual-e5-small", "all-MiniLM-L6-v2"
LEAVE = "Employees receive 28 days of paid leave per calendar year. Requests are made two weeks ahead."
QUESTION = "How many days of paid leave do employees receive?"


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job embeds two passages, so that a few documents take many jobs."""
    monkeypatch.setattr(reembedding, "_BATCH", 1)
    monkeypatch.setattr(reembedding, "_BATCHES", 2)


@pytest.fixture
def bare(server: Server, database: str, tmp_path: Path) -> Iterator[House]:
    """A house without the second model, in a folder of its own."""
    with_all, models = House.models_directory(), tmp_path / "models"
    models.mkdir()
    (models / OLD).symlink_to(with_all / OLD)
    house = House(server, database, tmp_path, models_dir=models)
    yield house
    house.close()


def chooses(member: Member, model: str) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        offered = member.services.gateway.embedding_models
        knowledge.choose_model(tx, member.caller, model, offered=offered, clock=member.house.clock)


def cancels(member: Member) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        knowledge.cancel_change(tx, member.caller, clock=member.house.clock)


def index(member: Member) -> SearchIndex:
    with member.services.db.tenant(member.tenant_id) as tx:
        return knowledge.get_index(tx, member.caller, clock=member.house.clock)


def finds(member: Member, question: str = QUESTION, *, model: str | None = None) -> Found:
    """Search by vectors alone, as a chat does that stored the question while `model` was in force."""

    def look(tx: Tx, vector: QueryVector) -> Found:
        return knowledge.search(tx, question, vector, lexical_share=0.0)

    asker = Asker(member.tenant_id, member.caller.actor)
    return knowledge.ask_index(member.services.db, member.services.gateway, asker, question, look, model=model)


def titles(found: Found) -> list[str]:
    return [passage.title for passage in found.passages]


def vectors(member: Member) -> dict[str, int]:
    """How many vectors of each model there are."""
    with member.services.db.tenant(member.tenant_id) as tx:
        rows = tx.execute(text("SELECT model, count(*) FROM chunk_vectors GROUP BY model"))
        return {str(model): int(count) for model, count in rows}


def deletes(member: Member, document_id: DocumentId) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        knowledge.delete(tx, member.caller, document_id)


def fills(member: Member, count: int = 4) -> list[DocumentId]:
    """Put some documents in, the first of which answers, as an evaluation does that parses none."""
    texts = [
        LEAVE,
        *(f"Machine {number} is oiled on day {number} of each month by the workshop." for number in range(count)),
    ]
    labelled = LabelledSet("some", {str(number): (str(number), one) for number, one in enumerate(texts)}, ())
    placed = fill(member.services.db, member.services.gateway, member.caller, labelled, clock=member.house.clock)
    return list(placed)


@pytest.mark.usefixtures("small_pieces")
def test_it_goes_over_while_people_ask_upload_and_delete(ada: Member, bo: Member, worker: Worker) -> None:
    documents = fills(ada, 6)
    bo.reads_in("birch.txt", LEAVE)
    worker.works()
    seen: list[int] = []
    is_over = threading.Event()

    def asks() -> None:
        while not is_over.is_set():
            found = titles(finds(ada))
            seen.append(len(found) if found[:1] == ["0"] else -1)

    asking = threading.Thread(target=asks)
    asking.start()
    try:
        chooses(ada, NEW)
        assert worker.works(1) == 1
        assert index(ada).model == OLD
        change = index(ada).change
        assert change is not None
        assert (change.model, change.state, change.percent) == (NEW, ChangeState.FILLING, 100 * 2 // 7)
        deletes(ada, documents[1])
        late = ada.uploads("late.txt", "The canteen serves soup at noon on weekdays.")
        worker.works()
    finally:
        is_over.set()
        asking.join()

    assert index(ada) == SearchIndex(NEW, 384, 7, None)
    assert ada.document(late.document_id).status is Status.READY
    assert vectors(ada) == {OLD: 7, NEW: 7}
    assert titles(finds(ada, "When is there soup?"))[0] == "late"
    assert "1" not in titles(finds(ada))
    assert seen
    assert min(seen) >= 6
    assert ada.asks(QUESTION).outcome == "answered"
    assert (index(bo).model, vectors(bo), titles(finds(bo))) == (OLD, {OLD: 1}, ["birch"])
    assert {"knowledge:index_change:begun", "knowledge:index:switched"} <= set(events(ada))

    tidy(ada.house.worker)
    assert vectors(ada)[OLD] == 7  # a search may still be on its way
    ada.house.clock.passes(minutes=2)
    tidy(ada.house.worker)
    assert vectors(ada) == {NEW: 7}
    assert vectors(bo) == {OLD: 1}
    assert titles(finds(ada))[0] == "0"


def test_a_question_embedded_by_the_old_model_still_finds_after_the_switch(ada: Member, worker: Worker) -> None:
    fills(ada)
    asker = Asker(ada.tenant_id, ada.caller.actor)
    vector = ada.services.gateway.embed_query(asker, QUESTION, model=OLD)
    chooses(ada, NEW)
    worker.works()
    assert index(ada).model == NEW

    with ada.services.db.tenant(ada.tenant_id) as tx:
        found = knowledge.search(tx, QUESTION, vector)
    assert (vector.model, titles(found)[0], len(found.passages)) == (OLD, "0", 5)
    ada.house.clock.passes(minutes=2)
    tidy(ada.house.worker)
    assert titles(finds(ada, model=OLD))[0] == "0"  # embedded once more, by what is in force by now


def test_what_is_embedded_across_the_switch_is_embedded_once_more(
    ada: Member, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    fills(ada, 1)
    late = ada.uploads("late.txt", "The canteen serves soup at noon on weekdays.")
    gateway, asked = ada.house.worker.gateway, []
    embeds = gateway.embed_passages

    def switches_meanwhile(*given: object, **named: object) -> Vectors:
        made = embeds(*given, **named)  # type: ignore[arg-type]
        asked.append(named["model"])
        if len(asked) == 1:
            chooses(ada, NEW)
            reembedding.reembed(ada.house.worker.workshop, ada.tenant_id)
        return made

    monkeypatch.setattr(gateway, "embed_passages", switches_meanwhile)
    knowledge.ingest(ada.house.worker.workshop, ada.tenant_id, late.document_id)

    assert asked == [OLD, NEW, NEW]
    assert vectors(ada) == {OLD: 2, NEW: 3}
    assert titles(finds(ada, "When is there soup?"))[0] == "late"


@pytest.mark.usefixtures("small_pieces")
def test_it_is_cancelled_and_leaves_nothing_behind(ada: Member, worker: Worker) -> None:
    fills(ada)
    chooses(ada, NEW)
    worker.works(1)
    with pytest.raises(ChangeUnderWay, match=NEW):
        chooses(ada, OLD)
    cancels(ada)
    assert worker.works() == 1  # finds nothing to do
    with pytest.raises(NoChangeUnderWay):
        cancels(ada)
    ada.house.clock.passes(minutes=2)
    tidy(ada.house.worker)

    assert index(ada) == SearchIndex(OLD, 384, 5, None)
    assert vectors(ada) == {OLD: 5}
    assert "knowledge:index_change:cancelled" in events(ada)
    assert titles(finds(ada))[0] == "0"

    chooses(ada, NEW)
    worker.works()
    chooses(ada, OLD)  # back again, while the old vectors are still there
    worker.works()
    assert index(ada).model == OLD
    assert titles(finds(ada))[0] == "0"


def test_a_killed_worker_goes_on_where_it_was(ada: Member, worker: Worker) -> None:
    total = len(fills(ada, 30))
    chooses(ada, NEW)
    job = worker.claims()
    script = (
        "import sys, time\nfrom uuid import UUID\nfrom appliance import knowledge\nfrom appliance.assembly import assemble\n"
        "from appliance.knowledge import reembedding\nfrom appliance.settings import load\nreembedding._BATCH = 1\n"
        "shop = assemble(load(), role='worker').workshop\nembed = shop.gateway.embed_passages\n"
        "def slow(*a, **k):\n    time.sleep(0.1)\n    return embed(*a, **k)\n"
        "shop.gateway.embed_passages = slow\nknowledge.reembed(shop, UUID(sys.argv[1]))\n"
    )
    settings = ada.house.settings
    environment = {
        "APPLIANCE_DATA_DIR": str(settings.data_dir),
        "APPLIANCE_MODELS_DIR": str(settings.models_dir),
        "APPLIANCE_DATABASE_URL": str(settings.database_url),
    }
    child = subprocess.Popen([sys.executable, "-c", script, str(ada.tenant_id)], env=os.environ | environment)
    for _ in range(600):
        if vectors(ada).get(NEW, 0) > 2:
            break
        time.sleep(0.02)
    child.kill()
    child.wait()
    stored = vectors(ada)[NEW]
    assert 2 < stored < total
    assert titles(finds(ada))

    assert job is not None
    worker.does(job)  # as the queue gives it out again
    assert vectors(ada) == {OLD: total, NEW: total}
    assert index(ada).model == NEW


def test_a_model_that_is_not_installed_is_refused_and_one_that_vanishes_is_told(bare: House) -> None:
    ada, all_models = bare.founds("Harrow", "ada@harrow.example"), House.models_directory()
    fills(ada, 1)
    with pytest.raises(ModelNotInstalled, match=f"appliance models build {NEW}"):
        chooses(ada, NEW)
    with pytest.raises(ModelUnknown, match=NEW):
        chooses(ada, "bert-of-the-moon")
    models = bare.settings.models_dir
    (models / NEW).symlink_to(all_models / NEW)
    chooses(ada, NEW)
    (models / NEW).unlink()
    knowledge.reembed(bare.worker.workshop, ada.tenant_id)

    change = index(ada).change
    assert change is not None
    assert (change.state, index(ada).model) == (ChangeState.FAILED, OLD)
    assert "appliance doctor" in (change.reason or "")
    assert "knowledge:index_change:failed" in events(ada)
    assert titles(finds(ada))[0] == "0"

    (models / NEW).symlink_to(all_models / NEW)
    chooses(ada, NEW)
    knowledge.reembed(bare.worker.workshop, ada.tenant_id)
    assert (index(ada).model, index(ada).change) == (NEW, None)
    assert model_findings(bare) == [("ok", f"{NEW}, {OLD}", "")]

    (models / NEW).unlink()
    bare.app.close()
    bare.app = assemble(bare.settings, role="app", clock=bare.clock)  # what is loaded needs no files
    with pytest.raises(ModelMissing, match=f"appliance models build {NEW}"):
        finds(ada)
    _, (level, detail, remedy) = model_findings(bare)
    assert (level, detail) == ("fail", f"{NEW} is missing; organisations that are searched by it: 1")
    assert f"appliance models build {NEW}" in remedy


def model_findings(house: House) -> list[tuple[str, str, str]]:
    settings = house.settings
    findings = diagnose(
        data_directory=settings.data_dir, secrets=settings.secrets, models=settings.models_dir, host="127.0.0.1", port=0,
        languages="eng", preflight=False, url=lambda: house.server.url("cloister_worker", house.database),
        roots=lambda: roots_of(settings),
    )  # fmt: skip
    return [(one.level.value, one.detail, one.remedy) for one in findings if one.name == "models"]


def test_work_that_fails_again_and_again_is_told(ada: Member, worker: Worker) -> None:
    fills(ada, 1)
    chooses(ada, NEW)
    tidy(ada.house.worker)
    assert (change := index(ada).change) is not None
    assert change.state is ChangeState.FILLING  # its job waits
    worker.link.execute("UPDATE procrastinate_jobs SET status = 'failed'")
    tidy(ada.house.worker)

    assert (change := index(ada).change) is not None
    assert change.state is ChangeState.FAILED
    assert "goes on where it stopped" in (change.reason or "")
    chooses(ada, OLD)
    assert index(ada).change is None
    chooses(ada, NEW)
    worker.works()
    assert index(ada).model == NEW


def test_a_large_organisation_waits_for_its_index(server: Server, ada: Member, worker: Worker) -> None:
    url = server.url("cloister_migrator", ada.house.database)
    fills(ada, 4)
    [old] = tend(url, threshold=4).built
    chooses(ada, NEW)
    assert tend(url, threshold=4).built == ()  # half filled it would be built twice
    worker.works()
    assert (change := index(ada).change) is not None
    assert (index(ada).model, change.state) == (OLD, ChangeState.WAITING)

    late = ada.reads_in("late.txt", "The canteen serves soup at noon on weekdays.")
    tended = tend(url, threshold=10)  # it has shrunk since, and keeps the index that it has
    assert (len(tended.built), tended.dropped) == (1, ())
    tidy(ada.house.worker)
    worker.works()
    assert (index(ada).model, index(ada).change) == (NEW, None)
    assert ada.document(late.document_id).title in titles(finds(ada, "When is there soup?"))[:1]
    assert tend(url, threshold=4).dropped == (old,)


def test_it_costs_no_budget_and_an_empty_house_goes_over_at_once(ada: Member, bo: Member, worker: Worker) -> None:
    fills(ada, 1)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        used = budgets.get_budget(tx, clock=ada.house.clock).used
        budgets.set_budget(tx, ada.caller, monthly_tokens=used, clock=ada.house.clock)
    chooses(ada, NEW)
    chooses(bo, NEW)
    worker.works()

    assert (index(ada).model, index(bo).model) == (NEW, NEW)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert budgets.get_budget(tx, clock=ada.house.clock).used == used
