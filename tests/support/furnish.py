"""One of everything that has an address, for tests that go through all addresses."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from appliance import audit, budgets, chat, evidence, identity, knowledge, policy
from appliance.budgets import BudgetForm, Period, Subject, SubjectKind, Unit
from appliance.budgets.limits import Pace, set_call_limit
from appliance.chat import call_contents
from appliance.dlp import Category
from appliance.dlp.own import service as own_rules
from appliance.dlp.own.allowances import AllowanceForm, allow, list_allowances
from appliance.evidence.access_reviews import ReviewForm
from appliance.evidence.exporting import request_package
from appliance.gateway import Asker, ledger
from appliance.gateway.content import Content
from appliance.gateway.keeping import CONTENTS
from appliance.identity import Permission, Role, Scope
from appliance.identity.custom_roles import RoleForm, create_role, list_roles
from appliance.identity.factors import begin_totp
from appliance.identity.invitations import InvitationForm
from appliance.identity.scim.service import (
    TokenWish,
    change_provisioning,
    create_provisioning_token,
    get_provisioning,
)
from appliance.identity.scim.values import Service
from appliance.identity.sso import connections, domains
from appliance.identity.support import SupportForm, SupportLevel, grant_support, list_grants
from appliance.identity.tokens import TokenForm
from appliance.knowledge import Audience, CollectionForm
from appliance.tenancy import OrganisationSettings, Review
from appliance.vault import LogSigners
from appliance.worker.evidence import write_evidence
from tests.support.house import Member
from tests.support.policies import protects
from tests.support.providing import has
from tests.support.sign_on import SignOn, connects
from tests.support.streams import has_stream


def furnish(ada: Member) -> dict[str, str]:
    """Give Ada's organisation one of everything that has an address; return the ids."""
    clock = ada.house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        group = identity.create_group(tx, ada.caller, name="Board", clock=clock)
        invited = identity.invite(tx, ada.caller, InvitationForm("guest@harrow.example", Role.MEMBER), clock=clock)
        form = TokenForm("script", frozenset({Scope.CHAT}), 30)
        issued = identity.create_token(tx, ada.caller, form, clock=clock)
        totp = begin_totp(tx, ada.caller, label="x", sealer=ada.services.vault.platform, clock=clock)
        closed = CollectionForm("Closed", "", Audience.GROUPS, ())
        collection = knowledge.create_collection(tx, ada.caller, closed, clock=clock)
        chatbot = chat.list_drafts(tx, ada.caller)[0]
        batch_id = knowledge.create_batch(tx, ada.caller, clock=clock)
        announced = knowledge.UploadForm("parts.txt", 100)
        upload = knowledge.begin_upload(tx, ada.caller, announced, limit_megabytes=1, clock=clock)
        rule = policy.create_rule(tx, ada.caller, "Europe", None, policy.Limits(regions=("eu*",)), clock=clock)
        policy.set_label(tx, ada.caller, "patients", [policy.Term.BAA], stays=False)
        conversation = chat.create_conversation(tx, ada.caller, chatbot.chatbot_id, clock=clock)
    provider = has(ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        granted = policy.ContractForm(provider.provider_id, frozenset({policy.Term.DPA}), "Folder 7")
        contract = policy.add_contract(tx, ada.caller, granted, clock=clock)
    budget_id, limit_id = saves(ada)
    document = ada.uploads("furnished.txt", "One document of the house.")
    connection_id, provisioning_token_id = provides_people(ada)
    session_id, export_id, schedule_id = signs_in(ada), exports(ada), schedules(ada)
    sink_id, letter_id = has_stream(ada)
    connection = SignOn(ada, connection_id)
    mapping = connection.maps("cn=board", group_id=group.group_id)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        domain = domains.add_domain(tx, ada.caller, domain="harrow.example", clock=clock)
    package_id, (review_id, item_id) = evidences(ada), reviews(ada)
    question, steps = ada.services.chat.ask(ada.caller, conversation.conversation_id, "Is the canteen open?")
    list(steps)
    return {
        "call_id": str(keeps(ada)),
        "batch_id": str(batch_id),
        "budget_id": str(budget_id),
        "limit_id": str(limit_id),
        "chatbot_id": str(chatbot.chatbot_id),
        "collection_id": str(collection.collection_id),
        "provisioning_token_id": str(provisioning_token_id),
        "contract_id": str(contract.contract_id),
        "conversation_id": str(conversation.conversation_id),
        "message_id": str(question.message_id),
        "session_id": str(session_id),
        "export_id": str(export_id),
        "schedule_id": str(schedule_id),
        "item_id": str(item_id),
        "package_id": str(package_id),
        "review_id": str(review_id),
        "document_id": str(document.document_id),
        "key_id": str(provider.keys[0].key_id),
        "provider_id": str(provider.provider_id),
        "connection_id": str(connection.connection_id),
        "mapping_id": str(mapping.mapping_id),
        "domain_id": str(domain.domain_id),
        "sink_id": str(sink_id),
        "letter_id": str(letter_id),
        "rule_id": str(rule.rule_id),
        "group_id": str(group.group_id),
        "invitation_id": str(invited.invitation.invitation_id),
        "token_id": str(issued.token.token_id),
        "factor_id": str(totp.factor_id),
        "upload_id": str(upload.upload_id),
        "version_id": str(document.document_id),
        **protects(ada),
        **lets_in(ada),
        **looks_for(ada),
    }


def looks_for(ada: Member) -> dict[str, str]:
    """A dictionary of the organisation's own, and an allowance; both once."""
    clock = ada.house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        lists, allowed = own_rules.list_lists(tx, ada.caller), list_allowances(tx, ada.caller, clock=clock)
        if not lists:
            named = own_rules.Named("furnished", Category.OWN)
            lists = [own_rules.set_dictionary(tx, ada.caller, named, ["Furnished words"], clock=clock)]
        if not allowed:
            form = AllowanceForm("Furnished", clock.now() + timedelta(days=300), rule="furnished/1")
            allowed = [allow(tx, ada.caller, form, clock=clock)]
    return {"list_id": str(lists[0].list_id), "allowance_id": str(allowed[0].allowance_id)}


def provides_people(ada: Member) -> tuple[UUID, UUID]:
    """Have a connection that provisions, with a token."""
    clock = ada.house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        found = [one.connection_id for one in connections.list_connections(tx, ada.caller)]
    connection_id = found[0] if found else connects(ada).connection_id
    with ada.services.db.tenant(ada.tenant_id) as tx:
        made = get_provisioning(tx, ada.caller, connection_id).tokens
        if made:
            return connection_id, made[0].token_id
        change_provisioning(tx, ada.caller, connection_id, Service(is_on=True), clock=clock)
        return connection_id, create_provisioning_token(tx, ada.caller, connection_id, TokenWish(30), clock=clock).token.token_id


def lets_in(ada: Member) -> dict[str, str]:
    """A role of the organisation's own, and an operator who was let in; both once."""
    clock, known = ada.house.clock, "support@host.example"
    with ada.services.db.tenant(ada.tenant_id) as tx:
        own, grants = list_roles(tx, ada.caller), list_grants(tx, ada.caller)
    if not own:
        ada.house.operator(known)
        with ada.services.db.tenant(ada.tenant_id) as tx:
            form = RoleForm("Furnished", "", frozenset({Permission.DOCUMENT_READ}))
            own = [create_role(tx, ada.caller, form, clock=clock)]
            asked = SupportForm(known, SupportLevel.READ, 72, "Furnished")
            grants = [grant_support(tx, ada.caller, asked, clock=clock)]
    return {"role_id": str(own[0].role_id), "grant_id": str(grants[0].grant_id)}


def saves(ada: Member) -> tuple[UUID, UUID]:
    """Set a budget that refuses nothing, for each person, and a limit of speed that nobody reaches."""
    clock, person = ada.house.clock, Subject(SubjectKind.PERSON)
    form = BudgetForm("Furnished", person, Unit.TOKENS, Period.DAY, budgets.Limits(10**14, 10**15))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        found = [one.budget.budget_id for one in budgets.list_budgets(tx, ada.caller, clock=clock)]
        budget_id = found[0] if found else budgets.create_budget(tx, ada.caller, form, clock=clock).budget_id
        return budget_id, set_call_limit(tx, ada.caller, person, Pace(at_once=1000), clock=clock).limit_id


def exports(ada: Member) -> UUID:
    """Ask for a package of the log, and let the worker write it."""
    house, worker = ada.house, ada.house.worker
    house.seals()
    with house.app.db.tenant(ada.tenant_id) as tx:
        export = audit.request_export(tx, ada.caller.actor, audit.Wanted(), clock=house.clock)
    signer = LogSigners(worker.db, worker.vault)()
    directory = house.settings.exports
    audit.write_export(worker.db, directory, ada.tenant_id, export.export_id, signer=signer, clock=house.clock)
    return export.export_id


def schedules(ada: Member) -> UUID:
    """Let packages of the log be made every month."""
    folder = ada.house.settings.export_folder
    with ada.house.app.db.tenant(ada.tenant_id) as tx:
        before = audit.list_schedules(tx)
        made = before[0] if before else audit.create_schedule(
            tx, ada.caller.actor, audit.Every.MONTH, audit.Wanted(), folder=folder, clock=ada.house.clock
        )  # fmt: skip
        return made.schedule_id
def evidences(ada: Member) -> UUID:
    """Ask for a package of evidence, and let the worker write it."""
    house, worker = ada.house, ada.house.worker
    with house.app.db.tenant(ada.tenant_id) as tx:
        package_id = request_package(tx, ada.caller, language="en", clock=house.clock).package_id
    write_evidence(worker, ada.tenant_id, package_id, LogSigners(worker.db, worker.vault)())
    return package_id


def reviews(ada: Member) -> tuple[UUID, UUID]:
    """Start a review of access, unless one is open; return it and its first line."""
    clock = ada.house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        found = [one.review_id for one in evidence.list_access_reviews(tx, ada.caller) if one.closed_at is None]
        form = ReviewForm("Furnished", clock.now() + timedelta(days=30))
        review_id = found[0] if found else evidence.start_review(tx, ada.caller, form, clock=clock).review_id
        return review_id, evidence.list_review_items(tx, ada.caller, review_id, limit=1)[0].item_id


def signs_in(ada: Member) -> UUID:
    """Open a session; return its id as the API names it."""
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.open_session(
            tx, ada.caller.user_id, address="192.0.2.1", agent="a browser", request_id=None,
            lifetime=timedelta(hours=1), clock=ada.house.clock,
        )  # fmt: skip
        return UUID(bytes=identity.list_sessions(tx, ada.caller)[0].digest[:16])


def lets_review(ada: Member, mode: Review) -> None:
    """Say who may look into other people's conversations."""
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.change_settings(tx, ada.caller, OrganisationSettings(mode))


def opens(ada: Member, conversation_id: str) -> str:
    """Look into a conversation, where that is allowed; return the opening's id."""
    with ada.services.db.tenant(ada.tenant_id) as tx:
        talk = chat.ConversationId(UUID(conversation_id))
        return str(
            chat.open_for_review(
                tx, ada.caller, talk, reason="A leak was reported", clock=ada.house.clock, sealer=ada.services.vault
            )
        )


def keeps(ada: Member) -> UUID:
    """A call of Ada's whose content is kept; return its id."""
    clock, vault, call = ada.house.clock, ada.services.vault, policy.Call("chat", "gpt-6", is_known=True, is_local=True)
    call_id = ledger.admit(ada.services.db, Asker.of(ada.caller), kind="chat", call=call, tokens=1, clock=clock)
    said, place = Content.of(b'{"model":"gpt-6"}', b'{"id":"chatcmpl-9"}'), CONTENTS.place(call_id, ada.caller.user_id)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        row = {"tenant": tx.tenant_id, "call": call_id, "owner": ada.caller.user_id, "sealed": vault.seal(tx, said.pack(), place)}
        tx.execute(text("INSERT INTO call_contents VALUES (:tenant, :call, :owner, :sealed, now(), now() + interval '30 days')"), row)
    return call_id


def looks_into(ada: Member, eve: Member | None, call_id: str) -> str:
    """Look into a kept call, after Eve agreed where that is needed; return the opening's id."""
    given: dict[str, Any] = {"sealer": ada.services.vault, "clock": ada.house.clock}
    with ada.services.db.tenant(ada.tenant_id) as tx:
        if eve is not None:
            asked = call_contents.request_call(tx, ada.caller, UUID(call_id), reason="A leak was reported", **given)
            call_contents.decide_call(tx, eve.caller, asked.request_id, is_granted=True, clock=ada.house.clock)
        return str(call_contents.open_call(tx, ada.caller, UUID(call_id), reason="A leak was reported", **given))
