"""What a policy makes of an uploaded document: what is searched, shown and kept says no more than it lets through."""

import json
from pathlib import Path
from typing import cast

import pytest

from appliance import knowledge, policy
from appliance.dlp import Action, Category, Family, PolicyRule
from appliance.identity import Forbidden, Role
from appliance.kernel.ids import new_id
from appliance.knowledge import Document, Receipt, Status, Upload
from appliance.knowledge.screening.reading import list_waiting, report_of
from appliance.policy import Term
from tests.support.archives import locked, packed
from tests.support.house import House, Member, Server
from tests.support.policies import put_in_force

EMAIL, IBAN, KEY = "anna.berg@harrow.example", "DE89370400440532013000", "AKIAQ3EGRVNWYXZL7SPD"
CARD = "4539 1488 0343 6467"
LETTER = f"# Travel costs\n\nHotel rooms are reimbursed up to 140 euros a night. Write to {EMAIL} for the form.\n\nThe account is IBAN {IBAN}, at the bank in Kassel."


def rule(action: Action, *categories: Category, **limits: object) -> PolicyRule:
    return PolicyRule(new_id(), action, frozenset(categories), **limits)  # type: ignore[arg-type]


def stored(server: Server, database: str) -> str:
    """Return all that the database says in the clear."""
    with server.connect("boot", database) as boot:
        names = [str(name) for (name,) in boot.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'cloister'")]
        rows = [str(row) for name in names for (row,) in boot.execute(f'SELECT t::text FROM cloister."{name}" t')]
        return "\n".join(rows)


def passages(member: Member, document: Document) -> str:
    with member.house.app.db.tenant(member.tenant_id) as tx:
        return "\n".join(one.body for one in knowledge.list_passages(tx, member.caller, document.document_id))


def test_without_a_policy_everything_but_the_floor_is_as_it_was(ada: Member) -> None:
    document = ada.reads_in("letter.md", LETTER)

    assert document.status is Status.READY
    assert EMAIL in passages(ada, document)
    assert not document.is_redacted


@pytest.mark.parametrize("breaks", [False, True])
def test_without_a_policy_nothing_else_is_shown_around_what_the_floor_holds(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch, *, breaks: bool
) -> None:
    if breaks:
        monkeypatch.setattr("appliance.dlp.Engine.without_names", lambda _: 1 / 0)
    ada.reads_in("trip.txt", f"Write to {EMAIL}, card {CARD}, IBAN {IBAN}.")

    with house.app.db.tenant(ada.tenant_id) as tx:
        (waiting,) = list_waiting(tx, ada.caller, sealer=house.app.vault)
    (shown,) = [one.excerpt or "" for one in waiting.findings if one.category is Category.PAYMENT_CARD]
    assert "453914••••••6467" in shown
    assert not any(value in shown for value in (EMAIL, IBAN, "anna", "DE89"))
    assert ("Write to" in shown) is not breaks


def test_what_a_policy_removes_is_nowhere_but_in_the_sealed_file(
    house: House, server: Server, database: str, ada: Member
) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.REDACT, Category.EMAIL), rule(Action.TOKENISE, Category.IBAN)])

    document = ada.reads_in(f"{EMAIL}.md", LETTER)

    assert (document.status, document.file_name) == (Status.READY, "[EMAIL].md")
    assert "Write to [EMAIL] for the form" in passages(ada, document)
    assert "IBAN [IBAN]," in passages(ada, document)
    answer = ada.asks("How much is reimbursed for a hotel room a night?")
    assert "140 euros" in answer.body
    assert not any(value in str(answer) for value in (EMAIL, IBAN))
    assert not any(value in stored(server, database) for value in (EMAIL, IBAN))
    assert not knowledge.is_paged(document)


def test_a_rule_that_asks_for_little_confidence_is_told_of_what_is_unsure(house: House, ada: Member) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.REDACT, Category.PHONE, least=0.2)])

    document = ada.reads_in("hotel.md", "# Hotel\n\nRooms of the hotel 44 20 7946 0958 are reimbursed.")

    assert "hotel [PHONE] are" in passages(ada, document)


def test_it_warns_and_keeps_what_it_warns_of(house: House, ada: Member) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.WARN, Category.EMAIL)])

    document = ada.reads_in("letter.md", LETTER)

    assert document.status is Status.READY
    assert EMAIL in passages(ada, document)
    assert any("warns of" in one for one in document.warnings)
    with house.app.db.tenant(ada.tenant_id) as tx:
        report = report_of(tx, ada.caller, document.document_id, sealer=house.app.vault)
    assert [(one.category, one.action) for one in report.findings if one.action is Action.WARN] == [
        (Category.EMAIL, Action.WARN)
    ]
    assert report.policy_version == 1


def test_what_is_held_back_is_in_no_index_and_told_masked(
    house: House, server: Server, database: str, ada: Member
) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.QUARANTINE, Category.API_KEY)])

    document = ada.reads_in(f"{KEY}.txt", f"The key is aws_access_key_id = {KEY} until May.")

    assert document.status is Status.QUARANTINED
    assert (
        document.reason
        == "Found: API key or token. Remove it and upload the copy, or let an administrator release the document."
    )
    assert KEY not in stored(server, database)
    with house.app.db.tenant(ada.tenant_id) as tx:
        (waiting,) = list_waiting(tx, ada.caller, sealer=house.app.vault)
    shown = [one.excerpt or "" for one in waiting.findings]
    assert any("aws_access_key_id = A••••••••" in one for one in shown)
    assert not any(KEY in one for one in shown)


