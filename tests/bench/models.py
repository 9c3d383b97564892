"""Embedding and answering on this host. Ratios within one run are what counts; processors here are shared."""

import sys
import time
from pathlib import Path

from appliance.kernel.words import terms
from appliance.providers.base import ChatRequest, Passage, Purpose
from appliance.providers.local.embeddings import LocalEmbedder
from appliance.providers.local.extractive import ExtractiveAnswerer

Result = dict[str, str | float]
TEXT = "Employees receive 28 days of paid leave per calendar year, and requests are made two weeks ahead. " * 8


def run() -> list[Result]:
    """Measure chunks a second with one and two threads, a query, and an answer."""
    directory = Path(sys.prefix) / "share" / "appliance" / "models" / LocalEmbedder.name
    one, two = LocalEmbedder(directory, threads=1), LocalEmbedder(directory, threads=2)
    rates: dict[int, float] = {}
    for threads, embedder in ((1, one), (2, two), (1, one), (2, two)):
        embedder.embed(["warm up"], purpose=Purpose.QUERY)
        began = time.perf_counter()
        embedder.embed([TEXT] * 32, purpose=Purpose.PASSAGE)
        rates[threads] = max(rates.get(threads, 0.0), 32 / (time.perf_counter() - began))
    began = time.perf_counter()
    for _ in range(50):
        one.embed(["How many days of leave do employees have?"], purpose=Purpose.QUERY)
    query = (time.perf_counter() - began) / 50
    passages = tuple(Passage(number, "Policy", TEXT) for number in range(1, 7))
    request = ChatRequest("How many days of leave?", passages, term_weights=dict.fromkeys(terms(TEXT), 2.0))
    began = time.perf_counter()
    for _ in range(5):
        list(ExtractiveAnswerer(one).stream(request))
    answer = (time.perf_counter() - began) / 5
    return [
        {"name": "embed, 1 thread", "value": rates[1], "unit": "chunks/s"},
        {"name": "embed, 2 threads to 1", "value": rates[2] / rates[1], "unit": "ratio"},
        {"name": "embed a query", "value": query * 1000, "unit": "ms"},
        {"name": "answer from 6 passages", "value": answer * 1000, "unit": "ms"},
    ]
