"""The door for people: a private intranet site, rendered on the server."""

from pathlib import Path

from flask import Flask

from appliance.web import (
    account,
    assets,
    audit,
    batches,
    chatbots,
    collections,
    confirmation,
    conversations,
    documents,
    groups,
    headers,
    jobs,
    joining,
    keys,
    language,
    models,
    overview,
    people,
    platform,
    playground,
    proof,
    providers,
    render,
    reviews,
    search,
    sessions,
    signin,
    system,
    tokens,
    uploads,
)

ROOMS = (
    account, audit, batches, chatbots, collections, confirmation, conversations, documents, groups, jobs, joining,
    keys, models, overview, people, platform, playground, proof, providers, reviews, search, signin, system, tokens, uploads,
)  # fmt: skip


def install(app: Flask) -> None:
    """Register the pages, the guard in front of them, and the headers on every answer."""
    sessions.install(app)
    headers.install(app)
    language.install(app)
    render.install(app)
    assets.install(app, Path(__file__).parent / "static")
    for room in ROOMS:
        app.register_blueprint(room.blueprint)
