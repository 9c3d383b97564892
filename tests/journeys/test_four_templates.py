"""The four policies to begin from, each chosen in Chromium by an organisation of its own, over papers with twelve kinds of what they name.

What is stored, indexed, shown, sent to a provider and let through from it is compared with what the policies say, by a table written
from their words. Then all that the product has written is searched for what may be nowhere.
"""

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import psycopg
import pytest
from playwright.sync_api import Browser, FilePayload, Page, sync_playwright
from psycopg import sql

from appliance import policy
from appliance.dlp import Action, PolicyRule
from appliance.kernel.ids import new_id
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.policy import ContractForm, Term
from appliance.vault.providing import list_providers
from tests.support.browsing import launched, signs_in
from tests.support.door import has_provider, key_of
from tests.support.house import House, Member
from tests.support.model_host import Asked, Reply, Upstream, upstream
from tests.support.planted_keys import Planted
from tests.support.policies import put_in_force
from tests.support.product import Product
from tests.support.template_talks import Talk, asks, says_text, talks, values_in
from tests.support.template_words import ALL, FLOOR, MORE, NONE, SAYS, Says
from tests.support.twelve import Kind, Paper, paper

pytestmark = pytest.mark.browser


@dataclass
class Proof:
    """The product with its provider, and what may and what may not stand in what it writes."""

    product: Product
    house: House
    provider: Upstream
    browser: Browser
    nowhere: Planted = field(default_factory=Planted)
    somewhere: Planted = field(default_factory=Planted)

    def keeps(self, name: str, one: Paper, passes: frozenset[Kind] = NONE) -> None:
        """Say which values of a paper may be found in the end, and must be."""
        for kind, value in one.values.items():
            (self.somewhere if kind in passes else self.nowhere).plant(f"{name}: {kind}", value)


@dataclass(frozen=True)
class Organisation:
    """An organisation with its policy, its owner at a browser and as a program."""

    proof: Proof
    code: str
    member: Member
    page: Page
    client: openai.OpenAI

    @property
    def says(self) -> Says:
        return SAYS[self.code]

    def paper(self, name: str, kinds: Iterable[Kind]) -> Paper:
        return paper(kinds, f"{self.code}: {name}")

    def goes(self, path: str) -> str:
        """Open a page; return what it says, markup and all."""
        self.page.goto(self.proof.product.address + path)
        return self.page.content()


@pytest.fixture
def proof(tmp_path: Path) -> Iterator[Proof]:
    with (
        upstream() as provider, Product(tmp_path / "data", log_level="DEBUG", egress_allow="127.0.0.1:*") as product,
        sync_playwright() as playwright,
    ):  # fmt: skip
        house = House.beside(product.data_dir)
        yield Proof(product, house, provider, launched(playwright))
        house.close()


def proves(proof: Proof, *codes: str) -> None:
    for code in codes:
        one = founded(proof, code, SAYS[code].name)
        chooses(one)
        uploads(one)
        calls(one)
        answers(one)
    blacks_out(proof)
    is_where_it_may_be(proof)


def test_two_templates_do_what_they_say_end_to_end(proof: Proof) -> None:
    proves(proof, "gdpr", "wiki")


@pytest.mark.long
def test_all_templates_do_what_they_say_end_to_end(proof: Proof) -> None:
    proves(proof, *SAYS)


def founded(proof: Proof, code: str, name: str) -> Organisation:
    """Found an organisation with two providers, of which one has signed what laws ask for, and sign its owner in."""
    member = proof.house.founds(name, f"{code}@harrow.example")
    for provider in ("openai", "vllm"):
        has_provider(member, provider, proof.provider.address)
    with member.services.db.tenant(member.tenant_id) as tx:
        near = next(one for one in list_providers(tx, member.caller) if one.name == "openai")
        form = ContractForm(near.provider_id, frozenset({Term.DPA, Term.BAA}), "Folder 7", "eu-central-1")
        policy.add_contract(tx, member.caller, form, clock=proof.house.clock)
    page = proof.browser.new_context().new_page()
    signs_in(page, proof.product.address, f"{code}@harrow.example")
    client = openai.OpenAI(api_key=key_of(member), base_url=f"{proof.product.address}/v1", max_retries=0)
    return Organisation(proof, code, member, page, client)


