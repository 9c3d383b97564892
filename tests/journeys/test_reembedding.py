"""The whole product goes over to another model while people ask and upload, and somebody kills the worker."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.test_kills import gone, kill, processes
from tests.support.house import House
from tests.support.product import Person, Product

OLD, NEW = "multilingual-e5-small", "all-MiniLM-L6-v2"


@pytest.mark.long
def test_it_changes_the_model_while_people_ask_and_the_worker_is_killed(tmp_path: Path) -> None:
    product = Product(tmp_path / "data", models_dir=str(House.models_directory()))
    product.start()
    try:
        outcomes = goes_over(product, tmp_path)
        assert set(outcomes) == {"answered"}
        assert len(outcomes) > 3
    finally:
        family = processes(product)
        product.stop()
    gone(family)


def goes_over(product: Product, folder: Path) -> list[str]:
    person = Person(product.address).sets_up(product.link)
    sends(person, folder, "rules", "\n\n".join(f"# Rule {number}\n\n{machine(number)}" for number in range(400)))
    sends(person, folder, "leave", "Employees receive 28 days of paid leave per calendar year.")
    passages = index(product)["passages"]
    outcomes: list[str] = []
    is_over = threading.Event()

    def asks() -> None:
        while not is_over.is_set():
            outcomes.append(person.asks("How many days of paid leave do employees receive?").outcome)

    asking = threading.Thread(target=asks)
    asking.start()
    try:
        chosen = product.command("org", "choose-index", "--model", NEW)
        assert chosen.returncode == 0, chosen.stderr
        kills, limit = 0, time.monotonic() + 300
        while (state := index(product))["model"] == OLD and time.monotonic() < limit:
            assert state["change"]["state"] == "filling"
            if kills < 2 and state["change"]["percent"] >= 20 * (kills + 1):
                kill(product, "worker")
                kills += 1
                other = Person(product.address)
                other.signs_in("ada@harrow.example")
                sends(other, folder, f"late-{kills}", f"Soup number {kills} is served at noon by the canteen.")
    finally:
        is_over.set()
        asking.join()
    assert kills == 2
    state = index(product)
    assert (state["model"], state["change"], state["passages"]) == (NEW, None, passages + 2)
    assert person.asks("Which soup is served at noon by the canteen?").outcome == "answered"
    return outcomes


def machine(number: int) -> str:
    return f"Machine {number} is oiled on day {number % 28 + 1} of each month by workshop {number * 7}. " * 6


def sends(person: Person, folder: Path, name: str, text: str) -> None:
    path = folder / f"{name}.txt"
    path.write_text(text)
    [document] = person.uploads(path)
    [settled] = person.waits_for(document["id"])
    assert settled["status"] == "ready"


def index(product: Product) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(product.command("org", "get-index", "--json").stdout)
    return found
