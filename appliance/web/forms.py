"""Reading forms: ids, choices and numbers from fields, each with its refusal."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from flask import g, request

from appliance.identity import Attempt, GroupId, Role
from appliance.identity.errors import RoleMisplaced
from appliance.kernel.errors import Invalid, Refusal
from appliance.kernel.ids import parse_id
from appliance.policy import Term

# Which field of a form a refusal is about, by the refusal's code; any other is about the form as a whole.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "access_end_malformed": ("access_until",),
    "allowance_malformed": ("reason", "allowed_until"),
    "allowance_not_mistaken": ("allowed_until",),
    "allowed_model_malformed": ("model",),
    "already_member": ("email",),
    "attestation_missing": ("attested",),
    "base_url_malformed": ("base_url",),
    "budget_malformed": ("monthly_tokens", "hard"),
    "budget_subject_unknown": ("named",),
    "budget_twice": ("name",),
    "change_under_way": ("model",),
    "call_rule_malformed": ("name",),
    "client_secret_left_out": ("key",),
    "code_wrong": ("code",),
    "chatbot_model_unknown": ("model",),
    "collection_malformed": ("name",),
    "collection_name_taken": ("name",),
    "connection_name_malformed": ("name",),
    "connection_name_taken": ("name",),
    "connection_setting_malformed": ("issuer", "entity_id", "networks"),
    "content_days_malformed": ("call_content_days",),
    "contract_malformed": ("reference",),
    "custom_role_malformed": ("name",),
    "custom_role_taken": ("name",),
    "data_label_malformed": ("label",),
    "day_malformed": ("expires_on", "access_until", "allowed_until", "due_on"),
    "destruction_reason_missing": ("reason",),
    "dlp_blocked": ("question",),
    "dlp_dry_run_malformed": ("most", "days"),
    "dlp_policy_malformed": ("note",),
    "dlp_rule_malformed": ("name",),
    "domain_malformed": ("domain",),
    "domain_taken": ("domain",),
    "email_malformed": ("email",),
    "expression_malformed": ("expression",),
    "factor_malformed": ("label",),
    "group_malformed": ("name",),
    "group_name_taken": ("name",),
    "justification_missing": ("reason",),
    "labels_malformed": ("labels",),
    "limit_malformed": ("requests_per_minute",),
    "link_host_malformed": ("link_hosts",),
    "mapping_malformed": ("said",),
    "model_alias_malformed": ("name", "models"),
    "model_not_allowed": ("model",),
    "model_not_found": ("model",),
    "model_not_installed": ("model",),
    "model_unknown": ("model",),
    "moment_malformed": ("at",),
    "name_missing": ("name",),
    "networks_lock_out": ("networks",),
    "networks_malformed": ("networks",),
    "no_provider": ("email",),
    "not_a_number": ("least", "most", "days", "hours", "idle_minutes", "max_tokens", "hard", "requests_per_minute"),
    "not_an_amount": ("hard",),
    "operator_not_found": ("email",),
    "organisation_name_differs": ("organisation",),
    "organisation_name_missing": ("name", "organisation"),
    "own_list_malformed": ("name",),
    "passwords_differ": ("again",),
    "policy_beyond": ("idle_minutes", "lifetime_minutes", "proof_minutes", "most_sessions"),
    "provider_key_known": ("key",),
    "provider_key_left_out": ("key",),
    "provider_key_malformed": ("key",),
    "provider_key_masked": ("key",),
    "provider_key_needed_again": ("key",),
    "provider_key_not_needed": ("key",),
    "provider_key_rejected": ("key",),
    "provider_key_terms_malformed": ("label",),
    "provider_name_malformed": ("name",),
    "provider_name_taken": ("name",),
    "provisioning_token_malformed": ("days",),
    "question_blocked": ("question",),
    "question_missing": ("question",),
    "reason_missing": ("reason",),
    "region_malformed": ("region",),
    "review_malformed": ("name",),
    "saml_metadata_unusable": ("metadata",),
    "sample_found": ("clean",),
    "sample_missed": ("samples",),
    "second_step_failed": ("code", "confirm_code"),
    "sign_in_failed": ("password", "confirm_password", "current"),
    "place_address_malformed": ("url",),
    "place_closed": ("url",),
    "place_options_malformed": ("host_key",),
    "place_secret_malformed": ("key",),
    "sink_address_malformed": ("url",),
    "sink_host_closed": ("url",),
    "sink_choice_malformed": ("events",),
    "sink_name_malformed": ("name",),
    "sink_name_taken": ("name",),
    "sink_options_malformed": ("region", "retain_days"),
    "sink_secret_left_out": ("key",),
    "sink_secret_malformed": ("key",),
    "support_malformed": ("reason", "hours"),
    "temperature_malformed": ("temperature",),
    "terms_malformed": ("terms",),
    "title_malformed": ("title",),
    "token_limit_malformed": ("models", "networks"),
    "values_malformed": ("values",),
    "weak_password": ("new", "password"),
}
# What somebody may have written at length; a page of a refusal shows it again, so that it can be copied.
WRITTEN: Final = (
    "question",
    "comment",
    "reason",
    "instructions",
    "system",
    "welcome",
    "questions",
    "description",
    "title",
    "name",
    "label",
)
_NAMING: Final = frozenset({"dlp_dry_run_malformed", "dlp_rule_malformed"})
"""Codes of refusals that say themselves, as a fact, which field it is."""
_DIGITS = 15
Choice = TypeVar("Choice", bound=StrEnum)


def fields_of(refusal: Refusal) -> tuple[str, ...]:
    """Return which fields of a form a refusal is about; none is the form as a whole."""
    if refusal.code in _NAMING and refusal.facts.get("field"):
        return (str(refusal.facts["field"]),)
    return FIELDS.get(refusal.code, ())


class NotAChoice(Invalid):
    """That is not one of the choices of this form. Reload the page and choose again."""

    code = "not_a_choice"


class DayMalformed(Invalid):
    """That is no day. Write it such as 2027-03-31, or leave it out."""

    code = "day_malformed"


class NotAnAmount(Invalid):
    """Write an amount such as 1250 or 12.50, without marks between thousands."""

    code = "not_an_amount"


class NotANumber(Invalid):
    """Write a whole number with at most 15 digits and nothing else."""

    code = "not_a_number"


def attempt(email: str, password: str) -> Attempt:
    """Return a try to prove who is at this browser."""
    return Attempt(email, password, request.remote_addr or "", request.user_agent.string, g.request_id)


def field(name: str) -> str:
    """Return a field's text, or nothing."""
    return request.form.get(name, "")


