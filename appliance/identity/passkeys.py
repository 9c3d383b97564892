"""Passkeys (W3C Web Authentication Level 2), as a second factor and as a proof for a sensitive step.

They need a host with a name: a browser binds a passkey to it. What is stored is public; it is sealed all the same,
so that a row copied to another person opens nothing.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from appliance import audit
from appliance.audit import Event
from appliance.identity.errors import PasskeyRefused
from appliance.identity.factors import (
    FactorKind,
    Shown,
    add_factor,
    checked_label,
    new_recovery_codes_for_first,
    rows_of,
    use_factor,
)
from appliance.identity.permissions import require_own_session, require_recent
from appliance.identity.values import Caller, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import Place, Sealer

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

# `webauthn` is loaded by whoever uses a passkey: five megabytes that the gateway's process never needs.
_NAME = "Cloister"


@dataclass(frozen=True)
class Site:
    """Where passkeys are good for: a host name, and the origin that browsers name it by."""

    host: str
    origin: str


def site_of(public_url: str | None, address: str) -> Site | None:
    """Return the site of a house, or None where a passkey cannot be used: a bare number, or a name without https."""
    origin = public_url or address
    parts = urlsplit(origin)
    host = parts.hostname or ""
    is_named = any(sign.isalpha() for sign in host) and ":" not in host
    if host == "localhost" or (is_named and parts.scheme == "https"):
        return Site(host, origin.rstrip("/"))
    return None


def registration_options(tx: Tx, caller: Caller, site: Site, *, challenge: bytes) -> str:
    """Return the JSON that a browser needs to make a passkey (PublicKeyCredentialCreationOptions)."""
    require_own_session(caller)
    require_recent(caller)
    import webauthn
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = webauthn.generate_registration_options(
        rp_id=site.host, rp_name=_NAME, user_id=caller.user_id.bytes, user_name=caller.email,
        user_display_name=caller.display_name, challenge=challenge,
        exclude_credentials=_credentials(tx, caller.user_id),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.PREFERRED
        ),
    )  # fmt: skip
    return webauthn.options_to_json(options)


def add_passkey(
    tx: Tx, caller: Caller, site: Site, *, label: str, response: str, challenge: bytes, sealer: Sealer, clock: Clock
) -> tuple[str, ...]:
    """Store a passkey that the browser made for this challenge; returns recovery codes with the first factor."""
    require_own_session(caller)
    require_recent(caller)
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        made = webauthn.verify_registration_response(
            credential=response, expected_challenge=challenge, expected_rp_id=site.host, expected_origin=site.origin
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyRefused from error
    factor_id = new_id()
    add_factor(
        tx, caller.user_id, factor_id, FactorKind.PASSKEY, checked_label(label), clock,
        credential=made.credential_id, counter=made.sign_count, is_confirmed=True,
        sealed=sealer.seal(tx, made.credential_public_key, _place(caller.user_id, factor_id)),
    )  # fmt: skip
    audit.record(tx, caller.actor, Event.FACTOR_ADDED, subject=caller.user_id, kind=FactorKind.PASSKEY.value)
    return new_recovery_codes_for_first(tx, caller)


def assertion_options(tx: Tx, user_id: UserId, site: Site, *, challenge: bytes) -> str | None:
    """Return the JSON that a browser needs to prove a passkey, or None for somebody who has none."""
    allowed = _credentials(tx, user_id)
    if not allowed:
        return None
    import webauthn
    from webauthn.helpers.structs import UserVerificationRequirement

    options = webauthn.generate_authentication_options(
        rp_id=site.host, challenge=challenge, allow_credentials=allowed,
        user_verification=UserVerificationRequirement.PREFERRED,
    )  # fmt: skip
    return webauthn.options_to_json(options)


def use_passkey(
    tx: Tx,
    user_id: UserId,
    site: Site,
    *,
    response: str,
    challenge: bytes,
    sealer: Sealer,
    clock: Clock,
    is_alone: bool,
) -> Shown | None:
    """Return which of the person's passkeys the browser proved for this challenge, or None.

    Where it is the only proof (`is_alone`), it must have asked for its person, by PIN or finger: a touch is anybody's.
    """
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    for row in _passkeys(tx, user_id):
        public_key = sealer.unseal(tx, row[2], _place(user_id, row[0]))
        try:
            proof = webauthn.verify_authentication_response(
                credential=response, expected_challenge=challenge, expected_rp_id=site.host,
                expected_origin=site.origin, credential_public_key=public_key, credential_current_sign_count=row[3],
                require_user_verification=is_alone,
            )  # fmt: skip
        except (WebAuthnException, ValueError, KeyError, TypeError):
            continue
        if proof.credential_id == row[1] and use_factor(tx, user_id, row[0], proof.new_sign_count, clock):
            return Shown("passkey", row[0])
    return None


def _passkeys(tx: Tx, user_id: UserId) -> list[tuple[UUID, bytes, bytes, int]]:
    return [
        (row.factor_id, bytes(row.credential), bytes(row.sealed), row.counter)
        for row in rows_of(tx, user_id)
        if row.kind == FactorKind.PASSKEY and row.confirmed_at is not None
    ]


def _credentials(tx: Tx, user_id: UserId) -> "list[PublicKeyCredentialDescriptor]":
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    return [PublicKeyCredentialDescriptor(id=credential) for _, credential, _, _ in _passkeys(tx, user_id)]


def _place(user_id: UserId, factor_id: UUID) -> Place:
    return Place("second_factors", "public_key", (user_id, factor_id))
