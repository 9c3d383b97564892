"""`make smoke`: the main job over HTTP, from nothing to a cited answer and a clean stop. Exit code 0 if all was right."""

import sys
import tempfile
from pathlib import Path

from tests.support.product import Answer, Person, Product

SAMPLES = Path(__file__).parent / "samples"
QUESTIONS = [
    ("leave-and-travel.pdf", "How many days of paid annual leave does an employee receive?", "28 days"),
    ("security-handbook.docx", "When must a lost laptop be reported?", "within one hour"),
]
UNANSWERABLE = "Which team won the ice hockey world championship in 1987?"


def main() -> None:
    """Take documents by argument; bring two of our own."""
    given = [Path(argument) for argument in sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="cloister-smoke-") as scratch:
        product = Product(Path(scratch) / "data")
        print(f"starting on port {product.port}")
        product.start()
        try:
            person = Person(product.address).sets_up(product.link)
            print("set up: organisation and owner")
            uses(person, given)
        finally:
            code = product.stop()
        expect(code == 0, f"stop: exit code {code}")
    print("stopped cleanly")


def uses(person: Person, given: list[Path]) -> None:
    """Upload everything, ask about our own documents, and look at each citation."""
    received = person.uploads(*(SAMPLES / name for name, _, _ in QUESTIONS), *given)
    for document in person.waits_for(*(document["id"] for document in received)):
        print(f"{document['status']}: {document['file_name']} ({document['passages']} passages)")
        expect(document["status"] == "ready", f"{document['file_name']}: {document['reason']}")
    for name, question, fact in QUESTIONS:
        answer = person.asks(question)
        show(question, answer)
        expect(fact in answer.text, f"the answer holds {fact!r}")
        expect(answer.pieces > 1, "the answer streams")
        expect(
            any(Path(name).stem.split("-")[0] in c["title"].lower() or fact in c["quote"] for c in answer.citations),
            "it is cited",
        )
        opened = person.http.get(answer.citations[0]["url"].partition("#")[0])
        expect(opened.status_code == 200 and 'class="marked"' in opened.text, "the citation opens the passage")
    answer = person.asks(UNANSWERABLE)
    show(UNANSWERABLE, answer)
    expect(answer.outcome == "abstained" and not answer.citations, "what the documents do not say is not answered")


def show(question: str, answer: Answer) -> None:
    """Print an answer as a person would read it."""
    print(f"\nQ: {question}\nA: {answer.text}")
    for citation in answer.citations:
        page = f", page {citation['page_from']}" if citation["page_from"] else ""
        print(f"   [{citation['number']}] {citation['title']}{page}: {citation['quote'][:100]}")


def expect(holds: bool, promise: str) -> None:
    """End with exit code 1 and the broken promise."""
    if not holds:
        sys.exit(f"FAILED: {promise}")


if __name__ == "__main__":
    main()
