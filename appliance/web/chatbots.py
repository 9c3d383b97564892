from types import SimpleNamespace
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import chat, identity, knowledge, tenancy
from appliance.chat import Audience, ChatbotForm, ChatbotId, Message
from appliance.chat.errors import ChatbotMalformed
from appliance.identity import Permission
from appliance.kernel.errors import Invalid, Refusal
from appliance.web import forms, streams, unkept
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.tables import table_of

blueprint = Blueprint("chatbots", __name__, url_prefix="/chatbots")
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List the chatbots."""
    return _list(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Create a chatbot's draft."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            made = chat.create_chatbot(tx, person, _form(), models=house.chat.models(tx, person), clock=house.clock)
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("chatbots.edit", "saved", chatbot_id=made.chatbot_id)


@blueprint.get("/<uuid:chatbot_id>")
def edit(chatbot_id: UUID) -> Answer:
    """Show a draft's form with the bench beside it."""
    return _show(ChatbotId(chatbot_id))


@blueprint.post("/<uuid:chatbot_id>")
def change(chatbot_id: UUID) -> Answer:
    """Change a draft."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            chat.get_draft(tx, person, ChatbotId(chatbot_id))
            chat.update_chatbot(
                tx, person, ChatbotId(chatbot_id), _form(), models=house.chat.models(tx, person), clock=house.clock
            )
    except Invalid as refusal:
        return _show(ChatbotId(chatbot_id), shown=refusal)
    return done("chatbots.edit", "saved", chatbot_id=chatbot_id)


@blueprint.post("/<uuid:chatbot_id>/publication")
def create_publication(chatbot_id: UUID) -> Answer:
    """Publish the draft."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        chat.publish_chatbot(tx, person, ChatbotId(chatbot_id), clock=house.clock)
    return done("chatbots.edit", "published", chatbot_id=chatbot_id)


@blueprint.post("/<uuid:chatbot_id>/copy")
def create_copy(chatbot_id: UUID) -> Answer:
    """Duplicate a draft."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            made = chat.duplicate_chatbot(
                tx, person, ChatbotId(chatbot_id), name=forms.field("name"), clock=house.clock
            )
    except Invalid as refusal:
        return _show(ChatbotId(chatbot_id), shown=refusal)
    return done("chatbots.edit", "saved", chatbot_id=made.chatbot_id)


@blueprint.post("/<uuid:chatbot_id>/archival")
def create_archival(chatbot_id: UUID) -> Answer:
    """Archive a chatbot."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        chat.archive_chatbot(tx, person, ChatbotId(chatbot_id), clock=house.clock)
    return done("chatbots.edit", "archived", chatbot_id=chatbot_id)


@blueprint.post("/<uuid:chatbot_id>/archival/end")
def end_archival(chatbot_id: UUID) -> Answer:
    """Take a chatbot back."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        chat.unarchive_chatbot(tx, person, ChatbotId(chatbot_id), clock=house.clock)
    return done("chatbots.edit", "unarchived", chatbot_id=chatbot_id)


@blueprint.post("/<uuid:chatbot_id>/bench")
def try_out(chatbot_id: UUID) -> Answer:
    """Ask the draft; nothing is kept. What was said before comes with the form."""
    person, asked = caller(), forms.field("question")
    said = unkept.said_before()
    before = unkept.as_messages(said)
    try:
        question, answer = services().chat.ask_unkept(
            person, ChatbotId(chatbot_id), asked, said, is_draft=True, by_quotes="quotes_only" in request.form
        )
        if streams.wants_stream():
            return streams.stream(question, answer, writes=_writes(ChatbotId(chatbot_id)))
        reply = streams.finished(answer)
    except Refusal as refusal:
        if streams.wants_stream():
            raise
        return _show(ChatbotId(chatbot_id), shown=refusal, messages=before)
    return _show(ChatbotId(chatbot_id), messages=[*before, question, *([reply] if reply else [])])


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    identity.require(person, Permission.CHATBOT_EDIT)
    with house.db.tenant(person.tenant_id) as tx:
        chatbots = chat.list_drafts(tx, person)
        groups, collections = identity.list_group_names(tx, person), knowledge.list_collections(tx, person)
        models = house.chat.models(tx, person)
    form = _typed() if shown else SimpleNamespace(is_grounded=True, temperature=0, audience="everyone")
    keys = {
        "name": lambda one: one.name.casefold(),
        "state": lambda one: (one.archived_at is not None, bool(one.published_version), one.name.casefold()),
        "model": lambda one: one.model,
    }
    table = table_of(chatbots, keys=keys, text=lambda one: f"{one.name} {one.model}", default="name")
    return page("chatbots/page.html", refusal=shown, table=table, form=form, models=models,
                groups=groups, collections=collections)  # fmt: skip


def _show(chatbot_id: ChatbotId, *, shown: Refusal | None = None, messages: list[Message] | None = None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        chatbot = chat.get_draft(tx, person, chatbot_id)
        groups, collections = identity.list_group_names(tx, person), knowledge.list_collections(tx, person)
        hosts, models = tenancy.get_settings(tx).link_hosts, house.chat.models(tx, person)
        destinations = house.chat.destinations(tx, person, chatbot)
    form = _typed() if shown and request.endpoint == "chatbots.change" else chatbot  # the page has other forms as well
    return page("chatbots/edit.html", refusal=shown, chatbot=chatbot, form=form, models=models, destinations=destinations,
                writes=house.chat.writes(chatbot), groups=groups, collections=collections, messages=messages or [], link_hosts=hosts,
                typed=forms.field("question") if shown else "")  # fmt: skip


def _writes(chatbot_id: ChatbotId) -> bool:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        return house.chat.writes(chat.get_draft(tx, person, chatbot_id))


def _form() -> ChatbotForm:
    form = request.form
    try:
        temperature = float(form.get("temperature", "").replace(",", ".") or 0)
        audience = Audience(form.get("audience", Audience.EVERYONE))
    except ValueError as error:
        raise ChatbotMalformed from error
    return ChatbotForm(
        name=forms.field("name"),
        welcome=forms.field("welcome"),
        instructions=forms.field("instructions"),
        model=form.get("model", "extractive"),
        temperature=temperature,
        # A form without the box, from before there was one, means what it meant then.
        is_grounded="is_grounded" in form or "has_box" not in form,
        questions=tuple(forms.field("questions").splitlines()),
        collection_ids=forms.ids("collections"),
        audience=audience,
        group_ids=forms.groups(),
    )


def _typed() -> SimpleNamespace:
    """Return what was typed, for the form to show again."""
    form = request.form
    return SimpleNamespace(
        name=forms.field("name"), welcome=forms.field("welcome"), instructions=forms.field("instructions"),
        model=forms.field("model"), temperature=forms.field("temperature"), is_grounded="is_grounded" in form,
        questions=forms.field("questions").splitlines(), audience=forms.field("audience") or "everyone",
        typed_collections=form.getlist("collections"), typed_groups=form.getlist("groups"),
    )  # fmt: skip
