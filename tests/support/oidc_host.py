"""An OpenID provider on loopback that signs what a test wants, however wrong."""

import base64
import contextlib
import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

CLIENT, SECRET = "cloister", "a secret of the client"
Json = dict[str, Any]
Edit = Callable[[Json], Any]
ACCESS = "an-access-token"


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def half_hash(text: str) -> str:
    return encoded(hashlib.sha256(text.encode()).digest()[:16])


@dataclass
class OidcHost:
    """The provider: what it knows of whoever is on their way, and what it does wrong."""

    address: str = ""
    now: Callable[[], float] = lambda: 0.0
    subject: str = "eve-1"
    person: Json = field(default_factory=lambda: {"email": "eve@harrow.example", "name": "Eve", "groups": ["staff"]})
    keys: list[Any] = field(default_factory=lambda: [RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})])
    asked: list[str] = field(default_factory=list)
    granted: Json = field(default_factory=dict)
    edits: dict[str, list[Edit]] = field(default_factory=dict)
    raw: dict[str, Callable[[], Response]] = field(default_factory=dict)
    signs: Callable[[Json, Json], str] | None = None

    def does(self, place: str, edit: Edit) -> None:
        """Change what is said there: description, keys, header, claims, answer, userinfo, back."""
        self.edits.setdefault(place, []).append(edit)

    def behaves(self) -> None:
        """Do nothing wrong any more."""
        self.edits.clear()
        self.raw.clear()
        self.asked.clear()
        self.signs, self.subject = None, "eve-1"
        self.person = {"email": "eve@harrow.example", "name": "Eve", "groups": ["staff"]}

    def goes_through(self, url: str) -> dict[str, list[str]]:
        """Let somebody sign in there; return what their browser brings back."""
        self.granted = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        back: Json = {"code": ["a-code"], "state": [self.granted["state"]], "iss": [self.address]}
        return dict(self.edited("back", back))

    def edited(self, place: str, said: Json) -> Any:
        """Return what is said, as it was changed."""
        for edit in self.edits.get(place, []):
            changed = edit(said)
            said = said if changed is None else changed
        return said

    def claims(self, **more: Any) -> Json:
        """Return what an honest ID token says."""
        at = int(self.now())
        said = {
            "iss": self.address, "aud": CLIENT, "sub": self.subject, "iat": at, "exp": at + 300, "auth_time": at,
            "nonce": self.granted.get("nonce", ""), "at_hash": half_hash(ACCESS), "sid": "s-1", "amr": ["pwd", "mfa"],
            **self.person, **more,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    def signed(self, header: Json, claims: Json) -> str:
        """Return a token."""
        if self.signs is not None:
            return self.signs(header, claims)
        return jws.serialize_compact(header, json.dumps(claims), self.keys[0], algorithms=list(jws.JWSRegistry.algorithms))

    def logout_token(self, **more: Any) -> str:
        """Return a logout token."""
        at = int(self.now())
        said = {
            "iss": self.address, "aud": CLIENT, "iat": at, "exp": at + 120, "jti": f"jti-{at}", "sid": "s-1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, **more,
        }  # fmt: skip
        header = {"alg": "RS256", "kid": "k1", "typ": "logout+jwt"}
        claims = {name: value for name, value in said.items() if value is not None}
        return self.signed(self.edited("header", header), self.edited("claims", claims))

    def __call__(self, environ: Json, start: Any) -> Any:
        request = Request(environ)
        self.asked.append(request.path)
        answer = self.raw[request.path]() if request.path in self.raw else self._answer(request)
        return answer(environ, start)

    def _answer(self, request: Request) -> Response:
        match request.path:
            case "/.well-known/openid-configuration":
                at = self.address
                return _json(
                    self.edited(
                        "description",
                        {
                            "issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token",
                            "jwks_uri": f"{at}/keys", "userinfo_endpoint": f"{at}/userinfo",
                            "end_session_endpoint": f"{at}/bye", "authorization_response_iss_parameter_supported": True,
                        },
                    )
                )  # fmt: skip
            case "/keys":
                public = [one.as_dict(private=False) for one in self.keys]
                return _json(self.edited("keys", {"keys": public}))
            case "/token":
                return self._token(request)
            case "/userinfo":
                return _json(self.edited("userinfo", {"sub": self.subject, **self.person}))
        return Response("", 404)

    def _token(self, request: Request) -> Response:
        challenge = encoded(hashlib.sha256(request.form.get("code_verifier", "").encode()).digest())
        proof = base64.b64decode(request.headers.get("Authorization", "Basic ").partition(" ")[2]).decode()
        is_known = proof == f"{CLIENT}:{SECRET.replace(' ', '%20')}"
        if challenge != self.granted.get("code_challenge") or request.form.get("code") != "a-code" or not is_known:
            return _json({"error": "invalid_grant"}, 400)
        header = self.edited("header", {"alg": "RS256", "kid": "k1"})
        token = self.signed(header, self.edited("claims", self.claims()))
        answer = {"access_token": ACCESS, "token_type": "Bearer", "expires_in": 300, "id_token": token}
        return _json(self.edited("answer", answer))


@contextlib.contextmanager
def oidc_host(context: ssl.SSLContext | None = None) -> Iterator[OidcHost]:
    """Start one; with a context it speaks TLS."""
    host = OidcHost()
    server = make_server("127.0.0.1", 0, host, threaded=True, ssl_context=context)
    host.address = f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _json(said: Any, status: int = 200) -> Response:
    return Response(said if isinstance(said, bytes | str) else json.dumps(said), status, content_type="application/json")


__all__ = ["ACCESS", "CLIENT", "SECRET", "ECKey", "OctKey", "OidcHost", "RSAKey", "encoded", "half_hash", "oidc_host"]
