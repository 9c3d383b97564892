"""The form of a SAML connection's settings, which administrators and whoever holds its link fill in alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import request

from appliance.identity.sso.errors import ConnectionSettingMalformed, RuleBroken
from appliance.identity.sso.saml.expiry import AHEAD
from appliance.identity.sso.saml.rules import ADVICE, OTHER_ADVICE, Rule
from appliance.identity.sso.saml.settings import certificates_of, read
from appliance.identity.sso.values import Connection
from appliance.kernel.errors import Refusal
from appliance.web import forms
from appliance.web.language import gettext
from appliance.web.sessions import services

_TEXTS: Final = (
    "entity_id", "sign_on_url", "sign_on_binding", "sign_out_url", "sign_out_answer_url", "certificates", "metadata_url",
    "metadata_certificate", "subject_attribute", "email_attribute", "name_attribute", "groups_attribute", "vendor",
)  # fmt: skip
_FLAGS: Final = ("demands_encryption", "signs_requests", "takes_unsolicited")
_RULES: Final = frozenset(Rule)
_FILE_BYTES: Final = 900_000


@dataclass(frozen=True)
class Shown:
    """A certificate as the page shows it."""

    fingerprint: str
    subject: str
    kind: str
    not_after: datetime
    is_over: bool
    is_ending: bool


def settings() -> dict[str, object]:
    """Return what the form says. Raises ConnectionSettingMalformed for a skew that is no number."""
    if "entity_id" not in request.form and "metadata" not in request.form:
        return {}  # it is begun: its provider is not known yet
    skew = forms.field("skew_seconds").strip() or "120"
    if not (skew.isascii() and skew.isdigit() and len(skew) <= 4):  # noqa: PLR2004 - seconds; the room says how many
        raise ConnectionSettingMalformed(setting="skew_seconds")
    given: dict[str, object] = {name: forms.field(name) for name in _TEXTS}
    given |= {name: bool(forms.field(name)) for name in _FLAGS}
    return given | {"skew_seconds": int(skew), "metadata": _metadata()}


def shown(connection: Connection) -> dict[str, str]:
    """Return what the form shows: what was typed and refused, else what is stored."""
    if request.form.get("entity_id") is not None:
        return {name: str(value) for name, value in request.form.items()}
    kept = read(connection.settings)
    return {
        **{name: str(getattr(kept, name)) for name in _TEXTS},
        **{name: "yes" if getattr(kept, name) else "" for name in _FLAGS},
        "certificates": "".join(kept.certificates),
        "skew_seconds": str(kept.skew_seconds),
    }


def addresses(connection: Connection) -> dict[str, str]:
    """Return what is copied into the provider: this connection's own entity id and addresses."""
    base = f"{services().settings.address}/sso/{connection.connection_id}"
    return {name: f"{base}/{name}" for name in ("metadata", "acs", "slo", "start")}


def certificates(connection: Connection) -> Sequence[Shown]:
    """Return the provider's certificates, those that end last first."""
    now = services().clock.now()
    return [
        Shown(one.fingerprint, one.subject, one.kind, one.not_after, not one.is_valid(now), one.not_after <= now + AHEAD)
        for one in certificates_of(connection.settings)
    ]


def advice(refusal: Refusal) -> str:
    """Return what to do about a rule that a provider broke, for whoever tests a connection; empty for other refusals."""
    rule = str(refusal.facts.get("rule", "")) if isinstance(refusal, RuleBroken) else ""
    return gettext(ADVICE.get(Rule(rule), OTHER_ADVICE)) if rule in _RULES else ""


def _metadata() -> str:
    """Return the metadata that was pasted, or the file's."""
    given = request.files.get("metadata_file")
    if given is not None and given.filename:
        return given.stream.read(_FILE_BYTES).decode("utf-8", "replace")
    return forms.field("metadata").strip()