def written() -> list[str]:
    """Return the texts of the form that was sent, for a page that cannot show the form again."""
    return [text for name in WRITTEN for text in request.form.getlist(name) if text.strip()]


def role(name: str = "role") -> Role:
    """Return a role. Raises RoleMisplaced."""
    return role_named(field(name))


def role_named(value: str) -> Role:
    """Return the role that a choice of several things names. Raises RoleMisplaced."""
    try:
        return Role(value)
    except ValueError as error:
        raise RoleMisplaced from error


def role_or_own(name: str = "role") -> tuple[Role, UUID | None]:
    """Return a role, or one of the organisation's own by its id. Raises RoleMisplaced."""
    own = parse_id(field(name))
    return (Role.CUSTOM, own) if own else (role(name), None)


def choice(kind: type[Choice], name: str) -> Choice:
    """Return one of an enumeration. Raises NotAChoice."""
    try:
        return kind(field(name))
    except ValueError as error:
        raise NotAChoice from error


def term(given: str) -> Term:
    """Return what a contract grants. Raises NotAChoice."""
    try:
        return Term(given)
    except ValueError as error:
        raise NotAChoice from error


def ids(name: str) -> tuple[UUID, ...]:
    """Return the ids of ticked boxes. Raises NotAChoice."""
    found = [parse_id(value) for value in request.form.getlist(name)]
    if None in found:
        raise NotAChoice
    return tuple(value for value in found if value is not None)


def groups(name: str = "groups") -> tuple[GroupId, ...]:
    """Return the groups that were ticked. Raises NotAChoice."""
    return tuple(GroupId(value) for value in ids(name))


def lines(name: str) -> tuple[str, ...]:
    """Return the lines of a field, without the empty ones."""
    return tuple(one.strip() for one in field(name).splitlines() if one.strip())


def day(name: str) -> datetime | None:
    """Return when the day of a field begins, in UTC, or None for an empty one. Raises DayMalformed."""
    given = field(name).strip()
    if not given:
        return None
    try:
        return datetime.combine(date.fromisoformat(given), time(), UTC)
    except ValueError:
        raise DayMalformed from None


def number(name: str) -> int | None:
    """Return a whole number, or None for an empty field. Raises NotANumber."""
    return whole_number(name) if field(name).strip() else None


def whole_number(name: str) -> int:
    """Return a whole number; marks between thousands are allowed. Raises NotANumber."""
    given = field(name).replace(",", "").replace(".", "").replace(" ", "").strip()
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
        raise NotANumber
    return int(given)
