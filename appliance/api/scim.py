"""Flask's side of provisioning (SCIM 2.0, RFC 7644): bytes in, bytes out. What a request means is said in the room."""

import json
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from appliance.api.errors import TokenMissing, TooManyRequests
from appliance.api.rates import counted
from appliance.api.serving import services
from appliance.identity.scim.tokens import resolve_client
from appliance.identity.scim.values import MOST_BYTES, WAY, Answered, Asked, Client
from appliance.kernel.errors import Kind, Refusal, check_storable
from appliance.kernel.ids import parse_id

_MEDIA: Final = "application/scim+json"
_JSON: Final = frozenset({_MEDIA, "application/json", ""})
_NOBODYS: Final = UUID(int=0)
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
blueprint = Blueprint("scim", __name__, url_prefix=WAY)


@blueprint.route("/<connection_id>", methods=_METHODS, strict_slashes=False, provide_automatic_options=False)
@blueprint.route("/<connection_id>/<path:path>", methods=_METHODS, provide_automatic_options=False)
def serve(connection_id: str, path: str = "") -> Response:
    """Answer a request of a provider's program, whatever it is, in SCIM's form."""
    # The standard's models take seconds of processor to load: the web site does so at its start (wsgi.py), and nothing else.
    from appliance.identity.scim.protocol import answered_with, error_of

    headers: dict[str, str] = {}
    try:
        client = _client(connection_id)
        counted(services().tally, client.token_id, services().settings.api_requests_per_minute)
        found = _answered(client, path)
    except Refusal as refusal:
        g.refusal = refusal  # for who counts what did not open
        found = answered_with(error_of(refusal))
        if refusal.kind is Kind.UNAUTHENTICATED:
            headers["WWW-Authenticate"] = 'Bearer realm="cloister"'
        if isinstance(refusal, TooManyRequests):
            headers["Retry-After"] = str(refusal.facts["seconds"])
    return _response(found, headers)


def _client(connection_id: str) -> Client:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise TokenMissing
    house, found = services(), parse_id(connection_id)
    base = f"{house.settings.address.rstrip('/')}{WAY}/{connection_id}"
    return resolve_client(
        house.db, secret.strip(), found or _NOBODYS, base=base, address=request.remote_addr or "",
        request_id=g.request_id, clock=house.clock,
    )  # fmt: skip


def _answered(client: Client, path: str) -> Answered:
    from appliance.identity.scim.protocol import answer, fault

    house = services()
    try:
        body = _body()
        query = request.args.to_dict()
        check_storable([path, query, body])
    except RequestEntityTooLarge:
        return fault(413, f"A request has at most {MOST_BYTES} bytes.")
    except (ValueError, RecursionError):
        return fault(400, "The body is no JSON.", word="invalidSyntax")
    method = "GET" if request.method == "HEAD" else request.method
    asked = Asked(
        method, path, query, body, request.headers.get("If-Match", ""), request.headers.get("If-None-Match", "")
    )  # fmt: skip
    return answer(house.db, client, asked, clock=house.clock)


def _body() -> Any:
    request.max_content_length = MOST_BYTES
    given = request.get_data(cache=False)
    if not given:
        return None
    if request.mimetype not in _JSON:
        raise ValueError(request.mimetype)
    return json.loads(given)


def _response(found: Answered, headers: dict[str, str]) -> Response:
    body = b"" if found.body is None else json.dumps(found.body).encode()
    response = Response(body, status=found.status, headers=headers, content_type=_MEDIA)
    if found.tag is not None:
        response.headers["ETag"] = found.tag
    if found.location is not None:
        response.headers["Location" if found.status == 201 else "Content-Location"] = found.location  # noqa: PLR2004 - created
    return response
