import contextlib
import re
import secrets
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from appliance.kernel.egress import Egress
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable
from appliance.vault.base import Root
from appliance.vault.roots import root_of, transit
from appliance.vault.roots.calls import Calls
from appliance.vault.roots.frames import TRANSIT, frame
from tests.support.documents import DOCS
from tests.support.roots import Bao, call, openbao

KEK = secrets.token_bytes(32)


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao(tmp_path_factory.mktemp("bao")) as bao:
        bao.ask("POST", "sys/auth/approle", {"type": "approle"})
        yield bao


@pytest.fixture
def key(bao: Bao) -> str:
    name = f"key-{secrets.token_hex(4)}"
    bao.make_key(name)
    return name


def root(bao: Bao, key: str, token: Path, *, options: str = "", allow: str = "127.0.0.1:*") -> Root:
    spec = f"transit:{bao.address}/v1/transit/keys/{key}{options}"
    return root_of(spec, secrets=token.parent, egress=Egress([allow]), credentials=token)


@pytest.fixture
def token(bao: Bao, tmp_path: Path) -> Path:
    return kept(tmp_path / "token", bao.token(policies=["cloister"]))


def kept(path: Path, content: str) -> Path:
    path.unlink(missing_ok=True)
    path.write_text(content)
    path.chmod(0o400)
    return path


def destroy(bao: Bao, key: str) -> None:
    bao.ask("POST", f"transit/keys/{key}/config", {"deletion_allowed": True})
    bao.ask("DELETE", f"transit/keys/{key}")


def reason(caught: pytest.ExceptionInfo[KeyUnavailable]) -> str:
    return caught.value.reason


def test_a_deleted_key_is_destroyed_and_never_made_again(bao: Bao, key: str, token: Path) -> None:
    kept(token, bao.admin)  # one that may create keys
    one = root(bao, key, token)
    wrapped = one.wrap(KEK, context=b"c")

    destroy(bao, key)

    with pytest.raises(KeyDestroyed):
        one.unwrap(wrapped, context=b"c")
    for use in (lambda: one.wrap(KEK, context=b"c"), one.ping, root(bao, key, token).fingerprint):
        with pytest.raises(KeyUnavailable):
            use()
    assert not bao.has_key(key)


def test_a_key_made_again_under_the_same_name_is_another(bao: Bao, key: str, token: Path) -> None:
    one = root(bao, key, token)
    wrapped, mark = one.wrap(KEK, context=b"c"), one.fingerprint()
    destroy(bao, key)
    bao.make_key(key)

    with pytest.raises(IntegrityError):
        one.unwrap(wrapped, context=b"c")
    with pytest.raises(KeyUnavailable) as caught:
        one.wrap(KEK, context=b"c")
    assert "replaced" in reason(caught)
    assert root(bao, key, token).fingerprint() != mark


def test_it_goes_on_when_the_service_rotates_the_key(bao: Bao, key: str, token: Path) -> None:
    one = root(bao, key, token)
    before, mark = one.wrap(KEK, context=b"c"), one.fingerprint()

    bao.ask("POST", f"transit/keys/{key}/rotate")
    after = one.wrap(KEK, context=b"c")

    assert one.unwrap(before, context=b"c") == one.unwrap(after, context=b"c") == KEK
    assert root(bao, key, token).fingerprint() == mark
    bao.ask("POST", f"transit/keys/{key}/config", {"min_decryption_version": 2})
    with pytest.raises(KeyUnavailable) as caught:
        one.unwrap(before, context=b"c")
    assert "min_decryption_version" in reason(caught)


def test_the_service_itself_refuses_what_was_altered(bao: Bao, key: str, token: Path) -> None:
    one = root(bao, key, token)
    content = one.wrap(KEK, context=b"c")[17:]
    altered = [content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in (0, 3, 4, 15, 16, 50, -1)]
    zero = b"\0\0\0\0" + content[4:]  # the service would open it as version 1

    for one_content in (*altered, zero, content[:-1], content[:4], content[:8], content[:3], content + b"\0"):
        with pytest.raises(IntegrityError):
            one.unwrap(frame(TRANSIT, one_content, root=one.fingerprint(), context=b"c"), context=b"c")
    with pytest.raises(IntegrityError):
        one.unwrap(frame(TRANSIT, content, root=one.fingerprint(), context=b"d"), context=b"d")


def test_a_context_holds_even_where_the_service_passes_it_over(bao: Bao, key: str, token: Path) -> None:
    one = root(bao, key, token)
    with pytest.MonkeyPatch.context() as patch:
        post = transit._post

        def as_before_1_9(calls: Calls, url: str, body: dict[str, Any], *rest: Any) -> httpx2.Response:
            return post(calls, url, {name: body[name] for name in body if name != "associated_data"}, *rest)

        patch.setattr(transit, "_post", as_before_1_9)
        content = one.wrap(KEK, context=b"c")[17:]

        with pytest.raises(IntegrityError):
            one.unwrap(frame(TRANSIT, content, root=one.fingerprint(), context=b"d"), context=b"d")


def test_a_sealed_service_is_unavailable_until_it_is_unsealed(bao: Bao, key: str, token: Path) -> None:
    one = root(bao, key, token)
    wrapped = one.wrap(KEK, context=b"c")

    bao.seal()
    try:
        with pytest.raises(KeyUnavailable) as caught:
            one.unwrap(wrapped, context=b"c")
    finally:
        bao.unseal()

    assert "sealed" in reason(caught)
    for _ in range(100):
        with contextlib.suppress(KeyUnavailable):
            one.ping()
            break
        time.sleep(0.05)
    assert one.unwrap(wrapped, context=b"c") == KEK