def chooses(one: Organisation) -> None:
    """Begin with the template and put it in force, as an owner does."""
    one.goes("/data-protection")
    one.page.get_by_label(one.says.name).check()
    one.page.get_by_role("button", name="Begin", exact=True).click()
    one.page.get_by_role("button", name="Put in force").click()
    one.page.get_by_role("link", name="Version 1").first.wait_for()


def uploads(one: Organisation) -> None:
    """Upload a paper with all kinds, one without those that are not kept, and one with those alone that pass."""
    says, proof = one.says, one.proof
    kinds = {"whole": ALL, "held": ALL - says.not_kept, "passing": ALL - says.not_kept - says.held}
    papers = {name: one.paper(name, kinds[name]) for name in kinds}
    forms = dict(zip(kinds, random.Random(one.code).sample(["docx", "pdf", "txt"], 3), strict=True))
    one.goes("/documents")
    one.page.get_by_label("Choose files").set_input_files(
        [FilePayload(name=f"{name}.{forms[name]}", mimeType="", buffer=papers[name].file(forms[name])) for name in kinds]
    )
    one.page.get_by_role("button", name="Upload").click()
    ids = {name: settles(one, f"{name}.{forms[name]}", status) for name, status in
           {"whole": "blocked", "held": "quarantined", "passing": "ready"}.items()}  # fmt: skip
    for name, document_id in ids.items():
        assert reported(one, document_id) == expected(says, papers[name]), f"{one.code} {name}"
    shows(one, papers["passing"], ids["passing"])
    hides(one, papers, ids)
    quotes(one, papers["passing"])
    talk = Talk(one.code, says, one.member, one.page, proof.product.address, proof.provider, papers["passing"])
    for name, (paper_, passes) in talks(talk).items():
        proof.keeps(f"{one.code} {name} in a talk", paper_, passes)
    if says.is_reviewed:
        reviews(one, papers["held"], ids["held"], f"held.{forms['held']}")
    proof.keeps(f"{one.code} whole", papers["whole"])
    proof.keeps(f"{one.code} held", papers["held"], ALL - says.held if says.is_reviewed else NONE)
    proof.keeps(f"{one.code} passing", papers["passing"], ALL)


def settles(one: Organisation, file_name: str, status: str) -> str:
    """Wait until a document says this; return its id."""
    row = one.page.locator(f"tr[data-status={status}]", has_text=file_name)
    row.wait_for(timeout=120_000)
    return str(row.get_attribute("data-document"))


def expected(says: Says, one: Paper) -> dict[str, str]:
    """Return what a paper's report has to say of each kind."""
    words = {"not kept": says.not_kept, "held back": says.held, "warned of": says.warned}
    return {kind.value: next((word for word, kinds in words.items() if kind in kinds), "let through") for kind in one.values}


def reported(one: Organisation, document_id: str) -> dict[str, str]:
    """Return what a document's report says of each kind."""
    one.goes(f"/documents/{document_id}/report")
    rows = one.page.eval_on_selector_all(
        "table.list tbody tr", "rows => rows.map(row => [row.cells[0].firstChild.textContent, row.cells[4].innerText])"
    )
    return {kind.strip(): action.partition("\n")[0].strip() for kind, action in rows}


def shows(one: Organisation, passing: Paper, document_id: str) -> None:
    """What passes is shown and found."""
    one.goes(f"/documents/{document_id}")
    assert values_in(one.page.locator("body").inner_text(), [passing]) == set(passing.values.values()), one.code
    assert passing.word in one.goes(f"/search?q={passing.word}+hotel").partition("<main")[2].replace(f'value="{passing.word}', "")


def hides(one: Organisation, papers: dict[str, Paper], ids: dict[str, str]) -> None:
    """Of what is held and of what is not kept, no page says a value, and no search finds the paper."""
    hidden = [papers["whole"], papers["held"]]
    pages = [f"/documents/{ids[name]}{part}" for name in ("whole", "held") for part in ("", "/report")]
    pages += ["/documents", "/documents/findings", *(f"/search?q={paper.values[Kind.EMAIL]}" for paper in hidden)]
    for path in pages:
        one.goes(path)
        assert not values_in(one.page.locator("body").inner_text(), hidden), f"{one.code} {path}"


