"""A provider that does wrong, over HTTP against the site: each way is refused, once, with its rule in the log, and cheaply."""


import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jws
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from appliance.app import create_app
from appliance.identity.sso.desk import SignOn as Desk
from appliance.identity.sso.oidc.provider import Providers
from appliance.kernel.egress import Egress
from tests.support.costs import Cost
from tests.support.house import House, Server
from tests.support.oidc_host import ACCESS, CLIENT, ECKey, OctKey, OidcHost, RSAKey, encoded, half_hash, oidc_host
from tests.support.sign_on import SignOn, connects, owns_domain
from tests.support.site import Browser

MOST_SECONDS, MOST_KILOBYTES = 0.2, 50_000


@dataclass
class Stage:
    """A house, its connection to the provider, and a browser that goes there."""

    house: House
    one: SignOn
    host: OidcHost
    site: Any

    def signs_in(self, browser: Browser | None = None) -> TestResponse:
        """Go to the provider and come back."""
        browser = browser or Browser(self.site)
        left = browser.gets(f"/sso/{self.one.connection_id}/start?next=/documents")
        assert left.status_code == 303, left.text
        back = self.host.goes_through(left.headers["Location"])
        return browser.gets(f"/sso/{self.one.connection_id}/callback?{urlencode(back, doseq=True)}")

    def forgets(self) -> None:
        """Begin with nothing known of the provider."""
        port = self.host.address.rpartition(":")[2]
        desk = self.house.app.sign_on
        providers = Providers(lambda _only: Egress([f"127.0.0.1:{port}"]))
        object.__setattr__(self.house.app, "sign_on", Desk(desk.desk, providers, desk.look_up))

    def entries(self) -> list[dict[str, Any]]:
        """Return the facts of the refusals in the log, oldest first."""
        with self.house.server.connect("boot", self.house.database) as boot:
            rows = boot.execute(
                "SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' FROM cloister.audit_inbox"
                " WHERE event = 'identity:sign_on:refused' ORDER BY event_id"
            ).fetchall()
        return [row[0] for row in rows]  # type: ignore[misc]


@pytest.fixture(scope="module")
def standing(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    database = server.clone("template_house")
    house = House(server, database, tmp_path_factory.mktemp("bad-providers"))
    with oidc_host() as host:
        host.now = lambda: house.clock.now().timestamp()
        ada = house.founds("Harrow", "ada@harrow.example")
        owns_domain(ada, "harrow.example")
        one = connects(ada, issuer=host.address).opens()
        yield Stage(house, one, host, create_app(house.app))
    house.close()
    server.drop(database)


@pytest.fixture
def stage(standing: Stage) -> Iterator[Stage]:
    standing.host.behaves()
    standing.forgets()
    yield standing
    standing.host.behaves()


def test_an_honest_one_is_believed(stage: Stage) -> None:
    answer = stage.signs_in()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/documents")
    assert any("cloister=" in one for one in answer.headers.getlist("Set-Cookie"))


Host = OidcHost
OTHER = RSAKey.generate_key(2048, {"kid": "k1"})
FAST = list(jws.JWSRegistry.algorithms)


def claim(**said: Any) -> Callable[[Host], None]:
    """Say something else in the token; None leaves it out."""

    def edit(claims: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**claims, **said}.items() if value is not None}

    return lambda host: host.does("claims", edit)


def head(**said: Any) -> Callable[[Host], None]:
    def edit(header: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**header, **said}.items() if value is not None}

    def install(host: Host) -> None:
        host.does("header", edit)
        host.signs = lambda header, claims: by_hand(host, header, json.dumps(claims))

    return install


def back(**said: list[str] | None) -> Callable[[Host], None]:
    def edit(answer: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**answer, **said}.items() if value is not None}

    return lambda host: host.does("back", edit)


def at(place: str, **said: Any) -> Callable[[Host], None]:
    def edit(answer: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**answer, **said}.items() if value is not None}

    return lambda host: host.does(place, edit)


