"""From a request to an operation's answer. Bearer tokens only: a browser's cookie opens nothing here.

Rates are counted over all processes that serve (decision 0035). Headers: RFC 9110 (ETag,
If-Match, If-None-Match, Retry-After), draft-ietf-httpapi-ratelimit-headers-10, draft-ietf-httpapi-idempotency-key-07.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast, get_args
from uuid import UUID

from flask import Response, current_app, g, request, stream_with_context
from pydantic import BaseModel, ValidationError

from appliance import identity
from appliance.api.errors import BodyInvalid, JsonMalformed, NotJson, Outdated, TokenMissing, TooManyRequests
from appliance.api.framework import OPERATIONS, Call, FileAnswer, Operation
from appliance.api.rates import told
from appliance.assembly import Services
from appliance.identity import Caller
from appliance.identity.errors import TokensGuessed
from appliance.identity.permissions import require_granted
from appliance.identity.repeats import Answer, Repeats
from appliance.kernel.bodies import may_come_slowly
from appliance.kernel.errors import Kind, Refusal, check_storable
from appliance.kernel.ids import parse_id
from appliance.kernel.pieces import Pieces
from appliance.kernel.problems import problem
from appliance.kernel.sealing import fingerprint

_JSON = "application/json"
_KEY_LIMIT = 255
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")


class NoSuchId(Refusal):
    """There is nothing with this id. Ids are UUIDs, as lists return them."""

    kind = Kind.NOT_FOUND
    code = "no_such_id"


def serve(operation: Operation, raw: Mapping[str, str]) -> Response:
    """Answer a request; what goes wrong is a problem document with the operation's headers."""
    headers: dict[str, str] = {}
    try:
        caller = _caller()
        headers |= rate_headers(caller)
        if operation.permission is not None:  # before a byte of the body is looked at; the verb asks again
            require_granted(caller, operation.permission)
        call = _call(operation, caller, raw)
        if may_come_slowly(request.content_length, is_chunked="Transfer-Encoding" in request.headers):
            call = replace(call, caller=_caller())  # who may have been removed meanwhile
        response = _answer(operation, call)
    except Refusal as refusal:
        response = refused(refusal)
    response.headers.update(headers)
    return response


def refused(refusal: Refusal) -> Response:
    """Return a refusal as application/problem+json."""
    g.refusal = refusal  # for who counts what did not open
    members: dict[str, Any] = dict(problem(refusal, request_id=g.request_id))
    if isinstance(refusal, BodyInvalid):
        members["errors"] = list(refusal.errors)
    response = Response(json.dumps(members), status=int(members["status"]), content_type="application/problem+json")
    if refusal.kind is Kind.UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="cloister"'
    if isinstance(refusal, TooManyRequests | TokensGuessed):
        response.headers["Retry-After"] = str(refusal.facts["seconds"])
    return response


def services() -> Services:
    """Return the house's services."""
    return cast("Services", current_app.extensions["services"])


def _caller() -> Caller:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise TokenMissing
    house = services()
    found = identity.resolve_token(
        house.db, house.guesses, house.tally, secret.strip(),
        address=request.remote_addr or "", request_id=g.request_id, clock=house.clock,
    )  # fmt: skip
    g.caller = found
    return found


def rate_headers(caller: Caller) -> dict[str, str]:
    """Count a request of this token, and return the headers that say how many are left. Raises TooManyRequests."""
    house = services()
    return told(house.tally, caller, house.settings.api_requests_per_minute)


def _call(operation: Operation, caller: Caller, raw: Mapping[str, str]) -> Call:
    ids: dict[str, UUID] = {}
    for name, value in raw.items():
        found = parse_id(value)
        if found is None:
            raise NoSuchId
        ids[name] = found
    query = _asked(operation.query) if operation.query else None
    body, files = None, []
    if operation.takes_files:
        if request.mimetype != "multipart/form-data":
            raise NotJson(expected="multipart/form-data")
        files = [(file.filename or "", file.read()) for file in request.files.getlist("files")]
        check_storable([name for name, _ in files])
        body = _checked(operation.body, request.form.to_dict()) if operation.body else None
    elif operation.body:
        body = _checked(operation.body, _json())
    return Call(services(), caller, ids, query, body, files)


