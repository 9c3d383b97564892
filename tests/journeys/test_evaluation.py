"""`appliance eval` and the round over large organisations' indexes, as the operator's shell and the worker start them."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.house import House
from tests.support.product import ROOT

TEXTS = {
    "leave": ("Leave policy", "Employees receive 28 days of paid leave per calendar year."),
    "fire": ("Fire drill", "When the alarm sounds, leave the building by the nearest stairs."),
    "visit": ("Besuch", "Besucher tragen im Haus stets einen Ausweis."),
}
QUESTIONS = {
    "leave": "How many days of leave are there?",
    "fire": "What to do in case of alarm?",
    "visit": "Was tragen Besucher?",
}


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip


def write_set(folder: Path) -> None:
    folder.mkdir()
    rows = [{"_id": label, "title": title, "text": text} for label, (title, text) in TEXTS.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = [{"_id": f"q-{label}", "text": text} for label, text in QUESTIONS.items()]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    (folder / "qrels.tsv").write_text(
        "query\tdocument\tgrade\n" + "".join(f"q-{label}\t{label}\t1\n" for label in TEXTS)
    )


def test_it_measures_a_set_and_leaves_nothing_behind(tmp_path: Path) -> None:
    write_set(tmp_path / "ours")
    with tempfile.TemporaryDirectory() as scratch:  # short, and open to the database's account
        done = run("appliance", "eval", str(tmp_path / "ours"), "--k", "1", "--json", TMPDIR=scratch)
        left = list(Path(scratch).glob("cloister*"))

    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures == {"set": "ours", "questions": 3, "documents": 3, "k": 1, "recall": 1.0, "ndcg": 1.0, "mrr": 1.0}
    assert left == []


def test_it_says_what_a_set_is_when_the_folder_is_none(tmp_path: Path) -> None:
    done = run("appliance", "eval", str(tmp_path))

    assert done.returncode == 1
    assert "corpus.jsonl" in done.stderr


def test_the_round_over_indexes_runs_as_the_worker_starts_it(house: House) -> None:
    settings = house.settings
    assert settings.database_url is not None

    done = run(
        "appliance.worker.indexes",
        APPLIANCE_DATA_DIR=str(settings.data_dir),
        APPLIANCE_DATABASE_URL=settings.database_url,
    )

    assert done.returncode == 0, done.stderr
