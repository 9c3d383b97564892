"""The headers of every answer."""

from http import HTTPStatus

from flask import Flask, Response, g, request

from appliance.kernel.safety import HEADERS
from appliance.web.sessions import services

_KEPT = {200, 304}


def install(app: Flask) -> None:
    """Set them."""
    app.after_request(_set)


def _set(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if services().settings.is_https:
        response.headers["Strict-Transport-Security"] = "max-age=63072000"
    if request.endpoint == "documents.draw" and response.status_code < HTTPStatus.BAD_REQUEST:
        # Kept by this browser, and asked for each time: who may not read the document any more is refused.
        response.headers["Cache-Control"] = "private, no-cache"
    elif request.endpoint != "static" or response.status_code not in _KEPT:
        # What one person saw must not be shown to the next one at the same desk.
        response.headers["Cache-Control"] = "no-store"
    return response
