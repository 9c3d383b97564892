"""One of everything that has an address, for tests that go through all addresses."""

from datetime import timedelta
from uuid import UUID

from appliance import audit, budgets, chat, identity, knowledge, policy
from appliance.budgets import BudgetForm, Period, Subject, SubjectKind, Unit
from appliance.budgets.limits import Pace, set_call_limit
from appliance.identity import Role, Scope
from appliance.identity.factors import begin_totp
from appliance.identity.invitations import InvitationForm
from appliance.identity.tokens import TokenForm
from appliance.knowledge import Audience, CollectionForm
from appliance.tenancy import OrganisationSettings, Review
from appliance.vault import LogSigners
from tests.support.house import Member
from tests.support.providing import has


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
    session_id, export_id = signs_in(ada), exports(ada)
    question, steps = ada.services.chat.ask(ada.caller, conversation.conversation_id, "Is the canteen open?")
    list(steps)
    return {
        "batch_id": str(batch_id),
        "budget_id": str(budget_id),
        "limit_id": str(limit_id),
        "chatbot_id": str(chatbot.chatbot_id),
        "collection_id": str(collection.collection_id),
        "contract_id": str(contract.contract_id),
        "conversation_id": str(conversation.conversation_id),
        "message_id": str(question.message_id),
        "session_id": str(session_id),
        "export_id": str(export_id),
        "document_id": str(document.document_id),
        "key_id": str(provider.keys[0].key_id),
        "provider_id": str(provider.provider_id),
        "rule_id": str(rule.rule_id),
        "group_id": str(group.group_id),
        "invitation_id": str(invited.invitation.invitation_id),
        "token_id": str(issued.token.token_id),
        "factor_id": str(totp.factor_id),
        "upload_id": str(upload.upload_id),
        "version_id": str(document.document_id),
    }


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
