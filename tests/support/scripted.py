"""A chat model that says what a test wants, and remembers what it was asked."""

from collections.abc import Iterator

from appliance.gateway import ChatRequest, Delta, Finish, Item
from tests.support.house import House


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