def both(*installs: Callable[[Host], None]) -> Callable[[Host], None]:
    def install(host: Host) -> None:
        for one in installs:
            one(host)

    return install


def says(path: str, body: str | bytes, status: int = 200, **headers: str) -> Callable[[Host], None]:
    def install(host: Host) -> None:
        host.raw[path] = lambda: Response(body, status, headers, content_type="application/json")

    return install


def by_hand(host: Host, header: dict[str, Any], payload: str, own: Any = None) -> str:
    """Sign what a library would not."""
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA256

    text = f"{encoded(json.dumps(header).encode())}.{encoded(payload.encode())}"
    key = own or host.keys[0].private_key
    return f"{text}.{encoded(key.sign(text.encode(), padding.PKCS1v15(), SHA256()))}"


def signed_with(key: Any, algorithm: str, **header: Any) -> Callable[[Host], None]:
    def sign(_header: dict[str, Any], claims: dict[str, Any]) -> str:
        named = {"alg": algorithm, "kid": "k1", **header}
        return jws.serialize_compact(named, json.dumps(claims), key, algorithms=FAST)

    return lambda host: setattr(host, "signs", sign)


def unsigned(host: Host) -> None:
    host.signs = lambda _header, claims: (
        f"{encoded(json.dumps({'alg': 'none'}).encode())}.{encoded(json.dumps(claims).encode())}."
    )


def by_public_key(host: Host) -> None:
    """HMAC, keyed by the issuer's public key: whoever checks with whatever the header says takes it."""
    pem = host.keys[0].as_pem(private=False)

    def sign(_header: dict[str, Any], claims: dict[str, Any]) -> str:
        import hmac

        text = f"{encoded(json.dumps({'alg': 'HS256', 'kid': 'k1'}).encode())}.{encoded(json.dumps(claims).encode())}"
        return f"{text}.{encoded(hmac.digest(pem, text.encode(), 'sha256'))}"

    host.signs = sign


def own_key_inside(host: Host) -> None:
    signed_with(OTHER, "RS256", jwk=OTHER.as_dict(private=False))(host)


