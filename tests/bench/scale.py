"""200 skewed organisations with 200,000 passages, and with APPLIANCE_BENCH_1M=1 a million: recall, and what isolation costs."""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import text as sql

from appliance.gateway import QueryVector
from appliance.identity import Caller
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId, new_id
from appliance.knowledge import search
from appliance.knowledge.index import as_literal
from appliance.ops.vector_indexes import tend
from appliance.providers.base import Vectors
from appliance.providers.local.catalogue import DEFAULT
from tests.support.cluster import migrate
from tests.support.house import House, Server

Result = dict[str, str | float]
ORGANISATIONS, PASSAGES, MILLION = 200, 200_000, 1_000_000
DIMENSION, TOPICS, WORDS, VOCABULARY, BATCH = 384, 400, 8, 20_000, 5_000
QUESTIONS, PLACES, A_DOCUMENT = 40, 10, 50
THRESHOLD = 20_000
MODEL = DEFAULT.name


@dataclass(frozen=True)
class Organisation:
    """One of the made-up ones, with its passages' ids and vectors."""

    tenant_id: TenantId
    ids: list[UUID]
    vectors: Vectors


def measured(server: Server) -> Iterator[Result]:
    """Yield recall against an exact search in small, median and the largest organisation, and the cost of isolation."""
    organisations, house = _made(server, "bench_scale", PASSAGES)
    for name, one in (("small", organisations[-1]), ("median", organisations[ORGANISATIONS // 2])):
        yield {"name": f"retrieval.recall_{name}", "value": _recall(house.app.db, one), "unit": "share"}
    largest = organisations[0]
    yield {"name": "retrieval.p95_largest_exact", "value": _p95(house.app.db, [largest]), "unit": "ms"}
    began = time.perf_counter()
    tended = tend(server.url("cloister_migrator", house.database), threshold=THRESHOLD)
    assert tended.built
    yield {"name": "retrieval.index_build", "value": time.perf_counter() - began, "unit": "s"}
    yield {"name": "retrieval.recall_largest", "value": _recall(house.app.db, largest), "unit": "share"}
    yield {"name": "retrieval.p95_largest", "value": _p95(house.app.db, [largest]), "unit": "ms"}
    yield {"name": "retrieval.rls_cost_p95", "value": _isolation(server, house, organisations), "unit": "ratio"}
    house.close()
    if os.environ.get("APPLIANCE_BENCH_1M"):
        organisations, house = _made(server, "bench_million", MILLION)
        tend(server.url("cloister_migrator", house.database), threshold=THRESHOLD)
        chosen = [organisations[place] for place in (0, 1, 2, 5, 10, 20, 50, 100, 150, 199)]
        yield {"name": "retrieval.p95_1m", "value": _p95(house.app.db, chosen), "unit": "ms"}
        yield {"name": "retrieval.p95_1m_largest", "value": _p95(house.app.db, organisations[:1]), "unit": "ms"}
        house.close()


def _made(server: Server, name: str, passages: int) -> tuple[list[Organisation], House]:
    """Fill a database by COPY as the superuser: the rows are what ingest writes, the words and vectors made up."""
    server.admin.execute(f"CREATE DATABASE {name}")
    migrate(server, name)
    directory = Path(server.directory, name)
    directory.mkdir()
    house = House(server, name, directory)
    owner = house.founds("Bench", "bench@bench.example")
    chance = np.random.default_rng(7)
    topics = chance.standard_normal((TOPICS, DIMENSION)).astype(np.float32)
    shares = 1 / np.arange(1, ORGANISATIONS + 1)
    counts = np.maximum(20, passages * shares / shares.sum()).astype(int)
    with server.connect("boot", name) as boot:
        boot.execute("SET search_path = cloister, public; SET session_replication_role = replica")
        made = [_organisation(boot, owner.caller, int(count), topics, chance) for count in counts]
        boot.execute("SET session_replication_role = DEFAULT")
        for table in ("documents", "chunks", "chunk_vectors", "postings"):
            boot.execute(f"VACUUM ANALYZE {table}".encode())
    return made, house


def _organisation(boot: Any, caller: Caller, count: int, topics: Vectors, chance: np.random.Generator) -> Organisation:
    # Few topics each, as a real organisation's documents have; passages lie around them.
    own = topics[chance.choice(len(topics), size=max(3, min(60, count // 200)), replace=False)]
    vectors = own[chance.integers(len(own), size=count)] + 0.9 * chance.standard_normal((count, DIMENSION)).astype(
        np.float32
    )
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    words = (VOCABULARY * chance.power(0.35, size=(count, WORDS))).astype(int)
    tenant_id, ids = TenantId(new_id()), [new_id() for _ in range(count)]
    documents = [new_id() for _ in range(math.ceil(count / A_DOCUMENT))]
    collection = new_id()
    boot.execute("INSERT INTO organisations (tenant_id, name, created_at) VALUES (%s, 'Bench', now())", (tenant_id,))
    with boot.cursor().copy(
        "COPY documents (tenant_id, document_id, collection_id, file_name, title, media_type, byte_count, content_digest, status,"
        " chunk_count, term_count, uploaded_by, uploaded_at, languages) FROM STDIN"
    ) as copy:
        for place, document in enumerate(documents):
            held = min(A_DOCUMENT, count - place * A_DOCUMENT)
            copy.write_row((tenant_id, document, collection, "a.txt", "A", "text/plain", 1, document.bytes, "ready", held,
                            held * WORDS, caller.user_id, "2026-01-01", "{en}"))  # fmt: skip
    with boot.cursor().copy(
        "COPY chunks (tenant_id, chunk_id, document_id, position, heading, body, start_at, end_at, term_count) FROM STDIN"
    ) as copy:
        for place, chunk_id in enumerate(ids):
            body = f"{place} " + " ".join(f"w{word}" for word in words[place])
            document = documents[place // A_DOCUMENT]
            copy.write_row((tenant_id, chunk_id, document, place % A_DOCUMENT, "", body, 0, len(body), WORDS))
    with boot.cursor().copy("COPY chunk_vectors (tenant_id, chunk_id, model, e) FROM STDIN") as copy:
        for chunk_id, vector in zip(ids, vectors, strict=True):
            copy.write_row((tenant_id, chunk_id, MODEL, as_literal(vector)))
    with boot.cursor().copy("COPY postings (tenant_id, term, chunk_id, frequency, length) FROM STDIN") as copy:
        for place, chunk_id in enumerate(ids):
            for word in set(words[place].tolist()):
                copy.write_row((tenant_id, f"w{word}", chunk_id, 1, WORDS))
    return Organisation(tenant_id, ids, vectors.astype(np.float32))


def _asked(one: Organisation, number: int) -> tuple[str, Vectors]:
    """Return a question near one of the passages: some words, and a vector that is not any passage's own."""
    chance = np.random.default_rng(number)
    vector = one.vectors[chance.integers(len(one.ids))] + 0.04 * chance.standard_normal(DIMENSION).astype(np.float32)
    words = (VOCABULARY * chance.power(0.35, size=6)).astype(int)
    return " ".join(f"w{word}" for word in words), vector / np.linalg.norm(vector)


def _recall(db: Database, one: Organisation) -> float:
    shares = []
    for number in range(QUESTIONS):
        question, vector = _asked(one, number)
        exact = {one.ids[place] for place in np.argsort(-(one.vectors @ vector))[:PLACES]}
        with db.tenant(one.tenant_id) as tx:
            found = search(tx, question, QueryVector(MODEL, vector), limit=PLACES, lexical_share=0.0)
        shares.append(len(exact & {passage.chunk_id for passage in found.passages}) / len(exact))
    return float(np.mean(shares))


def _p95(db: Database, organisations: list[Organisation]) -> float:
    return float(
        np.quantile([_seconds(db, one, number) for one in organisations for number in range(QUESTIONS)], 0.95) * 1000
    )


def _seconds(db: Database, one: Organisation, number: int) -> float:
    question, vector = _asked(one, number)
    began = time.perf_counter()
    with db.tenant(one.tenant_id) as tx:
        search(tx, question, QueryVector(MODEL, vector))
    return time.perf_counter() - began


def _isolation(server: Server, house: House, organisations: list[Organisation]) -> float:
    """Return the p95 of searches under row-level security to that of the same statements by a role that is above it."""
    above = Database(server.url("cloister_boot", house.database), pool_size=1)
    with above.platform() as tx:
        tx.execute(sql(f"ALTER DATABASE {house.database} SET search_path = cloister, public"))
    above.close()
    above = Database(server.url("cloister_boot", house.database), pool_size=1)
    chosen = organisations[:: ORGANISATIONS // 20]
    taken: dict[str, list[float]] = {"under": [], "above": []}
    for one in chosen:
        for number in range(QUESTIONS):
            pairs = [("under", house.app.db), ("above", above)]
            for name, db in pairs if number % 2 else reversed(pairs):
                taken[name].append(min(_seconds(db, one, number) for _ in range(2)))
    above.close()
    under, over = (float(np.quantile(taken[name], 0.95)) for name in ("under", "above"))
    return under / over
