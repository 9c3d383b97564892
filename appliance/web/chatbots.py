from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance import chat, identity
from appliance.chat import ChatbotId
from appliance.chat.errors import ChatbotMalformed
from appliance.chat.service import ChatbotForm
from appliance.identity import Permission
from appliance.kernel.errors import Refusal
from appliance.web.render import page
from appliance.web.sessions import caller, services

blueprint = Blueprint("chatbots", __name__, url_prefix="/chatbots")
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List the chatbots."""
    return _list(form={}, shown=None)


@blueprint.post("")
def add() -> Answer:
    """Create a chatbot."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            chat.create_chatbot(tx, person, _form(), models=house.gateway.models, clock=house.clock)
    except Refusal as refusal:
        return _list(form=request.form, shown=refusal)
    return redirect(url_for("chatbots.show"), 303)


@blueprint.get("/<uuid:chatbot_id>")
def edit(chatbot_id: UUID) -> Answer:
    """Show a chatbot's form."""
    person, house = caller(), services()
    identity.require(person, Permission.CHATBOT_EDIT)
    with house.db.tenant(person.tenant_id) as tx:
        chatbot = chat.get_chatbot(tx, person, ChatbotId(chatbot_id))
    return page("chatbots/edit.html", chatbot=chatbot, form=chatbot, models=house.gateway.models)


@blueprint.post("/<uuid:chatbot_id>")
def change(chatbot_id: UUID) -> Answer:
    """Change a chatbot."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            chat.update_chatbot(tx, person, ChatbotId(chatbot_id), _form(), models=house.gateway.models)
    except ChatbotMalformed as refusal:
        with house.db.tenant(person.tenant_id) as tx:
            chatbot = chat.get_chatbot(tx, person, ChatbotId(chatbot_id))
        return page(
            "chatbots/edit.html", refusal=refusal, chatbot=chatbot, form=request.form, models=house.gateway.models
        )
    return redirect(url_for("chatbots.show"), 303)


def _list(*, form: object, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    identity.require(person, Permission.CHATBOT_EDIT)
    with house.db.tenant(person.tenant_id) as tx:
        chatbots = chat.list_chatbots(tx, person)
    return page("chatbots/page.html", refusal=shown, chatbots=chatbots, form=form, models=house.gateway.models)


def _form() -> ChatbotForm:
    form = request.form
    return ChatbotForm(
        form.get("name", ""), form.get("welcome", ""), form.get("instructions", ""), form.get("model", "extractive")
    )