def weak_key(bits: int) -> Callable[[Host], None]:
    def install(host: Host) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(65537, bits)
        modulus = encoded(key.public_key().public_numbers().n.to_bytes(bits // 8))
        host.does("keys", lambda _said: {"keys": [{"kty": "RSA", "kid": "k1", "n": modulus, "e": "AQAB"}]})
        host.signs = lambda header, claims: by_hand(host, header, json.dumps(claims), key)

    return install


def slow_exponent(host: Host) -> None:
    """A public exponent as long as the modulus: checking with it takes hundreds of times as long."""
    public = host.keys[0].as_dict(private=False)
    host.does("keys", lambda _said: {"keys": [{**public, "e": public["n"]}]})


def twice(host: Host) -> None:
    def sign(header: dict[str, Any], claims: dict[str, Any]) -> str:
        text = json.dumps(claims)
        return by_hand(host, header, text[:-1] + ', "sub": "the-owner"}')

    host.signs = sign


def stretched(payload: str) -> Callable[[Host], None]:
    def install(host: Host) -> None:
        host.signs = lambda header, _claims: by_hand(host, header, payload)

    return install


def two_keys_without_names(host: Host) -> None:
    public = [{k: v for k, v in one.as_dict(private=False).items() if k != "kid"} for one in (host.keys[0], OTHER)]
    host.does("keys", lambda _said: {"keys": public})
    host.does("header", lambda header: {"alg": header["alg"]})


def cut(host: Host) -> None:
    token = host.signed
    host.does("answer", lambda said: {**said, "id_token": said["id_token"][:-20] + encoded(b"x" * 15)})
    assert token is not None


MODES: dict[str, tuple[Callable[[Host], None], str]] = {
    "alg none": (unsigned, "algorithm"),
    "alg none, advertised": (both(unsigned, at("description", id_token_signing_alg_values_supported=["none"])), "algorithm"),
    "HMAC with the public key": (by_public_key, "algorithm"),
    "HMAC with the client's secret": (signed_with(OctKey.import_key("a secret of the client, long enough"), "HS256"), "algorithm"),
    "another key under the same name": (signed_with(OTHER, "RS256"), "signature"),
    "the key inside the token": (own_key_inside, "jwk"),
    "an address of keys inside the token": (head(jku="http://evil.example/keys"), "jku"),
    "a certificate's address inside the token": (head(x5u="http://evil.example/cert"), "x5u"),
    "a certificate inside the token": (head(x5c=["MIIB"]), "x5c"),
    "a critical extension": (head(crit=["exp"]), "crit"),
    "an unencoded payload": (head(b64=False), "b64"),
    "a packed payload": (head(zip="DEF"), "zip"),
    "the type of an access token": (head(typ="at+jwt"), "type"),
    "the type of a logout token": (head(typ="logout+jwt"), "type"),
    "a kid that is a list": (head(kid=["k1"]), "kid"),
    "an unknown kid": (head(kid="../../etc/passwd"), "no such key"),
    "no kid, two keys": (two_keys_without_names, "no such key"),
    "an elliptic key for an RSA algorithm": (signed_with(ECKey.generate_key("P-256"), "ES256"), "no such key"),
    "an algorithm that the key is not for": (head(alg="RS512"), "no such key"),
    "RSA of 1024 bits": (weak_key(1024), "1024 bits"),
    "an exponent that is slow": (slow_exponent, "exponent"),
    "a changed signature": (cut, "signature"),
    "four parts": (at("answer", id_token="a.b.c.d"), "three parts"),
    "an endless token": (at("answer", id_token=f"a.{'b' * 200_000}.c"), "three parts"),
    "no ID token": (at("answer", id_token=None), "no id_token"),
    "another type of access token": (at("answer", token_type="mac"), "another type"),
    "another issuer": (claim(iss="https://evil.example"), "iss"),
    "the issuer with a slash": (lambda host: claim(iss=host.address + "/")(host), "iss"),
    "no issuer": (claim(iss=None), "iss"),
    "another audience": (claim(aud="somebody-else"), "aud"),
    "no audience": (claim(aud=None), "aud"),
    "an empty audience": (claim(aud=[]), "aud"),
    "an audience that is an object": (claim(aud={"cloister": True}), "aud"),
    "two audiences without azp": (claim(aud=[CLIENT, "other"]), "azp"),
    "two audiences, another's azp": (claim(aud=[CLIENT, "other"], azp="other"), "azp"),
    "another's azp": (claim(azp="other"), "azp"),
    "another nonce": (claim(nonce="another"), "nonce"),
    "no nonce": (claim(nonce=None), "nonce"),
    "expired": (lambda host: claim(exp=int(host.now()) - 61)(host), "expired"),
    "no exp": (claim(exp=None), "exp"),
    "exp as text": (claim(exp="tomorrow"), "exp"),
    "exp true": (claim(exp=True), "exp"),
    "exp for ever": (claim(exp=1e300), "exp"),
    "no iat": (claim(iat=None), "iat"),
    "from the future": (lambda host: claim(iat=int(host.now()) + 120)(host), "future"),
    "from an hour ago": (lambda host: claim(iat=int(host.now()) - 3600)(host), "too old"),
    "not yet": (lambda host: claim(nbf=int(host.now()) + 120)(host), "yet"),
    "a proof from the future": (lambda host: claim(auth_time=int(host.now()) + 600)(host), "auth_time"),
    "another at_hash": (claim(at_hash=half_hash("another token")), "at_hash"),
    "another c_hash": (claim(c_hash=half_hash("another code")), "c_hash"),
    "no subject": (claim(sub=None), "sub"),
    "an empty subject": (claim(sub=""), "sub"),
    "a subject that is a number": (claim(sub=7), "sub"),
    "an endless subject": (claim(sub="x" * 300), "sub"),
    "a claim twice": (twice, "twice"),
    "not JSON": (stretched("{"), "JSON"),
    "a list": (stretched("[]"), "object"),
    "NaN": (stretched('{"exp": NaN}'), "JSON"),
    "nested without end": (stretched('{"a":' * 12_000 + "1" + "}" * 12_000), "JSON"),
    "half of a surrogate pair": (stretched('{"sub": "\\ud800", "iss": "x"}'), "no text"),
    "half of a character as the nonce": (claim(nonce="\ud800"), "no text"),
    "half of a character as the at_hash": (claim(at_hash="\udc00"), "no text"),
    "a subject with a zero": (claim(sub="the-owner\x00"), "no text"),
    "userinfo of half a character": (both(claim(email=None), at("userinfo", email="\ud800")), "no text"),
    "a description of another issuer": (at("description", issuer="https://evil.example"), "otherwise"),
    "keys over plain http elsewhere": (at("description", jwks_uri="http://192.0.2.1/keys"), "jwks_uri"),
    "a token endpoint that is a file": (at("description", token_endpoint="file:///etc/passwd"), "token_endpoint"),
    "keys on this host's other ports": (at("description", jwks_uri="http://127.0.0.1:5432/"), ""),
    "metadata of the cloud": (at("description", jwks_uri="https://169.254.169.254/latest"), ""),
    "no key set": (says("/keys", "{}"), "no keys"),
    "a key set that is HTML": (says("/keys", "<html>"), "JSON"),
    "an endless key set": (says("/keys", b"[" + b" " * 600_000 + b"]"), ""),
    "a redirect of the token endpoint": (says("/token", "", 302, Location="http://169.254.169.254/"), "302"),
    "a redirect of the keys": (says("/keys", "", 302, Location="http://169.254.169.254/"), "302"),
    "a token endpoint that fails": (says("/token", "oh no", 500), ""),
    "a token endpoint that refuses": (says("/token", '{"error":"invalid_grant"}', 400), "invalid_grant"),
    "words for the log from the token endpoint": (says("/token", '{"error":"<script>\\n"}', 400), "says no"),
    "userinfo of somebody else": (both(claim(email=None), at("userinfo", sub="the-owner")), "somebody else"),
    "another iss in the answer": (back(iss=["https://evil.example"]), "iss"),
    "no iss in the answer": (back(iss=None), "iss"),
    "another state": (back(state=["guessed"]), "-"),
    "no state": (back(state=None), "-"),
    "two codes": (back(code=["a-code", "b-code"]), "twice"),
    "no code": (back(code=None), "no code"),
    "an endless code": (back(code=["x" * 5000]), "no code"),
    "an error": (back(code=None, error=["access_denied"]), "access_denied"),
    "another's code": (back(code=["stolen"]), "invalid_grant"),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_it_is_refused_once_with_its_rule_and_cheaply(stage: Stage, mode: str) -> None:
    install, rule = MODES[mode]
    before, browser = len(stage.entries()), Browser(stage.site)
    left = browser.client.get(f"/sso/{stage.one.connection_id}/start")
    install(stage.host)
    stage.forgets()
    answered = stage.host.goes_through(left.headers["Location"])
    path = f"/sso/{stage.one.connection_id}/callback?{urlencode(answered, doseq=True)}"
    with Cost(time.thread_time) as cost:
        answer = browser.gets(path)
    assert answer.status_code in {401, 503}, answer.text
    assert not any(one.startswith(("cloister=", "__Host-cloister=")) for one in answer.headers.getlist("Set-Cookie"))
    added = stage.entries()[before:]
    assert len(added) == 1, added
    expected = "sign_on_not_begun_here" if rule == "-" else ("rule_broken", "identity_provider_silent")
    assert added[0]["reason"] in expected
    assert rule == "-" or rule in added[0].get("rule", ""), added
    assert ACCESS not in json.dumps(added)
    assert (cost.seconds < MOST_SECONDS, cost.kilobytes < MOST_KILOBYTES) == (True, True), cost


def test_there_are_enough_of_them() -> None:
    assert len(MODES) >= 45
