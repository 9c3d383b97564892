"""Reading forms: ids, choices and numbers from fields, each with its refusal."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from flask import g, request

from appliance.identity import Attempt, GroupId, Role
from appliance.identity.errors import RoleMisplaced
from appliance.kernel.errors import Invalid
from appliance.kernel.ids import parse_id

# Which field of a form a refusal is about, by the refusal's code; any other is about the form as a whole.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "allowed_model_malformed": ("model",),
    "already_member": ("email",),
    "base_url_malformed": ("base_url",),
    "budget_malformed": ("monthly_tokens",),
    "change_under_way": ("model",),
    "code_wrong": ("code",),
    "collection_malformed": ("name",),
    "collection_name_taken": ("name",),
    "day_malformed": ("expires_on",),
    "destruction_reason_missing": ("reason",),
    "dlp_blocked": ("question",),
    "email_malformed": ("email",),
    "factor_malformed": ("label",),
    "group_malformed": ("name",),
    "group_name_taken": ("name",),
    "labels_malformed": ("labels",),
    "link_host_malformed": ("link_hosts",),
    "model_alias_malformed": ("name", "models"),
    "model_not_allowed": ("model",),
    "model_not_found": ("model",),
    "model_not_installed": ("model",),
    "model_unknown": ("model",),
    "name_missing": ("name",),
    "not_a_number": ("days", "max_tokens"),
    "organisation_name_differs": ("organisation",),
    "organisation_name_missing": ("name", "organisation"),
    "passwords_differ": ("again",),
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
    "question_missing": ("question",),
    "reason_missing": ("reason",),
    "region_malformed": ("region",),
    "second_step_failed": ("code", "confirm_code"),
    "sign_in_failed": ("password", "confirm_password", "current"),
    "temperature_malformed": ("temperature",),
    "title_malformed": ("title",),
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
_DIGITS = 15
Choice = TypeVar("Choice", bound=StrEnum)


class NotAChoice(Invalid):
    """That is not one of the choices of this form. Reload the page and choose again."""

    code = "not_a_choice"


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
    try:
        return Role(field(name))
    except ValueError as error:
        raise RoleMisplaced from error


def choice(kind: type[Choice], name: str) -> Choice:
    """Return one of an enumeration. Raises NotAChoice."""
    try:
        return kind(field(name))
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


def whole_number(name: str) -> int:
    """Return a whole number; marks between thousands are allowed. Raises NotANumber."""
    given = field(name).replace(",", "").replace(".", "").replace(" ", "").strip()
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
        raise NotANumber
    return int(given)
