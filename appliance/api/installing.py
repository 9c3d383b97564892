"""Puts /api/v1, its description, the doors to models and what watches the house into the application."""

from collections.abc import Callable

from flask import Blueprint, Flask, Response, g, jsonify, render_template

from appliance.api import PREFIX, anthropic, health, openai, scim
from appliance.api.framework import OPERATIONS, Operation
from appliance.api.hanging_up import Watch
from appliance.api.openapi import document
from appliance.api.rooms import ROOMS
from appliance.api.serving import serve
from appliance.identity import NotSignedIn

assert ROOMS  # noqa: S101 - importing a room declares its operations


def install(app: Flask) -> None:
    """Register every operation, the description, and the page that explains it."""
    app.extensions["hanging_up"] = Watch()
    app.register_blueprint(health.blueprint)
    app.register_blueprint(openai.blueprint)
    app.register_blueprint(anthropic.blueprint)
    app.register_blueprint(scim.blueprint)
    blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
    blueprint.add_url_rule("", "guide", guide)
    blueprint.add_url_rule("/openapi.json", "openapi", openapi)
    for one in OPERATIONS:
        blueprint.add_url_rule(one.rule, one.name, _view(one), methods=[one.method])
    app.register_blueprint(blueprint)


def guide() -> str:
    """Show how to use the API, with every operation; for whoever is signed in."""
    if g.get("caller") is None:
        raise NotSignedIn
    tags = sorted({one.tag for one in OPERATIONS})
    return render_template("api/page.html", tags=tags, operations=OPERATIONS, prefix=PREFIX)


def openapi() -> Response:
    """Return the OpenAPI document. It describes the product and says nothing of any organisation."""
    return jsonify(document())


def _view(one: Operation) -> Callable[..., Response]:
    def view(**ids: str) -> Response:
        return serve(one, ids)

    view.__module__ = __name__
    return view
