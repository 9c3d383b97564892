"""One document with twelve kinds of what must not be everywhere, sent in Chromium under two policies; then looked for in all that is written."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import text

from appliance import knowledge
from appliance.assembly import Services, assemble
from appliance.dlp import Action, Category, PolicyRule, policy_in_force
from appliance.dlp.policy_tables import PolicyRow
from appliance.dlp.wording import WrittenRule, to_stored
from appliance.identity import Caller
from appliance.identity.sessions import caller_of
from appliance.kernel.ids import TenantId, new_id
from appliance.knowledge import DocumentId
from appliance.settings import Settings
from tests.support.browsing import launched, signs_in
from tests.support.product import Person, Product

pytestmark = pytest.mark.browser
KINDS = {  # nobody's, all of them, and each with what speaks for it
    Category.PERSON: ("The form is for Mr. ", "Bertram Okonkwo"),
    Category.EMAIL: ("Write to ", "b.okonkwo@harrow.example"),
    Category.PHONE: ("Call him at ", "+49 30 901820"),
    Category.BIRTH_DATE: ("Date of birth: ", "17.03.1961"),
    Category.SOCIAL_SECURITY: ("Social security number (SSN): ", "536-90-4399"),
    Category.IBAN: ("IBAN: ", "DE89370400440532013000"),
    Category.PAYMENT_CARD: ("Credit card number: ", "4539148803436467"),
    Category.MEDICAL_RECORD: ("Patient medical record number (MRN): ", "MRN-48213907"),
    Category.IP_ADDRESS: ("Logged in from IP address ", "203.0.113.77"),
    Category.API_KEY: ("aws_access_key_id = ", "AKIAQ3EGRVNWYXZL7SPD"),
    Category.SECRET: ("password = ", "Tr7!kvel-92xQp"),
    Category.PASSPORT: ("Passport number: ", "C01X00T47"),
}
VALUES = [value for _, value in KINDS.values()]
PAPER = "# Travel costs\n\nHotel rooms are reimbursed up to 140 euros a night.\n\n" + "\n\n".join(
    f"{before}{value}" for before, value in KINDS.values()
)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("dlp") / "data", log_level="DEBUG") as product:
        Person(product.address).sets_up(product.link)
        yield product


@pytest.fixture(scope="module")
def services(product: Product) -> Iterator[Services]:
    services = assemble(Settings(data_dir=product.data_dir), role="worker")
    yield services
    services.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launched(playwright)


def owner(services: Services) -> Caller:
    with services.db.platform() as tx:
        (tenant_id,) = (TenantId(one) for one in tx.scalars(text("SELECT * FROM list_tenants()")))
    with services.db.tenant(tenant_id) as tx:
        user_id = tx.scalar(text("SELECT user_id FROM memberships WHERE role = 'owner'"))
        assert user_id is not None
        return caller_of(tx, user_id)


def in_force(services: Services, *rules: PolicyRule) -> None:
    person = owner(services)
    with services.db.tenant(person.tenant_id) as tx:
        before, now = policy_in_force(tx).version, services.clock.now()
        written = [to_stored(WrittenRule(one, f"Rule {number}")) for number, one in enumerate(rules, 1)]
        tx.add(PolicyRow(
            tenant_id=tx.tenant_id, version=before + 1, rules=written, needs_second=False, note="", template="", based_on=before,
            drafted_by=person.user_id, drafted_at=now, asked_by=person.user_id, approved_by=person.user_id, in_force_at=now,
        ))  # fmt: skip


def sends(page: Page, product: Product, path: Path, *, status: str) -> str:
    """Upload a file as a person does; return the document's id once it says so."""
    page.goto(f"{product.address}/documents")
    page.get_by_label("Choose files").set_input_files(path)
    page.get_by_role("button", name="Upload").click()
    row = page.locator(f"tr[data-status={status}]").first
    row.wait_for(timeout=120_000)
    return str(row.get_attribute("data-document"))


def written(product: Product) -> str:
    """Return all that stands outside of the sealed files: the database's own files with its log of changes, logs, what the product said."""
    blobs = product.data_dir / "blobs"
    paths = [path for path in product.data_dir.rglob("*") if path.is_file() and not path.is_relative_to(blobs)]
    return "".join([*product.output, *(path.read_bytes().decode("latin-1") for path in paths)])


def test_nothing_but_what_the_policy_lets_through_is_stored_searched_or_shown(
    product: Product, services: Services, browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_context().new_page()
    signs_in(page, product.address, "ada@harrow.example")
    in_force(services, PolicyRule(new_id(), Action.BLOCK))
    blocked = tmp_path / "paper.md"
    blocked.write_text(PAPER)
    assert sends(page, product, blocked, status="blocked")
    assert "Not kept" in page.content()

    # Of a card an upload is held back at the least; the same paper without it is searched without all else.
    in_force(services, PolicyRule(new_id(), Action.REDACT))
    redacted = tmp_path / "again.md"
    redacted.write_text(PAPER.replace("".join(KINDS[Category.PAYMENT_CARD]), "No card."))
    document_id = sends(page, product, redacted, status="ready")

    person = owner(services)
    with services.db.tenant(person.tenant_id) as tx:
        document = knowledge.get_document(tx, person, DocumentId(UUID(document_id)))
        passages = knowledge.list_passages(tx, person, document.document_id)
    stored = "\n".join(one.body for one in passages)
    for category, (_, value) in KINDS.items():
        if category is not Category.PAYMENT_CARD:
            assert value not in stored, category
    assert "Hotel rooms are reimbursed up to 140 euros a night." in stored
    page.goto(f"{product.address}/documents/{document_id}")
    shown = page.content()
    page.goto(f"{product.address}/documents/{document_id}/report")
    shown += page.content()
    page.goto(f"{product.address}/search?q=okonkwo+iban+password")
    shown += page.content()
    everything = written(product)
    assert not [value for value in VALUES if value in shown]
    assert not [value for value in VALUES if value in everything]
