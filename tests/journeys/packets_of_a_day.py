"""What `test_packets` runs in a network of its own: the product works, and prints as JSON what it sent, and what is on record."""

import contextlib
import json
import socket
import sys
from pathlib import Path

import httpx2
from sqlalchemy import text

from appliance import tenancy
from appliance.assembly import assemble
from appliance.identity import Scope
from appliance.identity.sessions import caller_of
from appliance.identity.tokens import TokenForm, create_token
from appliance.kernel.ids import TenantId
from appliance.settings import Settings
from tests.support.model_host import Upstream, said, streamed, upstream
from tests.support.packets import Heard, listening
from tests.support.product import Person, Product
from tests.support.upstreams import COMPLETION, chat_bytes, chat_chunks

SAMPLES = Path(__file__).parents[1] / "samples"
LISTED, UNLISTED = "models.listed.example", "models.unlisted.example"
ASKED = {"messages": [{"role": "user", "content": "What is the weather in Köln?"}]}


def lives(directory: Path) -> dict[str, object]:
    """Let a day pass; return what was heard of it."""
    with upstream() as provider:
        provider.says(said(COMPLETION))
        allowed = f"127.0.0.1:{provider.port},{LISTED}"
        with listening() as heard, Product(directory / "data", egress_allow=allowed) as product:
            works(product)
            tenant_id, program = programs(product)
            with program:
                calls(program, provider)
                elsewhere(program)
            for command in (["doctor"], ["backup", str(directory / "backup")]):
                product.command(*command)
            told = on_record(product, tenant_id)
        told |= {"provider": provider.port, "product": product.port, "asked": len(provider.asked)}
    return told | said_of(heard)


def works(product: Product) -> None:
    """Documents, among them one that names pictures and addresses of elsewhere; questions, search, an invitation."""
    owner = Person(product.address).sets_up(product.link)
    names = ("leave-and-travel.pdf", "security-handbook.docx", "visitors.html")
    page = product.data_dir.parent / "remote.html"
    page.write_text(f'<p>Lamps stand in the hall.</p><img src="http://{UNLISTED}/p.png"><a href="http://{UNLISTED}/">x</a>')
    received = owner.uploads(*(SAMPLES / name for name in names), page)
    owner.waits_for(*(one["id"] for one in received))
    assert owner.asks("How many days of paid annual leave does an employee receive?").citations
    for path in ("/", "/search?q=lamps", "/documents", "/audit", "/providers", "/models", "/keys", "/settings", "/metrics"):
        owner.http.get(path)
    owner.posts("/people/invitations", email="mia@harrow.example", role="member")
    owner.http.close()


def programs(product: Product) -> tuple[TenantId, httpx2.Client]:
    """Return the organisation, and its owner's program."""
    services = assemble(Settings(data_dir=product.data_dir), role="worker")
    with services.db.platform() as tx:
        (tenant_id,) = tenancy.list_tenants(tx)
    with services.db.tenant(tenant_id) as tx:
        owner = caller_of(tx, tx.scalar(text("SELECT user_id FROM memberships WHERE role = 'owner'")))
        scopes = frozenset({Scope.MODELS, Scope.CHAT, Scope.PROVIDERS_WRITE, Scope.SETTINGS_WRITE})
        token = create_token(tx, owner, TokenForm("program", scopes, 30), clock=services.clock).secret
    services.close()
    headers = {"Authorization": f"Bearer {token}"}
    return tenant_id, httpx2.Client(base_url=product.address, headers=headers, timeout=120, trust_env=False)


def calls(program: httpx2.Client, provider: Upstream) -> None:
    """Whole and streamed, of a model on the list, and of one that nobody allowed."""
    form = {"name": "own", "kind": "openai_compatible", "base_url": f"{provider.address}/v1", "key": "sk-own-key-1234567", "check": False}
    assert program.post("/api/v1/providers", json=form).status_code == 201
    assert program.post("/api/v1/gateway/models", json={"model": "own/*"}).is_success
    for _ in range(3):
        assert program.post("/v1/chat/completions", json=ASKED | {"model": "own/gpt"}).status_code == 200
    provider.replies.clear()
    provider.replies.append(streamed(chat_bytes(chat_chunks())))
    for _ in range(3):
        assert "[DONE]" in program.post("/v1/chat/completions", json=ASKED | {"model": "own/gpt", "stream": True}).text
    assert program.post("/v1/chat/completions", json=ASKED | {"model": "other/gpt"}).status_code == 403


def elsewhere(program: httpx2.Client) -> None:
    """Providers at names: one that is listed and that nobody knows, one that is not; and addresses in disguise."""
    for number, base in enumerate((f"https://{LISTED}/v1", f"https://{UNLISTED}/v1", "https://203.0.113.9/v1", "https://[2001:db8::9]/v1")):
        form = {"name": f"far-{number}", "kind": "openai_compatible", "base_url": base, "key": "sk-far-key-1234567"}
        assert program.post("/api/v1/providers", json=form | {"check": True}).is_error
        if program.post("/api/v1/providers", json=form | {"check": False}).status_code == 201:
            assert program.post("/api/v1/gateway/models", json={"model": f"far-{number}/*"}).is_success
            assert program.post("/v1/chat/completions", json=ASKED | {"model": f"far-{number}/gpt"}).is_error


def on_record(product: Product, tenant_id: TenantId) -> dict[str, object]:
    """Return which hosts are on record, and how often each was called."""
    services = assemble(Settings(data_dir=product.data_dir), role="worker")
    with services.db.tenant(tenant_id) as tx:
        hosts = tx.execute(text("SELECT host, count(*) FROM model_calls WHERE host IS NOT NULL GROUP BY host")).all()
    services.close()
    return {"hosts": {row[0]: row[1] for row in hosts}}


def said_of(heard: Heard) -> dict[str, object]:
    """Return what was heard, and whether the ear works."""
    counted = {
        "connections": [[str(to), port, count] for (to, port), count in heard.connections.items()],
        "datagrams": [[str(to), port, count] for (to, port), count in heard.datagrams.items()],
        "addresses": sorted(map(str, heard.addresses)),
        "names": sorted(set(heard.names)),
    }
    with listening() as proof:
        for family, to in ((socket.AF_INET, "203.0.113.77"), (socket.AF_INET6, "2001:db8::77")):
            with socket.socket(family) as probe:
                probe.settimeout(0.2)
                probe.connect_ex((to, 443))
        with contextlib.suppress(OSError):
            socket.getaddrinfo("blind.example", 443)
    return counted | {"proof": {"addresses": sorted(map(str, proof.addresses)), "names": sorted(set(proof.names))}}


if __name__ == "__main__":
    print("\n" + json.dumps(lives(Path(sys.argv[1]))))