def test_a_token_without_the_right_is_unavailable_and_a_new_one_needs_no_restart(
    bao: Bao, key: str, token: Path
) -> None:
    kept(token, bao.token(policies=["default"]))
    one = root(bao, key, token)

    with pytest.raises(KeyUnavailable) as caught:
        one.ping()
    assert "permission" in reason(caught)

    kept(token, bao.token(policies=["cloister"]))
    one.ping()


def test_the_rights_of_the_manual_are_enough_and_make_no_key(bao: Bao, key: str, tmp_path: Path) -> None:
    policy = re.search(r"```\n(path .*?)```", (DOCS / "root-key.md").read_text(), re.DOTALL)
    assert policy
    bao.ask("POST", "sys/policies/acl/manual", {"policy": policy[1].replace("/cloister", f"/{key}")})
    token = bao.token(policies=["manual"])
    root(bao, key, kept(tmp_path / "token", token)).ping()
    destroy(bao, key)

    with pytest.raises(urllib.error.HTTPError) as caught:
        call("POST", f"{bao.address}/v1/transit/encrypt/{key}", {"plaintext": "AAAA"}, X_Vault_Token=token)

    caught.value.close()
    assert caught.value.code == 403


def test_a_revoked_token_ends_what_is_open(bao: Bao, key: str, token: Path) -> None:
    one = root(bao, key, token)
    one.ping()

    bao.ask("POST", "auth/token/revoke", {"token": token.read_text()})

    with pytest.raises(KeyUnavailable):
        one.ping()


def test_a_token_is_renewed_before_it_ends(bao: Bao, key: str, tmp_path: Path) -> None:
    token = kept(tmp_path / "token", bao.token(policies=["cloister"], ttl="1s", period="1s"))
    one = root(bao, key, token)
    until = time.monotonic() + 1.8

    while time.monotonic() < until:
        one.ping()
        time.sleep(0.1)


def test_a_role_signs_in_and_does_so_again_when_its_token_ended(bao: Bao, key: str, tmp_path: Path) -> None:
    bao.ask("POST", "auth/approle/role/cloister", {"token_policies": ["cloister"], "token_ttl": "1h"})
    role = bao.ask("GET", "auth/approle/role/cloister/role-id")["data"]["role_id"]
    secret_id = bao.ask("POST", "auth/approle/role/cloister/secret-id")["data"]["secret_id"]
    one = root(bao, key, kept(tmp_path / "secret-id", secret_id), options=f"?role={role}")
    wrapped = one.wrap(KEK, context=b"c")

    for accessor in bao.ask("GET", "auth/token/accessors?list=true")["data"]["keys"]:
        if (
            bao.ask("POST", "auth/token/lookup-accessor", {"accessor": accessor})["data"]["path"]
            == "auth/approle/login"
        ):
            bao.ask("POST", "auth/token/revoke-accessor", {"accessor": accessor})

    opened: list[bool] = []
    threads = [
        threading.Thread(target=lambda: opened.append(one.unwrap(wrapped, context=b"c") == KEK)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [True] * 8

    wrong = root(bao, key, kept(tmp_path / "wrong", secrets.token_hex(16)), options=f"?role={role}")
    with pytest.raises(KeyUnavailable) as caught:
        wrong.ping()
    assert "secret id" in reason(caught)


def test_nothing_is_called_that_egress_does_not_allow(bao: Bao, key: str, token: Path) -> None:
    with pytest.raises(KeyUnavailable) as caught:
        root(bao, key, token, allow="bao.example.org").ping()

    assert "APPLIANCE_EGRESS_ALLOW" in reason(caught)


@pytest.mark.parametrize("options", [{"derived": True}, {"type": "rsa-2048"}, {"type": "ed25519"}])
def test_a_key_that_binds_no_context_is_refused(bao: Bao, token: Path, options: dict[str, object]) -> None:
    name = f"key-{secrets.token_hex(4)}"
    bao.make_key(name, **options)

    with pytest.raises(KeyUnavailable):
        root(bao, name, token).wrap(KEK, context=b"c")


def test_a_soft_deleted_key_is_not_destroyed(bao: Bao, key: str, token: Path) -> None:
    one = root(bao, key, token)
    wrapped = one.wrap(KEK, context=b"c")

    bao.ask("DELETE", f"transit/keys/{key}/soft-delete")

    with pytest.raises(KeyUnavailable) as caught:
        one.unwrap(wrapped, context=b"c")
    assert "restored" in reason(caught)


@pytest.mark.parametrize("mode", [0o440, 0o444, 0o604])
def test_a_token_that_others_can_read_is_not_used(bao: Bao, key: str, token: Path, mode: int) -> None:
    token.chmod(mode)

    with pytest.raises(KeyUnavailable) as caught:
        root(bao, key, token).ping()
    assert "0400" in reason(caught)


def test_a_service_is_believed_only_with_a_certificate_that_is_trusted(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    with openbao(tmp_path_factory.mktemp("tls"), scheme="https") as bao:
        bao.make_key("key")
        token = kept(tmp_path / "token", bao.token(policies=["cloister"]))
        spec = f"transit:{bao.address}/v1/transit/keys/key"

        trusting = Egress(["127.0.0.1:*"], ca_bundle=bao.ca)
        root_of(spec, secrets=tmp_path, egress=trusting, credentials=token).ping()

        with pytest.raises(KeyUnavailable) as caught:
            root_of(spec, secrets=tmp_path, egress=Egress(["127.0.0.1:*"]), credentials=token).ping()
        assert "ConnectError" in reason(caught)
