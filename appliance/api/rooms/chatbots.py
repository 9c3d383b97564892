from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import chat
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Name, Output, Page, Text, cut
from appliance.chat import Audience, Chatbot, ChatbotForm, ChatbotId
from appliance.chat.errors import ChatbotMalformed, ChatbotModelUnknown, CollectionUnknown
from appliance.identity import GroupId, Permission
from appliance.identity.errors import GroupNotFound

Question = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class ChatbotIn(Input):
    """A draft. No collections means all that the asker may read; `is_grounded`: answer only from documents."""

    name: Name
    welcome: Text = ""
    instructions: Text = ""
    model: Name = "extractive"
    temperature: float = Field(0.0, ge=0, le=2)
    is_grounded: bool = True
    questions: list[Question] = Field(default_factory=list, max_length=20)
    collection_ids: list[UUID] = Field(default_factory=list, max_length=100)
    audience: Audience = Audience.GROUPS
    group_ids: list[UUID] = Field(default_factory=list, max_length=100)


class ModelsOut(Output):
    """The models that may answer for chatbots. `open_providers`: any model of theirs may be named, as provider/model."""

    names: list[str]
    open_providers: list[str]


class DestinationOut(Output):
    """Where questions and passages go; the first that can be asked is. `terms` are what contracts in force grant."""

    model: str
    provider: str
    host: str
    region: str | None
    terms: list[str]
    contracts: list[str] = Field(description="References of the contracts in force.")
    is_shared: bool = Field(description="Asked with the platform's key.")


class DestinationsOut(Output):
    """`stays_here`: nothing goes anywhere. Nowhere, and not here: the model cannot be asked now."""

    stays_here: bool
    items: list[DestinationOut]


class CopyIn(Input):
    name: Name


class ChatbotOut(Output):
    """A chatbot as people talk to it. `writes`: its model is not of this host, and is sent questions and passages."""

    chatbot_id: UUID
    name: str
    welcome: str
    questions: list[str]
    model: str
    writes: bool


class DraftOut(Output):
    """A chatbot's draft; `has_changes`: it is not what people talk to."""

    chatbot_id: UUID
    name: str
    welcome: str
    instructions: str
    model: str
    temperature: float
    is_grounded: bool
    questions: list[str]
    collection_ids: list[UUID]
    audience: Audience
    group_ids: list[UUID]
    published_version: int | None
    archived_at: datetime | None
    has_changes: bool


@operation("GET", "/chatbots", permission=Permission.CHAT, query=Page, answer=Listed[ChatbotOut])
def list_chatbots(call: Call) -> Listed[ChatbotOut]:
    """Return the chatbots that you can talk to."""
    with call.tenant() as tx:
        found = chat.list_chatbots(tx, call.caller)
    rows, cursor = cut(found, call.query, key=lambda one: one.chatbot_id)
    return Listed[ChatbotOut](items=[_chatbot(call, one) for one in rows], next_cursor=cursor)


@operation("GET", "/chatbots/{chatbot_id}", permission=Permission.CHAT, answer=ChatbotOut)
def get_chatbot(call: Call) -> ChatbotOut:
    """Return a chatbot that you can talk to."""
    with call.tenant() as tx:
        return _chatbot(call, chat.get_chatbot(tx, call.caller, _id(call)))


