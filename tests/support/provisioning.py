"""An organisation's identity provider that provisions: its connection, its token, and its requests over HTTP."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from appliance.identity.scim.service import TokenWish, change_provisioning, create_provisioning_token
from appliance.identity.scim.values import Service, SubjectOf
from tests.support.house import Member
from tests.support.sign_on import SignOn, connects

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass
class Provider:
    """A provider's program, by its token."""

    site: Flask
    member: Member
    connection_id: UUID
    token: str

    @property
    def sign_on(self) -> SignOn:
        """The same connection, as people sign in by it."""
        return SignOn(self.member, self.connection_id)

    @property
    def base(self) -> str:
        return f"/scim/v2/{self.connection_id}"

    def asks(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request to its own service."""
        given = {"Authorization": f"Bearer {self.token}"} | {name.replace("_", "-"): one for name, one in headers.items()}
        data = None if body is None else json.dumps(body)
        return self.site.test_client().open(
            f"{self.base}{path}", method=method, data=data, headers=given,
            content_type="application/scim+json" if data else None,
        )  # fmt: skip

    def adds(self, name: str, /, **said: Any) -> dict[str, Any]:
        """Add a person."""
        person = {"schemas": [USER], "userName": name, "externalId": f"id-of-{name}", "active": True, **said}
        answer = self.asks("POST", "/Users", person)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.get_json(force=True)
        return found

    def groups(self, name: str, /, *people: dict[str, Any], **said: Any) -> dict[str, Any]:
        """Add a group with these people."""
        members = [{"value": one["id"]} for one in people]
        answer = self.asks("POST", "/Groups", {"schemas": [GROUP], "displayName": name, "members": members, **said})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.get_json(force=True)
        return found

    def patches(self, path: str, *operations: dict[str, Any], **headers: str) -> TestResponse:
        """Change parts of something."""
        return self.asks("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)

    def finds(self, kind: str, said: str) -> list[str]:
        """Return the names of what a filter finds."""
        answer = self.asks("GET", f"/{kind}?filter={said}")
        assert answer.status_code == 200, answer.text
        return [one.get("userName") or one["displayName"] for one in answer.get_json(force=True)["Resources"]]


def provisions(
    site: Flask, member: Member, *, subject_of: SubjectOf = SubjectOf.EXTERNAL_ID, needs_group: bool = False,
    networks: tuple[str, ...] = (), connection_id: UUID | None = None,
) -> Provider:  # fmt: skip
    """Switch provisioning on for a connection, and hand out its token."""
    clock = member.house.clock
    connection_id = connection_id or connects(member).opens().connection_id
    with member.services.db.tenant(member.tenant_id) as tx:
        service = Service(is_on=True, subject_of=subject_of, needs_group=needs_group)
        change_provisioning(tx, member.caller, connection_id, service, clock=clock)
        wish = TokenWish(90, networks)
        issued = create_provisioning_token(tx, member.caller, connection_id, wish, clock=clock)
    return Provider(site, member, connection_id, issued.secret)


def people(member: Member) -> dict[str, tuple[str, str, bool]]:
    """Return role, address and whether they have access, by name, of the members of an organisation."""
    with member.services.db.tenant(member.tenant_id) as tx:
        rows = tx.execute(text("SELECT display_name, role, email, suspended_at FROM memberships"))
        return {row.display_name: (row.role, row.email, row.suspended_at is None) for row in rows}


def events(member: Member, kind: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return the newest entries of an organisation's log that begin like this, newest first, with their facts."""
    with member.services.db.tenant(member.tenant_id) as tx:
        rows = tx.execute(text("SELECT event, body FROM audit_inbox ORDER BY event_id DESC LIMIT 200"))
        return [(row.event, json.loads(bytes(row.body))["facts"]) for row in rows if row.event.startswith(kind)]