def quotes(one: Organisation, passing: Paper) -> None:
    """What passes is quoted in the chat, by the first chatbot."""
    one.goes("/chat")
    one.page.get_by_role("button", name="New conversation").first.click()
    told = asks(one.page, f"What is reimbursed for hotel rooms at the {passing.word} fair?")
    assert "140 euros" in told, one.code
    told = asks(one.page, "Where are invoices for the hotel rooms sent?")
    assert passing.values[Kind.EMAIL] in told, told


def reviews(one: Organisation, held: Paper, document_id: str, file_name: str) -> None:
    """Have a reviewer take out what kept the paper back: the rest of it becomes searchable."""
    one.goes("/documents/findings")
    one.page.get_by_role("group", name="What is to become of those chosen").get_by_label("Remove").check()
    one.page.get_by_label("Why").last.fill("Not for everybody")
    one.page.get_by_role("button", name="Decide").last.click()
    one.goes("/documents")
    assert settles(one, file_name, "ready") == document_id
    one.goes(f"/documents/{document_id}")
    shown = values_in(one.page.locator("body").inner_text(), [held])
    assert shown == {value for kind, value in held.values.items() if kind not in one.says.held}, one.code


def calls(one: Organisation) -> None:
    """Send papers to a provider with a contract and to one without: what it receives, and what comes back of it."""
    says, provider = one.says, one.proof.provider
    whole, fit = one.paper("whole request", ALL), one.paper("request", ALL - says.refused)
    provider.says()
    provider.chooses = repeats
    is_refused(one, "openai/gpt-6", whole, code="dlp_blocked")  # the floor speaks first
    for model in ("openai/gpt-6", "vllm/gpt-6"):
        if model.startswith("vllm") and says.refused_without & set(fit.values):
            is_refused(one, model, fit)
            fit = one.paper("request without", ALL - says.refused - says.refused_without)
        for streams in (False, True):
            provider.asked.clear()
            shown, error = told(one, model, fit.text, streams=streams)
            assert error is None, one.code
            (asked,) = provider.asked
            reaches(one, asked, fit)
            kept_back = says.blacked | says.blacked_in_answers
            assert values_in(shown, [fit]) == {value for kind, value in fit.values.items() if kind not in kept_back}, f"{one.code} {model}"
        one.proof.keeps(f"{one.code} {model}", fit)
    one.proof.keeps(f"{one.code} whole request", whole)


def reaches(one: Organisation, asked: Asked, sent: Paper) -> None:
    """Compare a provider's bytes with the policy: each value there or not, in any form of it, and a mark in its place."""
    arrived = asked.json["messages"][0]["content"]
    gone = one.says.blacked | one.says.renamed
    for kind, value in sent.values.items():
        planted = Planted()
        planted.plant(kind, value)
        assert bool(planted.found_in(asked.body)) == (kind not in gone), f"{one.code} {kind} of {arrived}"
    assert len(re.findall(r"\[[A-Z_]+\]", arrived)) == len(one.says.blacked & set(sent.values)), arrived
    assert len(re.findall(r"\[[A-Z_]+_[0-9A-Z]{5}\]", arrived)) >= len(one.says.renamed & set(sent.values)), arrived
    assert sent.lines[0] in arrived


def is_refused(one: Organisation, model: str, sent: Paper, *, code: str = "data_refused") -> None:
    one.proof.provider.asked.clear()
    shown, refused = told(one, model, sent.text)
    assert refused is not None, one.code
    assert (shown, refused.code) == ("", code), one.code
    assert not values_in(str(refused.body), [sent])
    assert one.proof.provider.asked == []
    one.proof.keeps(f"{one.code} refused {model}", sent)


