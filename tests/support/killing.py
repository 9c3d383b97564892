"""The log's processes, started by a fork of one that has loaded everything, so that they can be killed many times a minute.

Who writes goes on all the while and notes what was acknowledged; the log is then read on from where it was read before.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Self
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from appliance import audit
from appliance.audit import Event
from appliance.audit.growth import log_key
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import signature_holds
from appliance.proof.note import parse_checkpoint, parse_note, signed_by
from appliance.proof.tree import Frontier, leaf_hash
from appliance.vault import LogSigners
from tests.support.house import House, Member

PROGRAM = """
import ctypes, os, signal, sys, time
from datetime import timedelta
from appliance.assembly import assemble, database_url
from appliance.audit import sealer
from appliance.settings import load
from appliance.worker import loop, sealing

settings = load()
sealing._SECONDS, sealer.KEPT_EVERY = 0.02, timedelta(seconds=1)  # many rounds, many checkpoints: more moments to be killed at
sealer.Sealer.__init__.__kwdefaults__["most"] = 400  # full rounds, too; of 50, a busy machine sealed less than the writers wrote
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child:
        print(child, flush=True)
        continue
    os.dup2(os.open(settings.data_dir / "killed.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
    os.dup2(1, 2)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    services = assemble(settings, role="worker")
    if line == "worker\\n":
        loop.run(services, database_url(settings, "worker"))
    else:
        with sealing.sealed_beside(services):
            while True:
                time.sleep(60)
    os._exit(0)
"""


class Nursery:
    """Starts sequencers and workers over a house's database."""

    def __init__(self, house: House) -> None:
        names = ("data_dir", "models_dir", "database_url")
        variables = {f"APPLIANCE_{name.upper()}": str(getattr(house.settings, name)) for name in names}
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=os.environ | variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._said() == "ready"
        self._child: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def start(self, role: str) -> None:
        """Start one of a role, unless one runs."""
        if self._child is None or not self._is_alive():
            assert self._process.stdin is not None
            self._process.stdin.write(role + "\n")
            self._process.stdin.flush()
            self._child = int(self._said())

    def kill(self) -> None:
        """Kill what was started, wherever it is."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            self._child = None

    def _is_alive(self) -> bool:
        try:
            os.kill(self._child or 0, 0)
        except ProcessLookupError:
            return False
        return True

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@dataclass
class Writers:
    """Who records all the while. Each entry is about a thing of its own, by which it is known in the log."""

    member: Member
    number: int = 2
    acknowledged: set[UUID] = field(default_factory=set)
    attempted: set[UUID] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(Random(one),)) for one in range(self.number)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _write(self, chance: Random) -> None:
        while not self._is_over.is_set():
            things = {new_id() for _ in range(chance.randint(1, 12))}
            self.attempted |= things
            with contextlib.suppress(Refusal, SQLAlchemyError):
                with self.member.services.db.tenant(self.member.tenant_id) as tx:
                    for thing in things:
                        audit.record(tx, self.member.caller.actor, Event.PROFILE_CHANGED, subject=thing)
                self.acknowledged |= things
            self._is_over.wait(chance.uniform(0.0, 0.05))


class Reader:
    """Reads an organisation's log on from where it was, as the superuser, and checks each entry and the signed head."""

    def __init__(self, house: House, member: Member) -> None:
        self._house, self._tenant = house, member.tenant_id
        self._signer = LogSigners(house.worker.db, house.worker.vault)()
        self._frontier, self._ids = Frontier(), set[UUID]()
        self.found: set[UUID] = set()

    def reads_on(self) -> None:
        """Read what is new. Fails for a gap, an entry twice, a leaf that is not its body's, and a head that does not cover all."""
        with self._house.server.connect("boot", self._house.database) as boot, boot.transaction():
            boot.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            query = "SELECT position, event_id, subject, leaf, body FROM cloister.audit_log WHERE tenant_id = %s AND position >= %s ORDER BY position"
            rows: list[Any] = boot.execute(query, [self._tenant, self._frontier.size]).fetchall()
            head: Any = boot.execute("SELECT note FROM cloister.audit_heads WHERE tenant_id = %s", [self._tenant]).fetchone()
            uneven = boot.execute(
                """SELECT h.tenant_id FROM cloister.audit_heads h LEFT JOIN cloister.audit_log l USING (tenant_id)
                   GROUP BY h.tenant_id, h.size HAVING count(l.position) <> h.size OR max(l.position) <> h.size - 1"""
            ).fetchall()  # fmt: skip
        for position, event_id, subject, leaf, body in rows:
            assert position == self._frontier.size, "a gap"
            assert event_id not in self._ids, "an entry twice"
            assert leaf_hash(body) == leaf
            self._frontier.append(leaf)
            self._ids.add(event_id)
            if subject is not None:
                self.found.add(subject)
        note = parse_note(str(head[0]))
        said = parse_checkpoint(note.text)
        assert signed_by(note, [log_key(said.origin, one) for one in self._signer.known], verifies=signature_holds)
        assert (said.size, said.root) == (self._frontier.size, self._frontier.root())
        assert uneven == [], "of any log, the log of logs among them"


def until_sealed(house: House, *, seconds: float = 60.0) -> float:
    """Wait until nothing is left in the inbox that was recorded before now; return how long that took."""
    began, now = time.monotonic(), datetime.now(UTC)
    with house.server.connect("boot", house.database) as boot:
        while boot.execute("SELECT 1 FROM cloister.audit_inbox WHERE recorded_at <= %s LIMIT 1", [now]).fetchone():
            assert time.monotonic() - began < seconds, "an entry stays unsealed"
            time.sleep(0.02)
    return time.monotonic() - began
