"""What was said before in a chat that keeps nothing: it comes with the form, and goes with the page."""

from uuid import UUID

from flask import request

from appliance.chat import Message, Turn
from appliance.web.sessions import services


def said_before() -> list[Turn]:
    """Return what was said before, as the form brings it."""
    return [
        Turn("user" if name == "user" else "assistant", text)
        for name, text in request.form.items(multi=True)
        if name in {"user", "assistant"}
    ]


def as_messages(said: list[Turn]) -> list[Message]:
    """Return it as the page shows it, for a browser without script."""
    now = services().clock.now()
    return [Message(UUID(int=place), turn.role, turn.text, None, now) for place, turn in enumerate(said)]
