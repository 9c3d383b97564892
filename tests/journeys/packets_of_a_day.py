"""What `test_packets` runs in a network of its own: the product works, and prints as JSON what it sent, and what is on record."""

import base64
import contextlib
import json
import socket
import sys
import time
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
from tests.support.anchoring import witnessing
from tests.support.model_host import Reply, Upstream, said, streamed, upstream
from tests.support.packets import Heard, listening
from tests.support.product import Person, Product, free_port
from tests.support.upstreams import COMPLETION, chat_bytes, chat_chunks

SAMPLES = Path(__file__).parents[1] / "samples"
LISTED, UNLISTED = "models.listed.example", "models.unlisted.example"
ASKED = {"messages": [{"role": "user", "content": "What is the weather in Köln?"}]}


def lives(directory: Path) -> dict[str, object]:
    """Let a day pass; return what was heard of it."""
    with upstream() as provider, upstream() as siem, witnessing(directory / "witness") as witness:
        provider.says(said(COMPLETION))
        siem.says(Reply(b"{}"))
        port, told = free_port(), dict[str, object]()
        allowed = f"127.0.0.1:{provider.port},127.0.0.1:{siem.port},{LISTED}"
        with listening() as heard, Product(
            directory / "data", egress_allow=allowed, gateway_port=str(port),
            audit_witnesses=witness.entry, audit_anchors_allow=witness.address,
        ) as product:  # fmt: skip
            works(product)
            tenant_id, headers = programs(product)
            with client(product.address, headers) as program, client(f"http://127.0.0.1:{port}", headers) as fast:
                streams(program, siem)
                adds_provider(program, provider)
                for one in (program, fast):
                    calls(one, provider)
                elsewhere(program, fast)
                told = arrived(program, product, tenant_id, siem)
            for command in (["doctor"], ["backup", str(directory / "backup")]):
                product.command(*command)
            told |= on_record(product, tenant_id)
        told |= {"provider": provider.port, "product": product.port, "gateway": port, "asked": len(provider.asked)}
        told |= {"siem": siem.port, "letters": len(siem.asked), "witness": int(witness.address.rpartition(":")[2])}
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


def programs(product: Product) -> tuple[TenantId, dict[str, str]]:
    """Return the organisation, and what its owner's program says in each request."""
    services = assemble(Settings(data_dir=product.data_dir), role="worker")
    with services.db.platform() as tx:
        (tenant_id,) = tenancy.list_tenants(tx)
    with services.db.tenant(tenant_id) as tx:
        owner = caller_of(tx, tx.scalar(text("SELECT user_id FROM memberships WHERE role = 'owner'")))
        scopes = frozenset({Scope.MODELS, Scope.CHAT, Scope.PROVIDERS_WRITE, Scope.SETTINGS_WRITE, Scope.AUDIT_READ})
        token = create_token(tx, owner, TokenForm("program", scopes, 30), clock=services.clock).secret
    services.close()
    return tenant_id, {"Authorization": f"Bearer {token}"}


def client(address: str, headers: dict[str, str]) -> httpx2.Client:
    """Return a program that asks at this address."""
    return httpx2.Client(base_url=address, headers=headers, timeout=120, trust_env=False)


def adds_provider(program: httpx2.Client, provider: Upstream) -> None:
    """Add one that is on the list, and allow its models."""
    form = {"name": "own", "kind": "openai_compatible", "base_url": f"{provider.address}/v1", "key": "sk-own-key-1234567", "check": False}
    assert program.post("/api/v1/providers", json=form).status_code == 201
    assert program.post("/api/v1/gateway/models", json={"model": "own/*"}).is_success


def calls(program: httpx2.Client, provider: Upstream) -> None:
    """Whole and streamed, of a model on the list, and of one that nobody allowed; of a chatbot, and of a model of this host."""
    provider.replies.clear()
    provider.replies.append(said(COMPLETION))
    for _ in range(3):
        assert program.post("/v1/chat/completions", json=ASKED | {"model": "own/gpt"}).status_code == 200
    provider.replies.clear()
    provider.replies.append(streamed(chat_bytes(chat_chunks())))
    for _ in range(3):
        assert "[DONE]" in program.post("/v1/chat/completions", json=ASKED | {"model": "own/gpt", "stream": True}).text
    assert program.post("/v1/chat/completions", json=ASKED | {"model": "other/gpt"}).status_code == 403
    names = [one["id"] for one in program.get("/v1/models").json()["data"]]
    bot = next(one for one in names if one.startswith("bot:"))
    question = [{"role": "user", "content": "How many days of paid annual leave does an employee receive?"}]
    assert program.post("/v1/chat/completions", json={"model": bot, "messages": question}).json()["choices"][0]["message"]["citations"]
    here = next(one for one in names if "/" not in one and not one.startswith("bot:"))
    assert program.post("/v1/embeddings", json={"model": here, "input": ["A lamp"]}).json()["data"]


def elsewhere(program: httpx2.Client, fast: httpx2.Client) -> None:
    """Providers at names: one that is listed and that nobody knows, one that is not; and addresses in disguise."""
    for number, base in enumerate((f"https://{LISTED}/v1", f"https://{UNLISTED}/v1", "https://203.0.113.9/v1", "https://[2001:db8::9]/v1")):
        form = {"name": f"far-{number}", "kind": "openai_compatible", "base_url": base, "key": "sk-far-key-1234567"}
        assert program.post("/api/v1/providers", json=form | {"check": True}).is_error
        if program.post("/api/v1/providers", json=form | {"check": False}).status_code == 201:
            assert program.post("/api/v1/gateway/models", json={"model": f"far-{number}/*"}).is_success
            for one in (program, fast):
                assert one.post("/v1/chat/completions", json=ASKED | {"model": f"far-{number}/gpt"}).is_error


def streams(program: httpx2.Client, siem: Upstream) -> None:
    """Stream the log to a peer that is on the list; one that is not is refused, and so is one in disguise."""
    secret = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()
    form = {"name": "siem", "kind": "webhook", "url": f"{siem.address}/audit", "secret": secret, "is_whole": True}
    made = program.post("/api/v1/audit/sinks", json=form)
    assert made.status_code == 201, made.text
    for number, url in enumerate((f"https://{UNLISTED}/", "https://[::ffff:203.0.113.9]/", "https://203.0.113.9/")):
        assert program.post("/api/v1/audit/sinks", json=form | {"name": f"far-{number}", "url": url}).is_error


def arrived(program: httpx2.Client, product: Product, tenant_id: TenantId, siem: Upstream) -> dict[str, object]:
    """Wait until the peer has entries and the witness has signed; return what is on record of both."""
    services, until = assemble(Settings(data_dir=product.data_dir), role="worker"), time.monotonic() + 90
    try:
        while time.monotonic() < until:
            (stream,) = program.get("/api/v1/audit/sinks").json()["items"]
            with services.db.tenant(tenant_id) as tx:
                signed = tx.scalar(text("SELECT count(*) FROM audit_cosignatures"))
            if siem.asked and stream["sent"] and signed:
                return {"sent": stream["sent"], "failures": stream["failures"], "signed": signed}
            time.sleep(0.5)
    finally:
        services.close()
    raise AssertionError(f"sent {stream['sent']}, failed {stream['failure']}, signed {signed}")


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