def answers(one: Organisation) -> None:
    """Have a provider say what it was never told, whole and streamed."""
    says, provider = one.says, one.proof.provider
    whole, fit = one.paper("whole answer", ALL), one.paper("answer", ALL - says.ends)
    for streams in (False, True):
        provider.says(says_text(whole.text, streams=streams))
        shown, ended = told(one, "openai/gpt-6", "What is on file?", streams=streams)
        assert ended is not None, one.code
        stopped = {value for kind, value in whole.values.items() if kind in says.ends | says.blacked_in_answers}
        assert not values_in(f"{shown} {ended.body}", [whole]) & stopped, one.code
        provider.says(says_text(fit.text, streams=streams))
        shown, ended = told(one, "openai/gpt-6", "What is on file?", streams=streams)
        assert ended is None, one.code
        assert values_in(shown, [fit]) == {value for kind, value in fit.values.items() if kind not in says.blacked_in_answers}, one.code
    one.proof.keeps(f"{one.code} whole answer", whole)
    one.proof.keeps(f"{one.code} answer", fit)


def told(one: Organisation, model: str, content: str, *, streams: bool = False) -> tuple[str, openai.APIError | None]:
    """Ask at /v1 with the vendor's client; return all that it is shown, and the error that it ended with."""
    messages: Any = [{"role": "user", "content": content}]
    shown = ""
    try:
        if not streams:
            return str(one.client.chat.completions.create(model=model, messages=messages).choices[0].message.content), None
        for each in one.client.chat.completions.create(model=model, messages=messages, stream=True):
            shown += "".join(choice.delta.content or "" for choice in each.choices)
    except openai.APIError as error:
        return shown, error
    return shown, None


def repeats(asked: Asked) -> Reply:
    """Answer with what was asked."""
    return says_text(asked.json["messages"][0]["content"], streams=bool(asked.json.get("stream")))


def blacks_out(proof: Proof) -> None:
    """Upload a paper where an organisation's own rule blacks all out, as no template does: what is left is shown, and found."""
    one = founded(proof, "own", "Own")
    put_in_force(proof.house, one.member.tenant_id, [PolicyRule(new_id(), Action.REDACT)])
    sent = one.paper("blacked out", ALL - FLOOR - {Kind.MARKING})
    text = "\n\n".join([sent.text, *(before + value for before, value in MORE.items())])
    one.goes("/documents")
    one.page.get_by_label("Choose files").set_input_files(FilePayload(name="own.txt", mimeType="", buffer=text.encode()))
    one.page.get_by_role("button", name="Upload").click()
    document_id = settles(one, "own.txt", "ready")
    shown = one.goes(f"/documents/{document_id}") + one.goes(f"/documents/{document_id}/report") + one.goes("/search?q=iban+password")
    assert not values_in(shown, [sent])
    assert not [value for value in MORE.values() if value in shown]
    assert "[IBAN]" in shown
    assert sent.lines[0] in shown
    proof.keeps("own", sent)
    proof.nowhere.plant("more", *MORE.values())


def is_where_it_may_be(proof: Proof) -> None:
    """Search every row of every table, every file of the product with the database's log of changes, and what it said."""
    tables = rows_of(proof.product.data_dir)
    said = "".join(proof.product.output).encode()
    assert proof.somewhere.found_in(tables) == set(proof.somewhere.secrets), "what passes is stored: the search would be blind"
    assert proof.nowhere.found_in(tables) == set()
    assert proof.nowhere.found_in(said) == proof.somewhere.found_in(said) == set()
    assert proof.nowhere.found_under(proof.product.data_dir) == {}
    # UTF-16 is what is left of it without its zeros.
    files = (path for path in proof.product.data_dir.rglob("*") if path.is_file() and not path.is_symlink())
    thin = proof.product.data_dir.parent / "thin"
    thin.write_bytes(b"\n".join(path.read_bytes().replace(b"\0", b"") for path in files))
    assert proof.nowhere.found_under(thin) == {}
    assert proof.somewhere.found_under(thin), "the search of files is blind"
    thin.unlink()


def rows_of(data_dir: Path) -> bytes:
    """Return all rows as the superuser sees them; bring the database's files up to date."""
    postgres, said = EmbeddedPostgres(data_dir / "postgres"), bytearray()
    with psycopg.connect(postgres.url(database="cloister"), autocommit=True) as boot:
        boot.execute("CHECKPOINT")
        names = boot.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, name in names:
            statement = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(schema, name))
            with boot.cursor().copy(statement) as rows:
                for row in rows:
                    said += row
    return bytes(said)
