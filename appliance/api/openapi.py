"""The OpenAPI 3.1 document, from the operations and their models. Nothing in it is written twice."""

from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

import appliance
from appliance.api.framework import OPERATIONS, Operation
from appliance.api.schemas import Problem
from appliance.kernel.problems import STATUS, TITLE
from appliance.kernel.sealing import IntegrityError, KeyDestroyed

_REF = "#/components/schemas/{model}"
_ALWAYS = {401: "No token, or one that is not good.", 403: "The role or the token's scopes do not allow it.",
           429: "Too many requests.", 503: "The database, the disk, or a key is not available."}  # fmt: skip


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    models = {model for one in OPERATIONS for model in (one.body, one.query) if model}
    answers = {one.answer for one in OPERATIONS if one.answer} | {Problem}
    names, schemas = models_json_schema(
        [*((model, "validation") for model in sorted(models, key=lambda m: m.__name__)),
         *((model, "serialization") for model in sorted(answers, key=lambda m: m.__name__))],
        ref_template=_REF,
    )  # fmt: skip
    paths: dict[str, Any] = {}
    for one in OPERATIONS:
        paths.setdefault(f"/api/v1{one.path}", {})[one.method.lower()] = _operation(one, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cloister", "version": appliance.__version__,
            "description": "Everything that the pages do. Moments are RFC 3339 in UTC, ids are UUIDs, errors are RFC 9457.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "A token from API tokens."}},
        },
    }  # fmt: skip


def _operation(one: Operation, names: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": one.name,
        "tags": [one.tag],
        "summary": one.summary.split("\n", maxsplit=1)[0],
        "description": one.summary + _scopes(one),
        "parameters": [*_path(one), *_query(one), *_headers(one)],
        "responses": _responses(one, names),
    }
    if one.takes_files:
        found["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _upload(one)}}}
    elif one.body:
        schema = names[(one.body, "validation")]
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _scopes(one: Operation) -> str:
    if one.permission is None:
        return "\n\nAny token."
    return f"\n\nScope: {' or '.join(scope.value for scope in one.scopes)}."


def _path(one: Operation) -> list[dict[str, Any]]:
    schema = {"type": "string", "format": "uuid"}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in one.parameters]


def _query(one: Operation) -> list[dict[str, Any]]:
    if one.query is None:
        return []
    properties = one.query.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "required": field.is_required(), "schema": properties[name]}
        for name, field in one.query.model_fields.items()
    ]


def _headers(one: Operation) -> list[dict[str, Any]]:
    found = []
    text = {"type": "string", "maxLength": 255}
    if one.takes_key:
        found.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": text,
                      "description": "The same request under the same key is done once; kept for a day. Not for streams."})  # fmt: skip
    return found


def _upload(one: Operation) -> dict[str, Any]:
    files = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
    fields = one.body.model_json_schema()["properties"] if one.body else {}
    required = ["files", *(one.body.model_json_schema().get("required", []) if one.body else [])]
    return {"type": "object", "required": required, "properties": {"files": files} | fields}


def _responses(one: Operation, names: Any) -> dict[str, Any]:
    found: dict[str, Any] = {str(one.status): {"description": "Done."}}
    if one.answer:
        found[str(one.status)]["content"] = {"application/json": {"schema": names[(one.answer, "serialization")]}}
    if one.streams:
        kind = "object" if one.media.endswith("+json") else "string"
        found[str(one.status)].setdefault("content", {})[one.media] = {"schema": {"type": kind}}
    if one.method == "GET":
        found["304"] = {"description": "Not changed since the ETag of If-None-Match."}
    else:
        found["412"] = _problem("It changed since the ETag of If-Match.", names)
    for status, words in _expected(one).items():
        found[str(status)] = _problem(words, names)
    return dict(sorted(found.items()))


def _expected(one: Operation) -> dict[int, str]:
    found = dict(_ALWAYS)
    if one.body or one.takes_files:
        found |= {400: "The body is not JSON.", 413: "The body is too large.", 415: "Not the content type asked for."}
    if one.body or one.query or one.takes_files or one.method == "POST":
        found[422] = "Something in the request is not valid."
    if one.parameters:
        found[404] = "There is nothing with this id, or it is not yours to see."
    if one.method == "POST":
        found[409] = "Not possible now, or the Idempotency-Key is in use." if one.takes_key else "Not possible now."
    if one.takes_key or one.takes_files:  # what is stored, and what is kept for a repetition, is sealed
        found |= {410: f"{KeyDestroyed()}", 500: f"{IntegrityError()}"}
    for refusal in one.refusals:
        found.setdefault(STATUS[refusal.kind], f"{TITLE[refusal.kind]}.")
    return found


def _problem(words: str, names: Any) -> dict[str, Any]:
    schema = names[(Problem, "serialization")]
    return {"description": words, "content": {"application/problem+json": {"schema": schema}}}
