"""What an issuer says of itself, and its keys: asked for over its own line, kept for an hour, asked for again when a key is new."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from appliance.identity.sso.errors import ProviderSilent, RuleBroken, SignOnRefused
from appliance.identity.sso.oidc.keys import IssuerKey, choose, read_keys
from appliance.identity.sso.oidc.line import Line, require_web
from appliance.identity.sso.oidc.reading import text_of
from appliance.identity.sso.oidc.settings import OidcSettings, read
from appliance.identity.sso.values import Connection
from appliance.kernel.egress import Egress

_KEPT_SECONDS: Final = 3600.0
_AGAIN_SECONDS: Final = 5.0
"""After the keys were asked for and did not hold the one that was looked for, they are not asked for again for so long: tokens with
invented names of keys must not make us call the issuer without end. After a success there is no pause: an issuer may change its
key at any time."""
ALIVE_SECONDS: Final = 2.0
"""Whoever is about to be sent to an issuer is sent to one that answered a moment ago, and else told that it does not."""
_MOST: Final = 500
Build = Callable[[str], Egress]
"""Makes a way out that trusts these certificates besides what the operator allows; empty: this host's own."""


@dataclass(frozen=True)
class Described:
    """An issuer's own description (OpenID Connect Discovery 1.0), as far as it is used."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    end_session: str | None
    says_issuer: bool


class Provider:
    """One connection's provider as it is now. Thread-safe: of two who ask at once, both may ask it."""

    def __init__(self, connection: Connection, line: Line, *, tick: Callable[[], float] = time.monotonic) -> None:
        self.settings: OidcSettings = read(connection.settings)
        self.line = line
        self._tick = tick
        self._lock = threading.Lock()
        self._described: tuple[float, Described] | None = None
        self._keys: tuple[float, tuple[IssuerKey, ...]] | None = None
        self._silence: tuple[float, ProviderSilent] | None = None
        self._missed: dict[bool, tuple[float, SignOnRefused]] = {}

    def described(self, *, within: float = _KEPT_SECONDS) -> Described:
        """Return the description, as it was `within` the last seconds. Raises ProviderSilent, RuleBroken."""
        with self._lock:
            kept = self._described
        if kept and self._tick() - kept[0] < within:
            return kept[1]
        self._rest()
        try:
            found = _described(self.line, self.settings)
        except ProviderSilent as silence:
            with self._lock:
                self._silence = (self._tick(), silence)
            raise
        with self._lock:
            self._described = (self._tick(), found)
        return found

    def _rest(self) -> None:
        """Raise ProviderSilent again for a while after it was: or strangers could keep our threads waiting for it."""
        with self._lock:
            silence = self._silence
        if silence and self._tick() - silence[0] < ALIVE_SECONDS:
            raise ProviderSilent(**silence[1].facts)

    def key(
        self, algorithm: str, kid: str | None, *, instead_of: IssuerKey | None = None, is_brought: bool = False
    ) -> IssuerKey:
        """Return the key that a token names; ask for the keys again if it is new. Raises ProviderSilent, RuleBroken.

        `instead_of` is a key that the token's signature does not fit: it is returned once more unless the issuer has another one
        by now. `is_brought` says that a stranger may have sent the token (back-channel logout). Misses of such tokens start a
        pause of their own, so that no stranger can keep people from signing in.
        """
        with self._lock:
            kept, missed = self._keys, self._missed.get(is_brought)
        is_kept = kept is not None and self._tick() - kept[0] < _KEPT_SECONDS
        found = choose(kept[1], algorithm, kid) if kept is not None and is_kept else None
        if found is not None and found != instead_of:
            return found
        if is_kept and missed is not None and self._tick() - missed[0] < _AGAIN_SECONDS:
            if found is not None:
                return found
            raise type(missed[1])(**missed[1].facts)
        try:
            asked = choose(self._ask_keys(), algorithm, kid)
            if asked is None:
                raise RuleBroken(rule="the issuer has no such key")
        except SignOnRefused as refusal:
            self._note_missed(is_brought, refusal)
            raise
        if asked == instead_of:
            self._note_missed(is_brought, RuleBroken(rule="the issuer has no such key"))
        return asked

    def _note_missed(self, is_brought: bool, refusal: SignOnRefused) -> None:
        with self._lock:
            self._missed[is_brought] = self._tick(), refusal

    def _ask_keys(self) -> tuple[IssuerKey, ...]:
        keys = read_keys(self.line.get(self.described().keys, "the key set"))
        with self._lock:
            self._keys = (self._tick(), keys)
        return keys


class Providers:
    """The providers of this process's connections; one that is set otherwise is another one."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[UUID, datetime], Provider] = OrderedDict()

    def way_out(self) -> Egress:
        """Return a way out to the hosts that the operator named for sign-on, by this host's own authorities."""
        return self._build("")

    def of(self, connection: Connection) -> Provider:
        """Return a connection's provider, with its own client."""
        name = connection.connection_id, connection.changed_at
        with self._lock:
            if found := self._kept.get(name):
                self._kept.move_to_end(name)
                return found
        made = Provider(connection, Line(self._build(read(connection.settings).ca_bundle)))
        with self._lock:
            self._kept[name] = made
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return made


def _described(line: Line, settings: OidcSettings) -> Described:
    what, issuer = "the issuer's description", settings.issuer
    said = line.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", what)
    if text_of(said, "issuer", what) != issuer:
        raise RuleBroken(rule="the issuer calls itself otherwise")

    def address(name: str) -> str:
        return require_web(said.get(name), name, issuer=issuer)

    def perhaps(name: str) -> str | None:
        return address(name) if said.get(name) else None

    return Described(
        address("authorization_endpoint"), address("token_endpoint"), address("jwks_uri"), perhaps("userinfo_endpoint"),
        perhaps("end_session_endpoint"), said.get("authorization_response_iss_parameter_supported") is True,
    )  # fmt: skip