def _asked(model: type[BaseModel]) -> BaseModel:
    """Read the query as it is described: each name once, and an integer in its digits alone.

    pydantic takes an integer from text that is none by JSON's rules: `1_0`, ` 7`, `7.0`.
    """
    given = request.args
    faults = [_fault(name, "Given more than once.") for name in given if len(given.getlist(name)) > 1]
    faults += [
        _fault(name, "Not an integer.") for name, field in model.model_fields.items()
        if int in {field.annotation, *get_args(field.annotation)} and not _INTEGER.fullmatch(given.get(name, "0"))
    ]  # fmt: skip
    if faults:
        raise BodyInvalid(faults)
    return _checked(model, given.to_dict())


def _fault(name: str, detail: str) -> dict[str, str]:
    return {"pointer": f"/{name}", "detail": detail}


def _json() -> Any:
    if request.mimetype != _JSON:
        raise NotJson(expected=_JSON)
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise JsonMalformed from error


def _checked(model: type[BaseModel], given: Any) -> BaseModel:
    check_storable(given)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults = [
            {"pointer": "".join(f"/{part}" for part in fault["loc"]), "detail": fault["msg"]}
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise BodyInvalid(faults) from error


def _answer(operation: Operation, call: Call) -> Response:
    name = request.headers.get("Idempotency-Key", "")
    if len(name) > _KEY_LIMIT:
        raise BodyInvalid([{"pointer": "Idempotency-Key", "detail": f"At most {_KEY_LIMIT} characters."}])
    if not operation.takes_key or not name or getattr(call.body, "stream", False):
        return _done(operation, call)
    house = services()
    repeats = Repeats(house.db, call.caller, house.vault, house.clock)
    # Whoever may read or do less, or more, than then asks another question: an old answer is not repeated to them.
    person = call.caller
    standing = f"{person.role} {sorted(map(str, person.groups))} {sorted(person.scopes or ())} {sorted(person.granted)}"
    asked = f"{operation.method} {request.full_path}\n{standing}\n".encode() + _material(call)
    # What is asked may hold a provider's key: what is kept of it leads nowhere without a secret of this host.
    before = repeats.begin(name, fingerprint(house.web_key, asked).encode())
    if before is not None:
        response = Response(_as_now(operation, call, before.body), status=before.status, content_type=_JSON)
        response.headers["Idempotency-Replayed"] = "true"
        return response
    try:
        house.vault.prepare(
            call.caller.tenant_id
        )  # an answer that cannot be kept is not made: repeated, it would be done twice
        response = _done(operation, call)
    except Refusal:
        repeats.abandon(name)
        raise
    repeats.finish(name, Answer(response.status_code, response.get_data()))
    return response


def _as_now(operation: Operation, call: Call, kept: bytes) -> bytes:
    """Return a kept answer as far as the caller may read it now."""
    if operation.again is None or operation.answer is None:
        return kept
    return _bytes(operation.again(call, operation.answer.model_validate_json(kept)))


def _material(call: Call) -> bytes:
    if call.files:
        chosen = _bytes(call.body) if call.body else b""
        return chosen + b"".join(hashlib.sha256(content).digest() + name.encode() for name, content in call.files)
    return request.get_data()


def _done(operation: Operation, call: Call) -> Response:
    _require_match(operation, call)
    found = operation.view(call)
    if isinstance(found, FileAnswer):
        return sent(found, media=operation.media)
    if operation.streams and not isinstance(found, BaseModel):
        events = cast("Iterator[str]", found)
        headers = {"X-Accel-Buffering": "no"}
        return Response(stream_with_context(events), content_type=operation.media, headers=headers)
    if found is None:
        return Response(status=204)
    response = Response(_bytes(found), status=operation.status, content_type=_JSON)
    if operation.method == "GET":
        response.set_etag(_tag(found))
        response.make_conditional(request)
    return response


def sent(file: FileAnswer, *, media: str) -> Response:
    """Return a file, or the part of it that the reader asks for."""
    size = file.path.stat().st_size
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Content-Length": str(size)}
    response = Response(Pieces(file.path), content_type=media, headers=headers)
    response.set_etag(file.tag)
    response.make_conditional(request, accept_ranges=True, complete_length=size)
    return response


def _require_match(operation: Operation, call: Call) -> None:
    """Check If-Match against what a GET at the same address returns now (RFC 9110 13.1.1)."""
    if operation.method == "GET" or not request.if_match:
        return
    reader = next((one for one in OPERATIONS if one.method == "GET" and one.path == operation.path), None)
    if reader is None or reader.query is not None:
        raise Outdated  # a list has a tag for each way of asking for it
    if not request.if_match.contains(_tag(reader.view(call))):
        raise Outdated


def _bytes(found: BaseModel) -> bytes:
    return found.model_dump_json().encode()


def _tag(found: BaseModel) -> str:
    return hashlib.sha256(_bytes(found)).hexdigest()[:32]
