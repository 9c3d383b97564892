"""Every address that somebody can read, by name, and who reads it: for benches, and for laws on how pages grow."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance import audit, identity, knowledge, policy, tenancy
from appliance.api.framework import OPERATIONS
from appliance.api.schemas import Page
from appliance.evidence.exporting import request_package
from appliance.identity import Scope
from appliance.identity.invitations import InvitationForm
from appliance.identity.permissions import GRANTS, SCOPES
from appliance.identity.sso import connections, links
from appliance.identity.tokens import TokenForm
from appliance.tenancy import Review
from appliance.vault.providing import list_providers
from tests.support.furnish import keeps, lets_in, looks_for, looks_into, reviews, saves, schedules
from tests.support.house import Member
from tests.support.policies import protects
from tests.support.providing import has
from tests.support.sign_on import connects
from tests.support.site import Browser
from tests.support.streams import has_stream

VENDORS = ("anthropic.", "openai.")  # the doors of the vendors' clients, which have pages nowhere
UNVISITED = {
    "api.download_package": "a file, which the worker wrote",
    "evidence.download": "a file, which the worker wrote",
    "api.download_export": "a file, which the worker wrote",
    "proof.checkpoint": "no page: the signed line of three that the page shows",
    "proof.download": "a file, which the worker wrote",
    "api.openapi": "a constant",
    "api.reveal_provider_key": "it refuses everybody",
    "documents.draw": "a picture, which a confined process draws from a real file",
    "health.livez": "no page: a constant",
    "health.metrics": "no page: this process's own counters",
    "health.readyz": "no page: each service's ping",
    "scim.serve": "no page: the door of identity providers, by a token of theirs",
    "saml.complete": "needs somebody who is on their way",
    "saml.metadata": "no page: for a provider's program, of a connection that speaks SAML",
    "saml.sign_out": "a provider's own door, which leads on",
    "signin.second_step": "needs a sign-in that is half done",
    "sso.callback": "needs somebody who is on their way",
    "sso.proxied": "needs somebody who is on their way, and a proxy",
    "sso.entrance": "needs a connection that is in use",
    "sso.start": "it leads to a provider",
    "static": "files, from memory",
}
OPERATORS = ("platform.", "api.list_organisations")
STRANGERS = {
    "joining.new_password": "reset",
    "joining.show": "invitation",
    "signin.setup": "setup",
    "signin.sign_in_page": "",
    "sso.set_up": "connection",
    "sso.signed_out": "",
}
FURTHER = {  # endpoint -> what else its address can say
    "documents.show": ("?sort=title", "?sort=-size", "?sort=status&page=100", "?q=of+the+year&page=20", "?q=nowhere",
                       "?status=failed", "?collection={collection_id}"),
    "documents.rows": ("?sort=-title&page=3",),
    "people.show": ("?sort=-seen", "?sort=name&page=15", "?q=person+1", "?q=nobody"),
    "groups.show": ("?page=3", "?q=7"),
    "tokens.show": ("?page=15", "?q=token+7"),
    "conversations.show": ("?q=number+1234", "?q=feast+days", "?q=nowhere"),
    "search.show": ("?q=feast+days", "?q=feast+days&collection={collection_id}&kind=pdf&from=2020-01-01&to=2030-01-01"),
    "usage.show": ("?span=90", "?span=month&of=me"),
    "reviews.show": ("?q=number+11", "?q=person", "?q=nowhere"),
    "platform.show": ("?sort=-questions", "?q=elsewhere"),
}  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """One address, and the client that asks for it."""

    name: str
    path: str
    client: FlaskClient
    headers: dict[str, str]

    def made(self) -> TestResponse:
        """Ask; nothing but the page itself will do."""
        answer = self.client.get(self.path, headers=self.headers)
        assert answer.status_code == 200, (self.name, self.path, answer.status_code)
        return answer


def visits(site: Flask, owner: Member, operator: Member, ids: dict[str, str]) -> list[Visit]:
    """Return a visit to each page and each reading operation, and to what their addresses can say further."""
    ids = ids | lets_in(owner) | looks_for(owner) | _uploaded(owner) | _provided(owner) | _ruled(owner) | _kept(owner) | protects(owner)
    at_owner, at_operator, at_stranger = Browser(site), Browser(site), Browser(site)
    at_owner.signs_in(owner)
    at_operator.signs_in(operator)
    links, found = _links(owner), []
    for rule in sorted(site.url_map.iter_rules(), key=lambda rule: rule.rule):
        name = rule.endpoint
        if "GET" not in (rule.methods or ()) or name in UNVISITED or name.startswith(VENDORS):
            continue
        path = _path(rule.rule, ids | ({"conversation_id": ids["other_id"]} if "/reviews/" in rule.rule else {}))
        if name.startswith("api.") and name != "api.guide":
            found += _operation(name, path, site.test_client(), operator if name.startswith(OPERATORS) else owner)
            continue
        browser = at_operator if name.startswith(OPERATORS) else at_stranger if name in STRANGERS else at_owner
        if STRANGERS.get(name):
            path += f"?link={links[STRANGERS[name]]}"
        for further in ("", *FURTHER.get(name, ())):
            shown = ".".join([name, *(rule.defaults or {}).values()])
            found.append(Visit(f"{shown}{further}", path + further.format(**ids), browser.client, {}))
    return found


def _uploaded(owner: Member) -> dict[str, str]:
    """A batch, and an upload that is half done."""
    with owner.services.db.tenant(owner.tenant_id) as tx:
        batch_id = knowledge.create_batch(tx, owner.caller, clock=owner.house.clock)
        announced = knowledge.UploadForm("parts.txt", 100)
        upload = knowledge.begin_upload(tx, owner.caller, announced, limit_megabytes=1, clock=owner.house.clock)
        export = audit.request_export(tx, owner.caller.actor, audit.Wanted(), clock=owner.house.clock)
    budget_id, _ = saves(owner)
    with owner.services.db.tenant(owner.tenant_id) as tx:
        package = request_package(tx, owner.caller, language="en", clock=owner.house.clock)
    review_id, item_id = reviews(owner)
    sink_id, letter_id = has_stream(owner)
    with owner.services.db.tenant(owner.tenant_id) as tx:
        before = connections.list_connections(tx, owner.caller)
    connection_id = before[0].connection_id if before else connects(owner).connection_id
    return {
        "connection_id": str(connection_id),
        "budget_id": str(budget_id), "batch_id": str(batch_id), "upload_id": str(upload.upload_id),
        "export_id": str(export.export_id), "schedule_id": str(schedules(owner)),
        "sink_id": str(sink_id), "letter_id": str(letter_id),
        "item_id": str(item_id), "package_id": str(package.package_id), "review_id": str(review_id),
    }  # fmt: skip


def _provided(owner: Member) -> dict[str, str]:
    """A provider with a key."""
    with owner.services.db.tenant(owner.tenant_id) as tx:
        before = list_providers(tx, owner.caller)
    provider = before[0] if before else has(owner)
    return {"provider_id": str(provider.provider_id), "key_id": str(provider.keys[0].key_id)}


def _ruled(owner: Member) -> dict[str, str]:
    """A rule on model calls."""
    with owner.services.db.tenant(owner.tenant_id) as tx:
        before = policy.list_rules(tx, owner.caller)
        limits = policy.Limits(regions=("eu*",))
        rule = before[0] if before else policy.create_rule(tx, owner.caller, "Europe", None, limits, clock=owner.house.clock)
    return {"rule_id": str(rule.rule_id)}


def _kept(owner: Member) -> dict[str, str]:
    """A call whose content is kept, and that was looked into where others may."""
    call_id = str(keeps(owner))
    with owner.services.db.tenant(owner.tenant_id) as tx:
        is_off = tenancy.get_settings(tx).conversation_review is Review.OFF
    return {"call_id": call_id, "look_id": call_id if is_off else looks_into(owner, None, call_id)}


def _path(rule: str, ids: dict[str, str]) -> str:
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", lambda part: ids[part[1]], rule)


def _operation(name: str, path: str, client: FlaskClient, reader: Member) -> list[Visit]:
    headers = {"Authorization": f"Bearer {_token(reader)}"}
    operation = next(one for one in OPERATIONS if f"api.{one.name}" == name)
    is_list = operation.query is not None and issubclass(operation.query, Page)
    needed = f"?{urlencode(operation.asked)}" if operation.asked else ""
    return [
        Visit(f"{name}{further}", path + (further or needed), client, headers)
        for further in (("", "?limit=200") if is_list else ("",))
    ]


def _token(reader: Member) -> str:
    scopes = frozenset(scope for scope in Scope if SCOPES[scope] & GRANTS[reader.caller.role])
    form = TokenForm("visits", scopes, 1)
    with reader.services.db.tenant(reader.tenant_id) as tx:
        return identity.create_token(tx, reader.caller, form, clock=reader.house.clock).secret


def _links(owner: Member) -> dict[str, str]:
    house = owner.house
    with house.app.db.tenant(owner.tenant_id) as tx:
        form = InvitationForm("visitor@crowd.example", identity.Role.MEMBER)
        invited = identity.invite(tx, owner.caller, form, clock=house.clock)
        reset = identity.create_password_reset(tx, owner.caller, owner.caller.user_id, clock=house.clock)
    setup = identity.create_setup_link(house.worker.db, clock=house.clock)
    with house.app.db.tenant(owner.tenant_id) as tx:
        connection_id = connections.list_connections(tx, owner.caller)[0].connection_id
    with house.app.db.tenant(owner.tenant_id) as tx:
        link = links.create_link(tx, owner.caller, connection_id, clock=house.clock)
    return {"invitation": invited.token, "reset": reset.token, "setup": setup, "connection": link}
