"""Retrieval quality on labelled questions, through the real statement on the real database."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from appliance.gateway import Asker
from appliance.knowledge import DocumentId, search
from appliance.knowledge.chunking import Chunk
from appliance.knowledge.index import replace_index
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from tests.conftest import migrate
from tests.support.house import SHARED, House, Member, Server

Result = dict[str, str | float]
QUESTIONS, BATCH = 100, 32


def run() -> list[Result]:
    """Measure nDCG@10 on each set that is there."""
    sets = [SHARED / "retrieval" / name for name in ("product_docs_qa", "xquad_en", "xquad_de")]
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with EmbeddedPostgres(directory / "postgres", durable=False) as postgres, psycopg.connect(
            postgres.url(), autocommit=True
        ) as admin:  # fmt: skip
            passwords = dict.fromkeys(migrations.LOGIN_ROLES, "bench")
            server = Server(postgres, admin, passwords, directory)
            results = []
            for number, path in enumerate(path for path in sets if path.exists()):
                admin.execute(f"CREATE DATABASE bench_{number}")
                migrate(server, f"bench_{number}")
                (directory / str(number)).mkdir()
                house = House(server, f"bench_{number}", directory / str(number))
                results.append(measured(house, path))
                house.close()
            return results


def measured(house: House, path: Path) -> Result:
    """Index one set and ask its questions."""
    owner = house.founds("Bench", "bench@bench.example")
    texts = [json.loads(line) for line in (path / "corpus.jsonl").open()]
    placed = index(house, owner, texts)
    relevant: dict[str, dict[str, int]] = {}
    for line in (path / "qrels.tsv").read_text().splitlines()[1:]:
        question, document, score = line.split("\t")
        relevant.setdefault(question, {})[document] = int(score)
    questions = [json.loads(line) for line in (path / "queries.jsonl").open()]
    asked = [question for question in questions if question["_id"] in relevant][:QUESTIONS]
    gains = [gain(ranked(house, owner, question["text"], placed), relevant[question["_id"]]) for question in asked]
    return {"name": f"nDCG@10 {path.name} ({len(asked)} questions)", "value": sum(gains) / len(gains), "unit": "nDCG"}


def index(house: House, owner: Member, texts: list[dict[str, Any]]) -> dict[int, str]:
    """Put each text in as a chunk of one document; return the texts' ids by position."""
    document = owner.reads_in("bench.txt", "placeholder for the labelled texts of this set")
    chunks, bodies = [], []
    for position, text in enumerate(texts):
        title = text.get("title") or ""
        chunks.append(Chunk(position, title[:300], text["text"], None, None, 0, len(text["text"])))
        bodies.append(f"{title}\n{text['text']}")
    vectors = [
        row
        for start in range(0, len(bodies), BATCH)
        for row in house.app.gateway.embed_passages(owner.tenant_id, bodies[start : start + BATCH])
    ]
    with house.app.db.tenant(owner.tenant_id) as tx:
        replace_index(tx, DocumentId(document.document_id), "", chunks, vectors)  # type: ignore[arg-type]
    return {position: str(text["_id"]) for position, text in enumerate(texts)}


def ranked(house: House, owner: Member, question: str, placed: dict[int, str]) -> list[str]:
    """Return the ids of the ten best."""
    vector = house.app.gateway.embed_query(Asker(owner.tenant_id, owner.caller.actor), question)
    with house.app.db.tenant(owner.tenant_id) as tx:
        return [placed[passage.position] for passage in search(tx, question, vector, limit=10).passages]


def gain(found: list[str], relevant: dict[str, int]) -> float:
    """Return nDCG@10 (Järvelin and Kekäläinen 2002)."""
    got = sum(relevant.get(one, 0) / math.log2(place + 2) for place, one in enumerate(found))
    best = sum(score / math.log2(place + 2) for place, score in enumerate(sorted(relevant.values(), reverse=True)[:10]))
    return got / best if best else 0.0
