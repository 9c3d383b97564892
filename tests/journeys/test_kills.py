"""kill -9 of web, worker, database and of `make run` itself, at random moments during upload and chat."""

import contextlib
import os
import random
import threading
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.support.house import SAMPLES
from tests.support.product import Answer, Person, Product

VICTIMS = ("web", "worker", "postgres", "parent")


def rounds(product: Product, count: int, seed: int) -> None:
    """Upload and ask while somebody kills; then every accepted document must be ready, exactly once."""
    dice = random.Random(seed)
    person = Person(product.address).sets_up(product.link)
    accepted: dict[str, str] = {}
    for number in range(count):
        victim = VICTIMS[number % len(VICTIMS)]
        killer = threading.Timer(dice.uniform(0.0, 1.2), kill, (product, victim))
        killer.start()
        with contextlib.suppress(httpx2.HTTPError, AssertionError, KeyError):
            text = f"Badge number {number} opens door {number + 1000} of the archive.\n\n" * dice.randint(1, 40)
            path = product.data_dir.parent / f"badge-{number}.txt"
            path.write_text(text)
            for document in person.uploads(path):
                accepted[document["id"]] = path.name
            person.asks("Which door does the badge open?")
        killer.join()
        revive(product, person)
    settled = person.waits_for(*accepted, seconds=180)
    assert {document["status"] for document in settled} == {"ready"}
    assert len(person.documents()) == len({document["file_name"] for document in person.documents()})
    for document_id in accepted:
        page = person.http.get(f"/documents/{document_id}").text
        listed = next(document for document in settled if document["id"] == document_id)
        assert page.count('<section id="p-') == listed["passages"]
    answer: Answer = person.asks("Which door does badge number 0 open?")
    assert answer.outcome in {"answered", "abstained"}


def kill(product: Product, victim: str) -> None:
    """Send SIGKILL to one of the product's processes."""
    with contextlib.suppress(psutil.Error, StopIteration):
        parent = psutil.Process(product.pid)
        if victim == "parent":
            parent.kill()
            return
        marks = {"web": "gunicorn", "worker": "appliance.worker", "postgres": "/bin/postgres"}
        next(child for child in parent.children() if marks[victim] in " ".join(child.cmdline())).kill()


def revive(product: Product, person: Person) -> None:
    """Wait until the product answers again, starting it if its parent was killed."""
    limit, answers = time.monotonic() + 90, 0
    while time.monotonic() < limit:
        if has_ended(product):
            family = processes(product)
            product.kill()
            gone(family)
            product.start()
        try:
            answers = answers + 1 if person.http.get("/readyz").status_code == 200 else 0
        except httpx2.HTTPError:
            answers = 0
        if answers == 5:  # a worker whose master was killed still answers for a moment
            return
        time.sleep(0.3)
    raise TimeoutError("".join(product.output)[-3000:])


def has_ended(product: Product) -> bool:
    """Say whether the product's parent is gone."""
    return not psutil.pid_exists(product.pid) or psutil.Process(product.pid).status() == psutil.STATUS_ZOMBIE


def processes(product: Product) -> list[psutil.Process]:
    """Return every process that works in this product's data directory or belongs to its tree."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            belongs = str(product.data_dir) in process.environ().get("APPLIANCE_DATA_DIR", "")
            if belongs or str(product.data_dir) in process.cwd():
                found.append(process)
    return found


def gone(family: list[psutil.Process]) -> None:
    """Fail if one of them is still there after half a minute."""
    _, alive = psutil.wait_procs(family, timeout=35)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE], "orphans"


def test_it_loses_nothing_to_kills_keeps_all_when_it_starts_again_and_ends_with_its_parent(tmp_path: Path) -> None:
    product = Product(tmp_path / "data")
    product.start()
    try:
        rounds(product, 3, seed=1)
        person = Person(product.address)
        assert person.signs_in("ada@harrow.example").status_code == 303
        person.waits_for(person.uploads(SAMPLES / "fire-drill.txt")[0]["id"])
    finally:
        family = processes(product)
        code = product.stop()
    gone(family)
    assert code == 0

    product.start()
    family = processes(product)
    try:
        assert "/setup" not in product.link
        person = Person(product.address)
        assert person.signs_in("ada@harrow.example").status_code == 303
        assert "oak tree" in person.asks("Where is the assembly point of the fire drill?").text
        assert len(family) >= 4
    finally:
        product.kill()
    gone(family)


@pytest.mark.long
def test_it_loses_nothing_to_fifty_kills(tmp_path: Path) -> None:
    product = Product(tmp_path / "data")
    product.start()
    try:
        rounds(product, 50, seed=int(os.environ.get("SEED", "7")))
    except Exception:
        print("".join(product.output)[-6000:])
        raise
    finally:
        family = processes(product)
        product.stop()
    gone(family)
    log = (product.data_dir / "log" / "postgres.log").read_text()
    assert "row-level security" not in log
