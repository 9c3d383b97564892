"""A program at the API, with a token of somebody's."""

import io
from collections.abc import Iterable
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from appliance import identity
from appliance.identity import Scope
from appliance.identity.permissions import SCOPES, held
from appliance.identity.tokens import TokenForm
from tests.support.house import Member

PREFIX = "/api/v1"


class Program:
    """Speaks JSON, as one member, within some scopes; without any named, within all that the role allows."""

    def __init__(self, app: Flask, member: Member, scopes: Iterable[Scope] | None = None, *, days: int = 30) -> None:
        self.client = app.test_client()
        chosen = scopes or [scope for scope in Scope if SCOPES[scope] & held(member.caller)]
        with member.services.db.tenant(member.tenant_id) as tx:
            form = TokenForm("script", frozenset(chosen), days)
            issued = identity.create_token(tx, member.caller, form, clock=member.house.clock)
        self.secret, self.token_id = issued.secret, issued.token.token_id

    def asks(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request."""
        given = {"Authorization": f"Bearer {self.secret}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return self.client.open(PREFIX + path, method=method, json=body, headers=given)

    def gets(self, path: str, **headers: str) -> TestResponse:
        """GET."""
        return self.asks("GET", path, **headers)

    def uploads(self, files: dict[str, bytes], fields: dict[str, str] | None = None, **headers: str) -> TestResponse:
        """POST files to /documents, as a form does."""
        given = {"Authorization": f"Bearer {self.secret}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        parts: dict[str, Any] = dict(fields or {})
        parts["files"] = [(io.BytesIO(content), name) for name, content in files.items()]
        return self.client.post(f"{PREFIX}/documents", data=parts, headers=given)
