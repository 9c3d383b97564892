"""Planted secrets and sentences, searched for wherever the product writes."""

from pathlib import Path

import httpx2

from tests.support.product import PASSWORD, Person, Product

CANARIES = ("canary-in-a-document", "canary-in-a-question", "canary-in-a-name", PASSWORD)


def test_no_canary_reaches_a_log_or_an_error(tmp_path: Path) -> None:
    with Product(tmp_path / "data", from_nothing=True) as product:
        person = Person(product.address).sets_up(product.link)
        path = tmp_path / "canary-in-a-name.txt"
        # The question's own word stands in the document too: of a word that no document knows, nothing is answered.
        path.write_text("canary-in-a-document: the canary-in-a-question vault opens at noon on Fridays.")
        person.waits_for(person.uploads(path)[0]["id"])
        assert "noon" in person.asks("When does the canary-in-a-question vault open?").text
        broken = tmp_path / "canary-in-a-name.pdf"
        broken.write_bytes(b"%PDF-1.4 canary-in-a-document")
        person.waits_for(person.uploads(broken)[0]["id"])
        person.asks("canary-in-a-question " * 400)
        Person(product.address).signs_in("ada@harrow.example", PASSWORD + "x")
        errors = [
            person.http.get("/documents/canary-in-a-question").text,
            person.http.post("/sign-in", data={"password": PASSWORD, "csrf": "no"}).text,
            httpx2.get(product.address + "/metrics", trust_env=False).text,
        ]
        link = product.link.partition("link=")[2]
    said = "".join(product.output).replace(f"  {product.link}", "", 1)  # the greeting is where the link belongs
    written = said + "".join(path.read_text() for path in (product.data_dir / "log").iterdir())
    secrets = [path.read_bytes() for path in (product.data_dir / "secrets").rglob("*") if path.is_file()]
    assert any((product.data_dir / "secrets" / "keys").rglob("*.key"))
    for canary in (*CANARIES, link, "ada@harrow.example"):
        assert canary not in written
        assert not any(canary in error for error in errors)
    assert not any(secret in written.encode() for secret in secrets)
    assert '"event": "request"' in written
