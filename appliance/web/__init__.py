"""The door for people: a private intranet site, rendered on the server."""

from flask import Flask

from appliance.web import (
    audit,
    chatbots,
    conversations,
    documents,
    headers,
    overview,
    people,
    render,
    sessions,
    signin,
    system,
)


def install(app: Flask) -> None:
    """Register the pages, the guard in front of them, and the headers on every answer."""
    sessions.install(app)
    headers.install(app)
    render.install(app)
    for room in (audit, chatbots, conversations, documents, overview, people, signin, system):
        app.register_blueprint(room.blueprint)
