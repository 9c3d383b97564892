"""What checked claims say of a person, by the names that the connection gives them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from appliance.identity.sso.errors import RuleBroken, SubjectMissing
from appliance.identity.sso.oidc.reading import shown
from appliance.identity.sso.oidc.settings import OidcSettings
from appliance.identity.sso.values import Asserted

_MOST_GROUPS, _LONGEST_GROUP, _MOST_METHODS, _LONGEST_METHOD, _LONGEST_SESSION = 2000, 300, 10, 40, 255


def are_needed(claims: Mapping[str, object], settings: OidcSettings) -> bool:
    """Say whether something that the connection wants is not in the ID token, so that the issuer is to be asked."""
    wanted = [settings.email_claim, settings.name_claim, settings.groups_claim]
    return any(name and _find(claims, name) is None for name in wanted)


def merged(claims: Mapping[str, object], further: Mapping[str, object]) -> dict[str, object]:
    """Return what an issuer said in both places; the signed one counts. Raises RuleBroken for somebody else's."""
    if further.get("sub") != claims.get("sub"):
        raise RuleBroken(rule="the userinfo is of somebody else")
    return {**further, **claims}


def asserted(claims: Mapping[str, object], signed: Mapping[str, object], settings: OidcSettings) -> Asserted:
    """Return who it is. `signed` is what the ID token alone says: nobody is named by anything else. Raises SubjectMissing."""
    subject = signed.get(settings.subject_claim)
    if not isinstance(subject, str) or not subject:
        raise SubjectMissing
    email, name, session = (_text(claims, one) for one in (settings.email_claim, settings.name_claim, "sid"))
    proven = signed.get("auth_time")
    return Asserted(
        subject=subject,
        email=email or None,
        is_email_verified=_verified(claims),
        display_name=name,
        groups=_groups(claims, settings.groups_claim) if settings.groups_claim else None,
        authenticated_at=datetime.fromtimestamp(float(proven), UTC) if isinstance(proven, int | float) else None,
        methods=_methods(signed),
        session=session[:_LONGEST_SESSION] or None,
        shown=shown(claims),
    )


def _groups(claims: Mapping[str, object], name: str) -> tuple[str, ...] | None:
    """Return the groups; None where the provider has too many to say. Who is in none is often said to be in nothing at all."""
    distributed = claims.get("_claim_names")
    if isinstance(distributed, dict) and name in distributed:
        return None
    value = _find(claims, name)
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list):
        return ()
    groups = [one.strip() for one in named[:_MOST_GROUPS] if isinstance(one, str)]
    return tuple(dict.fromkeys(one for one in groups if 0 < len(one) <= _LONGEST_GROUP))


def _verified(claims: Mapping[str, object]) -> bool | None:
    said = claims.get("email_verified")
    return None if said is None else said in (True, "true")


def _methods(claims: Mapping[str, object]) -> tuple[str, ...]:
    said = claims.get("amr")
    named = said if isinstance(said, list) else []
    return tuple(one[:_LONGEST_METHOD] for one in named[:_MOST_METHODS] if isinstance(one, str) and one.isprintable())


def _text(claims: Mapping[str, object], name: str) -> str:
    value = _find(claims, name)
    return value.strip() if isinstance(value, str) and value.isprintable() else ""


def _find(claims: Mapping[str, object], name: str) -> object:
    """Return a claim by its name, or by a path such as realm_access.roles."""
    if name in claims or "." not in name:
        return claims.get(name)
    found: object = claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