@operation("GET", "/chatbots/drafts", permission=Permission.CHATBOT_EDIT, query=Page, answer=Listed[DraftOut])
def list_drafts(call: Call) -> Listed[DraftOut]:
    """Return every chatbot's draft, also of those that are archived or were never published."""
    with call.tenant() as tx:
        found = chat.list_drafts(tx, call.caller)
    rows, cursor = cut(found, call.query, key=lambda one: one.chatbot_id)
    return Listed[DraftOut](items=[DraftOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "POST", "/chatbots/drafts", permission=Permission.CHATBOT_EDIT, body=ChatbotIn, answer=DraftOut, status=201,
    refusals=(ChatbotMalformed, ChatbotModelUnknown, CollectionUnknown, GroupNotFound),
)  # fmt: skip
def create_chatbot(call: Call) -> DraftOut:
    """Create a draft, which nobody can talk to before it is published."""
    house = call.services
    with call.tenant() as tx:
        made = chat.create_chatbot(tx, call.caller, _form(call), models=house.chat.models(tx, call.caller), clock=house.clock)
        return DraftOut.model_validate(made)


@operation("GET", "/chatbots/models", permission=Permission.CHATBOT_EDIT, answer=ModelsOut)
def list_chatbot_models(call: Call) -> ModelsOut:
    """Return the models that may answer for chatbots: of this host, aliases, and what is allowed of providers."""
    with call.tenant() as tx:
        found = call.services.chat.models(tx, call.caller)
    return ModelsOut(names=list(found.names), open_providers=list(found.open_providers))


@operation(
    "GET", "/chatbots/drafts/{chatbot_id}/destinations", permission=Permission.CHATBOT_EDIT, answer=DestinationsOut
)
def list_chatbot_destinations(call: Call) -> DestinationsOut:
    """Return who is sent the questions and passages of a draft, and under which contracts."""
    with call.tenant() as tx:
        draft = chat.get_draft(tx, call.caller, _id(call))
        found = call.services.chat.destinations(tx, call.caller, draft)
    items = [
        DestinationOut(
            model=one.model, provider=one.provider, host=one.host, region=one.region, terms=sorted(one.terms),
            contracts=[contract.reference for contract in one.contracts], is_shared=one.is_shared,
        )
        for one in found or ()
    ]  # fmt: skip
    return DestinationsOut(stays_here=not call.services.chat.writes(draft), items=items)


@operation("GET", "/chatbots/drafts/{chatbot_id}", permission=Permission.CHATBOT_EDIT, answer=DraftOut)
def get_draft(call: Call) -> DraftOut:
    """Return a chatbot's draft."""
    with call.tenant() as tx:
        return DraftOut.model_validate(chat.get_draft(tx, call.caller, _id(call)))


@operation(
    "PUT", "/chatbots/drafts/{chatbot_id}", permission=Permission.CHATBOT_EDIT, body=ChatbotIn, answer=DraftOut,
    refusals=(ChatbotMalformed, ChatbotModelUnknown, CollectionUnknown, GroupNotFound),
)  # fmt: skip
def change_chatbot(call: Call) -> DraftOut:
    """Change a draft. Who may use the chatbot changes at once; everything else when it is published."""
    house = call.services
    with call.tenant() as tx:
        models = house.chat.models(tx, call.caller)
        changed = chat.update_chatbot(tx, call.caller, _id(call), _form(call), models=models, clock=house.clock)
        return DraftOut.model_validate(changed)


@operation(
    "POST", "/chatbots/drafts/{chatbot_id}/publication", permission=Permission.CHATBOT_EDIT, answer=DraftOut
)  # fmt: skip
def publish_chatbot(call: Call) -> DraftOut:
    """Make the draft what people talk to."""
    with call.tenant() as tx:
        return DraftOut.model_validate(chat.publish_chatbot(tx, call.caller, _id(call), clock=call.services.clock))


@operation(
    "POST", "/chatbots/drafts/{chatbot_id}/copy", permission=Permission.CHATBOT_EDIT, body=CopyIn, answer=DraftOut,
    status=201,
)  # fmt: skip
def duplicate_chatbot(call: Call) -> DraftOut:
    """Copy a draft under another name. The copy is not published."""
    with call.tenant() as tx:
        made = chat.duplicate_chatbot(
            tx, call.caller, _id(call), name=call.body.name, clock=call.services.clock
        )  # fmt: skip
        return DraftOut.model_validate(made)


@operation("PUT", "/chatbots/drafts/{chatbot_id}/archival", permission=Permission.CHATBOT_EDIT)
def archive_chatbot(call: Call) -> None:
    """Let nobody talk to a chatbot any more. Its conversations can still be read."""
    with call.tenant() as tx:
        chat.archive_chatbot(tx, call.caller, _id(call), clock=call.services.clock)


@operation("DELETE", "/chatbots/drafts/{chatbot_id}/archival", permission=Permission.CHATBOT_EDIT)
def unarchive_chatbot(call: Call) -> None:
    """Take a chatbot back from the archive, as it was."""
    with call.tenant() as tx:
        chat.unarchive_chatbot(tx, call.caller, _id(call), clock=call.services.clock)


def _chatbot(call: Call, one: Chatbot) -> ChatbotOut:
    return ChatbotOut(
        chatbot_id=one.chatbot_id, name=one.name, welcome=one.welcome, questions=list(one.questions), model=one.model,
        writes=call.services.chat.writes(one),
    )  # fmt: skip


def _id(call: Call) -> ChatbotId:
    return ChatbotId(call.ids["chatbot_id"])


def _form(call: Call) -> ChatbotForm:
    body = call.body
    return ChatbotForm(
        body.name, body.welcome, body.instructions, body.model, body.temperature, body.is_grounded,
        tuple(body.questions), tuple(body.collection_ids), body.audience, tuple(GroupId(one) for one in body.group_ids),
    )  # fmt: skip