def test_what_is_blocked_is_not_kept_and_can_be_sent_again_under_another_policy(
    house: House, server: Server, database: str, ada: Member
) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.BLOCK, Category.EMAIL)])
    document = ada.reads_in(f"{EMAIL}.md", LETTER)

    assert (document.status, document.reason_code) == (Status.BLOCKED, "blocked")
    knowledge.erase(house.worker.workshop, ada.tenant_id, document.document_id)
    assert list(house.app.blobs.stored(ada.tenant_id)) == []
    assert EMAIL not in stored(server, database)

    put_in_force(house, ada.tenant_id, [rule(Action.WARN, Category.EMAIL)])
    received = knowledge.take_in(
        house.app.db, house.app.blobs, ada.caller, Upload(f"{EMAIL}.md", LETTER.encode()), limit_megabytes=10, clock=house.clock
    )  # fmt: skip
    assert received.receipt is Receipt.ADDED
    knowledge.ingest(house.worker.workshop, ada.tenant_id, received.document.file_id)
    assert ada.document(document.document_id).status is Status.READY


def test_who_uploads_and_the_labels_are_circumstances(house: House, ada: Member) -> None:
    put_in_force(
        house, ada.tenant_id,
        [rule(Action.REDACT, Category.EMAIL, labels=frozenset({"public"})), rule(Action.ALLOW, Category.EMAIL)],
    )  # fmt: skip
    plain = ada.reads_in("letter.md", LETTER)
    assert EMAIL in passages(ada, plain)

    labelled = ada.uploads("again.md", LETTER + "\n\nIt is public.")
    with house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.label(tx, ada.caller, labelled.document_id, ["public"])
    knowledge.ingest(house.worker.workshop, ada.tenant_id, labelled.document_id)

    assert EMAIL not in passages(ada, labelled)


def test_names_are_looked_for_where_a_rule_is_about_them_and_without_the_model_nothing_is_clean(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_in_force(house, ada.tenant_id, [PolicyRule(new_id(), Action.REDACT, families=frozenset({Family.PERSONAL}))])
    minutes = "Minutes: Annika Lindqvist opened the meeting in the town hall at nine."

    assert "[PERSON] opened the meeting" in passages(ada, ada.reads_in("who.txt", minutes))

    monkeypatch.setattr(house.worker.scanner._tagger, "_directory", tmp_path)
    monkeypatch.setattr(house.worker.scanner._tagger, "_loaded", None)
    document = ada.reads_in("again.txt", minutes + " It was cold.")
    assert (document.status, document.reason_code) == (Status.INCOMPLETE, "unchecked")


def test_a_policy_that_comes_while_a_document_is_read_holds_for_it(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed, done = house.worker.workshop.gateway.embed_passages, list[object]()

    def late(*arguments: object, **named: object) -> object:
        if not done:
            done.append(put_in_force(house, ada.tenant_id, [rule(Action.REDACT, Category.EMAIL)]))
        return embed(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(house.worker.workshop.gateway, "embed_passages", late)

    assert EMAIL not in passages(ada, ada.reads_in("letter.md", LETTER))


def test_a_label_that_comes_while_a_document_is_read_holds_for_it(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.REDACT, Category.EMAIL, labels=frozenset({"patient"}))])
    embed, waiting = house.worker.workshop.gateway.embed_passages, [ada.uploads("letter.md", LETTER)]
    document = waiting[0]

    def late(*arguments: object, **named: object) -> object:
        while waiting:
            with house.app.db.tenant(ada.tenant_id) as tx:
                knowledge.label(tx, ada.caller, waiting.pop().document_id, ["patient"])
        return embed(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(house.worker.workshop.gateway, "embed_passages", late)
    knowledge.ingest(house.worker.workshop, ada.tenant_id, document.file_id)

    assert ada.document(document.document_id).status is Status.READY
    assert EMAIL not in passages(ada, document)


def test_names_of_what_cannot_be_read_are_looked_at_too(
    house: House, server: Server, database: str, ada: Member
) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.REDACT, Category.EMAIL)])

    document = ada.reads_in("papers.zip", packed({"a.txt": "A harmless page.", "b.zip": locked(f"{EMAIL}.txt", b"x")}))

    assert document.status is Status.INCOMPLETE
    assert "[EMAIL]" in document.unread[0].name
    assert EMAIL not in stored(server, database)


def test_the_log_names_no_value(house: House, server: Server, database: str, ada: Member) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.REDACT, Category.EMAIL)])
    ada.reads_in("letter.md", LETTER)

    with server.connect("boot", database) as boot:
        bodies = [json.loads(cast("bytes", body)) for (body,) in boot.execute("SELECT body FROM cloister.audit_inbox")]
    (indexed,) = [one["facts"] for one in bodies if one["event"] == "knowledge:document:indexed"]
    assert (indexed["removed"], indexed["policy"]) == (1, 1)
    assert EMAIL not in json.dumps(bodies)


def test_a_label_that_something_is_demanded_for_is_not_the_uploaders_to_take_off(house: House, ada: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    document = mia.reads_in("letter.md", LETTER)
    with house.app.db.tenant(ada.tenant_id) as tx:
        policy.set_label(tx, ada.caller, "Patient", [Term.BAA], stays=False)
    put_in_force(house, ada.tenant_id, [rule(Action.REDACT, Category.EMAIL, labels=frozenset({"internal"}))])

    def labels(member: Member, *these: str) -> None:
        with house.app.db.tenant(ada.tenant_id) as tx:
            knowledge.label(tx, member.caller, document.document_id, these)

    labels(mia, "patient", "internal", "draft")
    for fewer in (("internal", "draft"), ("patient", "draft")):
        with pytest.raises(Forbidden):
            labels(mia, *fewer)
    labels(mia, "internal", "patient")
    labels(ada)
    assert ada.document(document.document_id).labels == ()
