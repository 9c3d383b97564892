"""A chat model that says what a test wants, and remembers what it was asked."""

import random
from collections.abc import Callable, Iterator

from appliance import chat
from appliance.chat import ChatbotForm, ChatbotId
from appliance.gateway import ChatRequest, Cited, Delta, Finish, Item, allow_model
from tests.support.house import House, Member


class Scripted:
    """Says its text word by word."""

    name = "scripted"
    is_local = True
    only_quotes = False

    def __init__(self, text: str = "As written.") -> None:
        self.text = text
        self.requests: list[ChatRequest] = []

    def stream(self, request: ChatRequest) -> Iterator[Item]:
        """Say the text as it is now."""
        self.requests.append(request)
        for piece in self.text.splitlines(keepends=True):
            yield Delta(piece)
        yield Finish("answered", 1, 1)


def install(house: House) -> Scripted:
    """Put a scripted model into the catalogue."""
    model = Scripted()
    house.app.gateway._models = {**house.app.gateway._models, model.name: model}
    return model


class Upstream:
    """A model of another host: it writes what it is told to about a request, in pieces of any size, and remembers all it was sent."""

    name = "elsewhere"
    is_local = False
    only_quotes = False

    def __init__(self, write: Callable[[ChatRequest], str], chance: random.Random) -> None:
        self.write, self.chance = write, chance
        self.requests: list[ChatRequest] = []

    @property
    def told(self) -> str:
        """All that left this host."""
        return "\n".join(map(repr, self.requests))

    def stream(self, request: ChatRequest) -> Iterator[Item]:
        """Say it, cut anywhere, and cite the first passage as a whole."""
        self.requests.append(request)
        text, at = self.write(request), 0
        while at < len(text):
            size = self.chance.choice((1, 2, 3, 7, 20, 90))
            yield Delta(text[at : at + size])
            at += size
        if request.passages:
            yield Cited(1, 0, len(request.passages[0].text))
        yield Finish("answered", 1, 1)


def install_upstream(house: House, owner: Member, write: Callable[[ChatRequest], str], *, seed: int = 1) -> tuple[Upstream, ChatbotId]:
    """Put a model of another host into the catalogue, and a chatbot before it."""
    model = Upstream(write, random.Random(seed))
    house.app.gateway._models = {**house.app.gateway._models, model.name: model}
    with house.app.db.tenant(owner.tenant_id) as tx:
        form = ChatbotForm("Elsewhere", "Ask.", "", model.name)
        made = chat.create_chatbot(tx, owner.caller, form, models=house.app.gateway.models, clock=house.clock)
        allow_model(tx, owner.caller, f"local/{model.name}")
        chat.publish_chatbot(tx, owner.caller, made.chatbot_id, clock=house.clock)
    return model, made.chatbot_id
