import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from appliance.kernel.errors import Kind
from appliance.providers.base import Purpose
from appliance.providers.errors import ModelMissing
from appliance.providers.local.catalogue import MINILM
from appliance.providers.local.embeddings import LocalEmbedder

LEAVE = "Employees receive 28 days of paid leave each year."
URLAUB = "Alle Angestellten erhalten im Jahr 28 Tage bezahlten Urlaub."
BRIDGE = "The bridge was painted red in 1932."


def test_it_puts_an_answer_nearer_to_the_question_than_another_text(embedder: LocalEmbedder) -> None:
    question = embedder.embed(["How much holiday do I get?"], purpose=Purpose.QUERY)[0]
    leave, urlaub, bridge = embedder.embed([LEAVE, URLAUB, BRIDGE], purpose=Purpose.PASSAGE) @ question

    assert min(leave, urlaub) > bridge + 0.05


def test_it_gives_vectors_of_length_one(embedder: LocalEmbedder) -> None:
    vectors = embedder.embed([LEAVE, "", "木", "word " * 3000], purpose=Purpose.PASSAGE)

    assert vectors.shape == (4, embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_it_answers_no_texts_with_no_vectors(embedder: LocalEmbedder) -> None:
    assert embedder.embed([], purpose=Purpose.PASSAGE).shape == (0, embedder.dimension)


def test_it_keeps_the_order_of_texts_of_many_lengths(embedder: LocalEmbedder) -> None:
    subjects = ["leave", "bridges", "bread", "taxes", "chess", "rivers", "poems", "engines"]
    texts = [f"Some words about {subject}. " * length for subject in subjects for length in (1, 3, 9, 27, 81)]
    together = embedder.embed(texts, purpose=Purpose.PASSAGE)
    alone = np.vstack([embedder.embed([text], purpose=Purpose.PASSAGE) for text in texts])

    # Not equal: activations are rounded to int8 over the batch.
    assert np.sum(together * alone, axis=1).min() > 0.98
    assert (np.argmax(together @ alone.T, axis=1) // 5 == np.arange(40) // 5).all()


def test_it_embeds_a_question_and_a_passage_differently(embedder: LocalEmbedder) -> None:
    asked = embedder.embed([LEAVE], purpose=Purpose.QUERY)[0]
    told = embedder.embed([LEAVE], purpose=Purpose.PASSAGE)[0]

    assert asked @ told < 0.999


def test_it_loads_once_for_many_threads(model_directory: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(model_directory, tmp_path / "model", copy_function=os.symlink)
    fresh, found = LocalEmbedder(copy, threads=1), []
    threads = [
        threading.Thread(target=lambda: found.append(fresh.embed([LEAVE], purpose=Purpose.PASSAGE))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert all(np.array_equal(vectors, found[0]) for vectors in found)


def test_it_says_what_to_do_when_the_model_is_missing(tmp_path: Path) -> None:
    embedder = LocalEmbedder(tmp_path / "nothing")

    with pytest.raises(ModelMissing, match="make models") as refusal:
        embedder.embed(["hello"], purpose=Purpose.QUERY)
    assert refusal.value.kind is Kind.UNAVAILABLE
    with pytest.raises(ModelMissing):
        embedder.ping()


@pytest.mark.parametrize("name", ["tokenizer.json", "normalisation.json", "MANIFEST.json"])
def test_it_refuses_a_model_that_was_altered(model_directory: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(model_directory, tmp_path / "model", copy_function=os.symlink)
    altered = (copy / name).read_text()
    (copy / name).unlink()
    (copy / name).write_text("{}" if name == "MANIFEST.json" else altered + " ")

    with pytest.raises(ModelMissing):
        LocalEmbedder(copy).embed(["hello"], purpose=Purpose.QUERY)


def test_the_second_model_tells_texts_apart_and_has_its_licence(model_directory: Path) -> None:
    directory = model_directory.parent / MINILM.name
    embedder = LocalEmbedder(directory, MINILM, threads=1)
    question = embedder.embed(["How much holiday do I get?"], purpose=Purpose.QUERY)[0]
    leave, bridge, long = embedder.embed([LEAVE, BRIDGE, f"{LEAVE} " * 200], purpose=Purpose.PASSAGE)

    assert leave @ question > bridge @ question + 0.2
    assert np.linalg.norm(long) == pytest.approx(1, abs=1e-5)
    assert json.loads((directory / "MANIFEST.json").read_text())["licence"] == "Apache-2.0"


def test_it_comes_with_its_licence_and_origin(model_directory: Path) -> None:
    manifest = json.loads((model_directory / "MANIFEST.json").read_text())

    assert manifest["licence"] == "MIT"
    assert manifest["upstream"] == "intfloat/multilingual-e5-small"
