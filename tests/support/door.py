"""The door for programs over a real socket, in front of a house whose models are an upstream on loopback."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
from sqlalchemy import text
from werkzeug.serving import make_server

from appliance import gateway
from appliance.app import create_app
from appliance.identity import Scope
from appliance.identity.tokens import TokenForm, create_token
from appliance.vault.providing import ProviderKind, Secret
from appliance.vault.providing.credentials import Given, read_key
from appliance.vault.providing.destinations import REGIONAL, ProviderForm
from appliance.vault.providing.service import KeyTerms, NewKey, create_provider
from tests.support.house import House, Member, Server
from tests.support.key_vendors import AWS_ID, AWS_SECRET, service_account
from tests.support.model_host import Upstream, said, upstream

KEYS = {
    "openai": "sk-live-of-openai-0000-1111", "anthropic": "sk-ant-of-anthropic-2222", "vllm": "sk-of-vllm-33334444",
    "bedrock": f"{AWS_ID}:{AWS_SECRET}",
}  # fmt: skip
REGION = "eu-central-1"
TOKEN = "ya29.of-the-service-account-5555"
KINDS = {
    "openai": ProviderKind.OPENAI,
    "anthropic": ProviderKind.ANTHROPIC,
    "vllm": ProviderKind.OPENAI_COMPATIBLE,
    "bedrock": ProviderKind.BEDROCK,
    "vertex": ProviderKind.VERTEX,
}


@dataclass
class Door:
    """Where to ask, and what is behind it."""

    address: str
    house: House
    upstream: Upstream
    ada: Member
    bo: Member
    key: str
    key_of_bo: str

    def openai(self, key: str | None = None, **more: Any) -> Any:
        return openai.OpenAI(api_key=key or self.key, base_url=f"{self.address}/v1", max_retries=0, **more)

    def anthropic(self, key: str | None = None, **more: Any) -> Any:
        return anthropic.Anthropic(api_key=key or self.key, base_url=self.address, max_retries=0, **more)

    def calls(self, member: Member | None = None, *, most: int = 20) -> list[dict[str, Any]]:
        """Return what is on record, newest first."""
        one = member or self.ada
        with one.services.db.tenant(one.tenant_id) as tx:
            rows = tx.execute(text("SELECT * FROM model_calls ORDER BY call_id DESC LIMIT :most"), {"most": most})
            return [dict(row._mapping) for row in rows]

    def events(self, member: Member | None = None) -> list[str]:
        """Return the newest entries of the audit log by name, newest first."""
        one = member or self.ada
        with one.services.db.tenant(one.tenant_id) as tx:
            return list(tx.scalars(text("SELECT event FROM audit_inbox ORDER BY event_id DESC LIMIT 20")))


@contextlib.contextmanager
def door(server: Server, directory: Path) -> Iterator[Door]:
    """Open it, with Ada's providers and models behind it, and Bo next door."""
    database = server.clone("template_house")
    with upstream() as provider:
        provider.asides["/token"] = said({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})
        house = House(
            server, database, directory, egress_allow=[f"127.0.0.1:{provider.port}"],
            prices_file=directory / "prices.json", api_requests_per_minute=100_000, database_pool=4,
        )  # fmt: skip
        ada, bo = house.founds("Harrow", "ada@harrow.example"), house.founds("Birch", "bo@birch.example")
        for name in KINDS:
            has_provider(ada, name, provider.address)
        http = make_server("127.0.0.1", 0, create_app(house.app), threaded=True)
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield Door(f"http://127.0.0.1:{http.server_port}", house, provider, ada, bo, key_of(ada), key_of(bo))
        finally:
            http.shutdown()
            http.server_close()
            thread.join()
            house.close()
            server.drop(database)


def has_provider(member: Member, name: str, address: str) -> None:
    """Add a provider on loopback, which no form would take without TLS, and allow its models."""
    kind = KINDS[name]
    base = f"{address}/v1" if kind in {ProviderKind.OPENAI, ProviderKind.OPENAI_COMPATIBLE} else address
    given = account_at(address) if kind is ProviderKind.VERTEX else read_key(kind, KEYS[name])
    adds_provider(member, ProviderForm(name, kind, base, REGION if kind in REGIONAL else None), given)


def adds_provider(member: Member, form: ProviderForm, given: Given) -> None:
    """Add a provider, whatever its address, and allow its models."""
    with member.services.db.tenant(member.tenant_id) as tx:
        key = NewKey(given, KeyTerms("first", 1))
        create_provider(tx, member.caller, member.services.vault, form, key, clock=member.house.clock)
        gateway.allow_model(tx, member.caller, f"{form.name}/*")


def account_at(address: str) -> Given:
    """A service account whose tokens come from loopback, which no form would take: they take Google's own address alone."""
    account = json.loads(service_account()) | {"token_uri": f"{address}/token"}
    return Given(Secret.of(json.dumps(account)), "")


def key_of(member: Member, *scopes: Scope) -> str:
    """Issue a key for the door."""
    with member.services.db.tenant(member.tenant_id) as tx:
        form = TokenForm("door", frozenset(scopes or (Scope.MODELS, Scope.CHAT)), 30)
        return create_token(tx, member.caller, form, clock=member.house.clock).secret


def posts(at: Door, body: bytes | dict[str, Any], *, path: str = "/v1/chat/completions", key: str | None = None, **headers: str) -> httpx2.Response:  # fmt: skip
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"authorization": f"Bearer {key or at.key}", "content-type": "application/json"} | headers
    return httpx2.post(at.address + path, content=content, headers=sent, timeout=30)
