"""32 clients of two organisations over 4 connections, with errors, cancelled requests and savepoints."""

import random
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from appliance.kernel.db import Database, Tx
from tests.support.house import House, Member, Server
from tests.support.product import free_port
from tests.support.scratch import opens_to_all

CLIENTS, ROUNDS = 32, 30


@pytest.fixture
def members(house: House) -> tuple[Member, Member]:
    ada, bo = house.founds("Harrow", "ada@harrow.example"), house.founds("Birch", "bo@birch.example")
    for member, canary in ((ada, "canary-of-harrow"), (bo, "canary-of-birch")):
        for number in range(3):
            member.uploads(f"{canary}-{number}.txt", f"{canary} {number}")
    return ada, bo


def test_it_never_mixes_tenants_over_a_small_pool(
    server: Server, database: str, members: tuple[Member, Member]
) -> None:
    db = Database(server.url("cloister_app", database), pool_size=4)

    seen = storm(db, members)

    db.close()
    assert seen["foreign"] == 0
    assert seen["own"] > CLIENTS * ROUNDS // 2


@pytest.fixture
def pooler(server: Server, database: str, tmp_path: Path) -> Iterator[str]:
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    port = free_port()
    (tmp_path / "users.txt").write_text(f'"cloister_app" "{server.passwords["app"]}"\n')
    (tmp_path / "pgbouncer.ini").write_text(
        f"[databases]\n{database} = host={server.postgres.socket_directory} dbname={database}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n"
        f"auth_file = {tmp_path}/users.txt\npool_mode = transaction\ndefault_pool_size = 4\n"
        f"max_client_conn = 100\nlogfile = {tmp_path}/pgbouncer.log\npidfile = {tmp_path}/pgbouncer.pid\n"
    )
    own: dict[str, Any] = {}
    if server.postgres.runs_as is not None:  # pgbouncer refuses root too; the socket is open to Postgres' own user
        own = {"user": server.postgres.runs_as.pw_uid, "group": server.postgres.runs_as.pw_gid, "extra_groups": []}
        opens_to_all(tmp_path)
        shutil.chown(tmp_path, server.postgres.runs_as.pw_uid)
        server.directory.chmod(0o711)
    process = subprocess.Popen([program, str(tmp_path / "pgbouncer.ini")], stderr=subprocess.DEVNULL, **own)
    yield f"postgresql://cloister_app:{server.passwords['app']}@127.0.0.1:{port}/{database}"
    process.terminate()
    process.wait(10)


def test_it_never_mixes_tenants_behind_a_transaction_pooler(pooler: str, members: tuple[Member, Member]) -> None:
    db = Database(pooler, pool_size=16)
    for _ in range(50):
        try:
            db.ping()
            break
        except Exception:  # noqa: BLE001 - it is still starting
            time.sleep(0.1)

    seen = storm(db, members)

    db.close()
    assert seen["foreign"] == 0
    assert seen["own"] > CLIENTS * ROUNDS // 2


def storm(db: Database, members: tuple[Member, Member]) -> Counter[str]:
    """Let clients of both organisations read, fail, cancel and use savepoints; count whose rows they saw."""
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def client(number: int) -> None:
        dice = random.Random(number)
        for _ in range(ROUNDS):
            member = members[dice.randrange(2)]
            own, foreign = look(db, member, dice)
            with lock:
                seen["own"] += own
                seen["foreign"] += foreign

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    return seen


def look(db: Database, member: Member, dice: random.Random) -> tuple[int, int]:
    """Read once, perhaps ending in an error; return (rows of one's own, rows of another's)."""
    own = foreign = 0
    try:
        with db.tenant(member.tenant_id) as tx:
            mishap(tx, dice)
            for tenant_id, name in tx.execute(text("SELECT tenant_id, file_name FROM documents")):
                is_own = tenant_id == member.tenant_id and member.caller.organisation.lower() in name
                own, foreign = own + is_own, foreign + (not is_own)
            if dice.random() < 0.2:
                tx.execute(text("SELECT 1/0"))
    except Exception:  # noqa: BLE001 - injected
        return own, foreign
    return own, foreign


def mishap(tx: Tx, dice: random.Random) -> None:
    """Sometimes a savepoint that fails, sometimes a statement that is cancelled, before the reading."""
    chance = dice.random()
    if chance < 0.2:
        nested = tx.begin_nested()
        try:
            tx.execute(text("SELECT 1/0"))
        except Exception:  # noqa: BLE001 - injected
            nested.rollback()
    elif chance < 0.3:
        tx.execute(text("SET LOCAL statement_timeout = '20ms'"))
        tx.execute(text("SELECT pg_sleep(1)"))
