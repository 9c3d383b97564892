"""Many small files while somebody kills the worker: each is ready, exactly once, in memory that does not grow."""

import contextlib
import json
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from appliance.ops.embedded_postgres import socket_url
from tests.journeys.test_kills import gone, kill, processes
from tests.support.product import Person, Product, csrf

_AT_ONCE = 50
_MOST_MEMORY = 1_000_000_000


@dataclass
class Lives:
    """What is seen of the worker's processes: memory of each at the last look, and when it was warm; processor time of all."""

    product: Product
    enough: int
    warm: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    settled: int = 0

    def look(self) -> None:
        """Look at the process that works now."""
        with contextlib.suppress(psutil.Error):
            worker = worker_of(self.product)
            if worker is None:
                return
            times = worker.cpu_times()
            self.seconds[worker.pid] = times.user + times.system + times.children_user + times.children_system
            memory = worker.memory_info().rss
            if self.settled >= self.enough and self.seconds[worker.pid] > 4:  # it did not just start
                self.warm.setdefault(worker.pid, memory)
            self.last[worker.pid] = memory

    def watch(self) -> None:
        """Look until told to stop."""
        while not self.stopped.wait(0.2):
            self.look()


def survives(tmp_path: Path, *, files: int, kills: int) -> None:
    """Upload so many files, kill the worker so many times on the way, and count."""
    with Product(tmp_path / "data") as product:
        person = Person(product.address).sets_up(product.link)
        batch_id, signs = sends(person, tmp_path, files)
        # The last tenth is one process's own. At the half of it its model has seen batches of every size.
        lives = Lives(product, enough=files * 19 // 20)
        watcher = threading.Thread(target=lives.watch, daemon=True)
        watcher.start()
        limit = time.monotonic() + 60 + files + 40 * kills
        killed = 0
        while not (state := progress(product, batch_id))["is_settled"]:
            assert time.monotonic() < limit, state
            lives.settled = state["counts"].get("ready", 0)
            if killed < kills and worker_of(product) and lives.settled >= files * 9 // 10 * killed // kills:
                kill(product, "worker")
                killed += 1
            time.sleep(0.4)
        lives.stopped.set()
        watcher.join()
        tells(lives, files, signs, killed)
        assert state["counts"] == {"ready": files}
        assert killed == kills
        counts_once(product, files)
        assert all(lives.last[pid] < 1.1 * memory for pid, memory in lives.warm.items()), (lives.warm, lives.last)
        assert max(lives.last.values()) < _MOST_MEMORY
        family = processes(product)
    gone(family)


def worker_of(product: Product) -> psutil.Process | None:
    """Return the worker's process, or None while it is being started again."""
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(product.pid).children()
        return next((child for child in children if "appliance.worker" in " ".join(child.cmdline())), None)
    return None


def sends(person: Person, tmp_path: Path, files: int) -> tuple[str, int]:
    """Upload small files in one batch; return it and how many characters they have."""
    headers = {"Accept": "application/json", "X-CSRF-Token": csrf(person.http.get("/documents").text)}
    batch_id: str = person.http.post("/batches", headers=headers).json()["id"]
    signs = 0
    for start in range(0, files, _AT_ONCE):
        texts = [
            f"Badge number {number} opens door {number + 1000}.\n\n" * (1 + number % 7)
            for number in range(start, min(files, start + _AT_ONCE))
        ]
        signs += sum(map(len, texts))
        parts = [("files", (f"badge-{start + place}.txt", text.encode())) for place, text in enumerate(texts)]
        answer = person.http.post("/documents", files=parts, data={"batch": batch_id}, headers=headers)
        assert answer.status_code == 202, answer.text
    return batch_id, signs


def progress(product: Product, batch_id: str) -> dict[str, Any]:
    """Ask the database how far a batch is; it is not killed here, and the web site is not to be loaded."""
    with connected(product) as boot:
        rows = boot.execute(
            "SELECT status, count(*) FROM cloister.documents WHERE batch_id = %s GROUP BY status", [batch_id]
        ).fetchall()
    counts = {str(status): int(number) for status, number in rows}
    return {"counts": counts, "is_settled": not {"received", "parsing", "embedding"} & set(counts)}


def counts_once(product: Product, files: int) -> None:
    """Every document is indexed once: in the log, in its passages, their vectors and their postings."""
    with connected(product) as boot:
        bodies = boot.execute(
            "SELECT body FROM cloister.audit_inbox WHERE event = 'knowledge:document:indexed'"
            " UNION ALL SELECT body FROM cloister.audit_log WHERE event = 'knowledge:document:indexed'"
        ).fetchall()
        subjects = [json.loads(bytes(body))["subject"] for (body,) in bodies]
        assert len(subjects) == len(set(subjects)) == files
        wrong = boot.execute(
            """SELECT d.file_name FROM cloister.documents d
               LEFT JOIN cloister.chunks c USING (tenant_id, document_id)
               LEFT JOIN cloister.chunk_vectors v USING (tenant_id, chunk_id)
               GROUP BY d.file_name, d.chunk_count HAVING count(c.chunk_id) <> d.chunk_count OR count(v.chunk_id) <> d.chunk_count"""
        ).fetchall()
        assert wrong == []
        bare = boot.execute(
            "SELECT count(*) FROM cloister.chunks c WHERE c.term_count <> (SELECT sum(p.frequency) FROM cloister.postings p WHERE p.tenant_id = c.tenant_id AND p.chunk_id = c.chunk_id)"
        ).fetchone()
        assert bare == (0,)
        assert boot.execute("SELECT count(*) FROM cloister.procrastinate_jobs WHERE status <> 'doing'").fetchone() == (
            0,
        )


def connected(product: Product) -> "psycopg.Connection[Any]":
    """Connect as the database's own superuser."""
    url = socket_url(product.data_dir / "postgres", user="cloister_boot", database="cloister")
    return psycopg.connect(url, autocommit=True)


def tells(lives: Lives, files: int, signs: int, killed: int) -> None:
    """Print what it took."""
    seconds = sum(lives.seconds.values())
    megabytes = [round(memory / 1e6) for memory in lives.last.values()]
    print(
        f"{files} files, {killed} kills: {seconds:.0f} CPU s, {files / seconds:.1f} documents and {signs / seconds:.0f} "
        f"characters a second and core; {min(megabytes)} to {max(megabytes)} MB"
    )


def test_it_reads_each_of_many_files_once_although_the_worker_is_killed(tmp_path: Path) -> None:
    survives(tmp_path, files=40, kills=2)


@pytest.mark.long
def test_it_reads_each_of_two_thousand_files_once_although_the_worker_is_killed_thirty_times(tmp_path: Path) -> None:
    survives(tmp_path, files=int(os.environ.get("FILES", "2000")), kills=int(os.environ.get("KILLS", "30")))
