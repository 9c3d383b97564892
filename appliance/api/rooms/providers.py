"""Model providers and the keys to them. A key goes in and never comes out: answers have its last four signs at most.

For operators, whose token is of the platform, these are the platform's shared providers.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, SecretStr, StringConstraints

from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Name, Output, Page, cut
from appliance.identity import Permission
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable
from appliance.vault.providing import OwnKeys, ProviderKind, errors, list_providers, queries, rules, service
from appliance.vault.providing.desk import KeyForm
from appliance.vault.providing.destinations import ProviderForm
from appliance.vault.providing.service import KeyTerms

_SAMPLE = "sk-example-0123456789abcdef"
_Slug = Annotated[str, StringConstraints(min_length=1, max_length=63), Field(examples=["openai-eu"])]
_Renamed = Annotated[str, StringConstraints(min_length=1, max_length=63), Field(examples=["openai-us"])]
_Address = Annotated[str, StringConstraints(max_length=500), Field(examples=["https://models.example.com/v1"])]
_CHECKS = (
    errors.ProviderHostClosed, errors.KeyRejected, errors.KeyNotPermitted, errors.ProviderAnswersOddly, errors.ProviderBusy,
    errors.ProviderTlsFailed, errors.ProviderUnreachable,
)  # fmt: skip
_KEYS = (
    errors.OwnKeysForbidden, errors.ProviderChanged, errors.ProviderKeyKnown, errors.ProviderKeyMalformed,
    errors.ProviderKeyMasked, errors.ProviderKeyTermsMalformed, errors.TooManyProviderKeys, KeyDestroyed, KeyUnavailable,
)  # fmt: skip
_NAMES = (errors.BaseUrlMalformed, errors.ProviderNameMalformed, errors.ProviderNameTaken, errors.RegionMalformed)


class ProviderKeyOut(Output):
    """Everything but the key. `fingerprint` tells it from others of this organisation; calls on record name it.

    `check_code` is `ok`, or the code of what was wrong when it was last tried.
    """

    key_id: UUID
    label: str
    weight: int
    last_four: str
    fingerprint: str
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    checked_at: datetime | None
    check_code: str | None
    revoked_at: datetime | None


class ProviderOut(Output):
    """`is_shared`: it belongs to the platform, and its keys are shown to operators alone."""

    provider_id: UUID
    name: str
    kind: ProviderKind
    base_url: str
    region: str | None
    is_shared: bool
    keys: list[ProviderKeyOut]


class KeyUseOut(Output):
    """How often a key was lent for a call, and what went wrong with it last."""

    key_id: UUID
    fingerprint: str
    uses: int
    last_used_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None


class KeyUsesOut(Output):
    items: list[KeyUseOut]


class OwnKeysOut(Output):
    """Whether the organisation may, or must, use provider keys of its own; the platform's operators say so."""

    own_keys: OwnKeys


class _KeyIn(Input):
    check: bool = Field(True, description="Whether it is tried at the provider first; one that is refused is not kept.")
    expires_at: AwareDatetime | None = Field(None, description="When it ends. People are reminded two weeks before.")


class NewKeyIn(_KeyIn):
    """Bedrock: the access key ID and the secret access key with a colon between them. Vertex: the account's JSON file."""

    key: SecretStr = Field(examples=[_SAMPLE], max_length=20_000)
    label: Name = "Key"
    weight: int = Field(1, ge=1, le=1000, description="Its share of the calls, beside the other keys' weights.")


class ReplacementIn(_KeyIn):
    """The new key gets the former one's label and weight. The former one is revoked at once."""

    key: SecretStr = Field(examples=["sk-example-new-0123456789"], max_length=20_000)


class NewProviderIn(NewKeyIn):
    """A provider with its first key. Without `base_url` it is the vendor's own address."""

    name: _Slug
    kind: ProviderKind = Field(examples=[ProviderKind.OPENAI])
    base_url: _Address = ""
    region: str | None = Field(None, max_length=60, description="Of Bedrock and Vertex, such as eu-central-1.")


class ProviderIn(Input):
    """With another address the key is needed again, and takes the place of all there are. A masked key is no key."""

    name: _Renamed
    base_url: _Address = ""
    region: str | None = Field(None, max_length=60)
    key: SecretStr | None = Field(None, max_length=20_000, description="The key anew, where the address changes.")
    check: bool = Field(True, description="Whether a new key is tried at the provider first.")


class KeyTermsIn(Input):
    label: Name
    weight: int = Field(ge=1, le=1000, examples=[1])
    expires_at: AwareDatetime | None = None


@operation("GET", "/providers", permission=Permission.PROVIDER_READ, query=Page, answer=Listed[ProviderOut])
def list_model_providers(call: Call) -> Listed[ProviderOut]:
    """Return the organisation's providers with their keys, and the shared ones that it may use without theirs."""
    with call.tenant() as tx:
        found = list_providers(tx, call.caller)
    rows, cursor = cut(found, call.query, key=lambda one: one.provider_id)
    return Listed[ProviderOut](items=[ProviderOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation("GET", "/providers/own-keys", permission=Permission.PROVIDER_READ, answer=OwnKeysOut)
def get_own_keys(call: Call) -> OwnKeysOut:
    """Return whether the organisation may, or must, use keys of its own."""
    with call.tenant() as tx:
        return OwnKeysOut(own_keys=rules.get_own_keys(tx, call.caller))


@operation(
    "POST", "/providers", permission=Permission.PROVIDER_CHANGE, body=NewProviderIn, answer=ProviderOut, status=201,
    refusals=(*_NAMES, *_KEYS, *_CHECKS),
)  # fmt: skip
def create_provider(call: Call) -> ProviderOut:
    """Add a provider with its first key, which is tried there first."""
    body = call.body
    form = ProviderForm(body.name, body.kind, body.base_url, body.region)
    return ProviderOut.model_validate(call.services.desk.create(call.caller, form, _key(body)))


@operation("GET", "/providers/{provider_id}", permission=Permission.PROVIDER_READ, answer=ProviderOut)
def get_provider(call: Call) -> ProviderOut:
    """Return one of the organisation's providers with its keys, those in force first."""
    with call.tenant() as tx:
        return ProviderOut.model_validate(queries.get_provider(tx, call.caller, call.ids["provider_id"]))


@operation(
    "PUT", "/providers/{provider_id}", permission=Permission.PROVIDER_CHANGE, body=ProviderIn, answer=ProviderOut,
    refusals=(*_NAMES, *_KEYS, errors.KeyNeededAgain, errors.KeyNotNeeded, *_CHECKS),
)  # fmt: skip
def change_provider(call: Call) -> ProviderOut:
    """Change a provider's name or address. With the address, every key ends, and one is given anew."""
    body = call.body
    form = ProviderForm(body.name, ProviderKind.OPENAI, body.base_url, body.region)  # of what kind it is, stays
    given = body.key.get_secret_value() if body.key else ""
    key = KeyForm(given, KeyTerms("Key"), body.check) if body.key else None
    return ProviderOut.model_validate(call.services.desk.change(call.caller, call.ids["provider_id"], form, key))


@operation("DELETE", "/providers/{provider_id}", permission=Permission.PROVIDER_CHANGE)
def delete_provider(call: Call) -> None:
    """Remove a provider; its keys are revoked and erased."""
    with call.tenant() as tx:
        service.remove_provider(tx, call.caller, call.ids["provider_id"], clock=call.services.clock)


@operation("GET", "/providers/{provider_id}/uses", permission=Permission.PROVIDER_READ, answer=KeyUsesOut)
def list_key_uses(call: Call) -> KeyUsesOut:
    """Return how often each key was lent: of a shared provider, to all organisations together."""
    with call.tenant() as tx:
        found = queries.get_provider(tx, call.caller, call.ids["provider_id"])
    return KeyUsesOut(items=[KeyUseOut.model_validate(one) for one in found.keys])


@operation(
    "POST", "/providers/{provider_id}/keys", permission=Permission.PROVIDER_CHANGE, body=NewKeyIn, answer=ProviderKeyOut,
    status=201, refusals=(*_KEYS, *_CHECKS),
)  # fmt: skip
def add_provider_key(call: Call) -> ProviderKeyOut:
    """Add a key. Calls are spread over a provider's keys by weight."""
    return ProviderKeyOut.model_validate(
        call.services.desk.add_key(call.caller, call.ids["provider_id"], _key(call.body))
    )


@operation("GET", "/providers/{provider_id}/keys/{key_id}", permission=Permission.PROVIDER_READ, answer=ProviderKeyOut)
def get_provider_key(call: Call) -> ProviderKeyOut:
    """Return what is shown of a key."""
    return _shown(call)


@operation(
    "PUT", "/providers/{provider_id}/keys/{key_id}", permission=Permission.PROVIDER_CHANGE, body=KeyTermsIn, answer=ProviderKeyOut,
    refusals=(errors.ProviderKeyRevoked, errors.ProviderKeyTermsMalformed),
)  # fmt: skip
def change_provider_key(call: Call) -> ProviderKeyOut:
    """Change a key's label, weight or expiry."""
    body = call.body
    with call.tenant() as tx:
        terms = KeyTerms(body.label, body.weight, body.expires_at)
        service.change_key(
            tx, call.caller, call.ids["provider_id"], call.ids["key_id"], terms, clock=call.services.clock
        )
    return _shown(call)


@operation(
    "DELETE",
    "/providers/{provider_id}/keys/{key_id}",
    permission=Permission.PROVIDER_CHANGE,
    refusals=(errors.ProviderKeyRevoked,),
)
def revoke_provider_key(call: Call) -> None:
    """Revoke a key, and erase it: no call gets it from now on."""
    with call.tenant() as tx:
        service.revoke_key(tx, call.caller, call.ids["provider_id"], call.ids["key_id"], clock=call.services.clock)


@operation(
    "POST", "/providers/{provider_id}/keys/{key_id}/replacement", permission=Permission.PROVIDER_CHANGE, body=ReplacementIn,
    answer=ProviderKeyOut, status=201, refusals=(*_KEYS, errors.ProviderKeyRevoked, *_CHECKS),
)  # fmt: skip
def replace_provider_key(call: Call) -> ProviderKeyOut:
    """Put a new key in the place of one, which is revoked and erased."""
    body = call.body
    key = KeyForm(body.key.get_secret_value(), KeyTerms("", 1, body.expires_at), body.check)
    made = call.services.desk.replace_key(call.caller, call.ids["provider_id"], call.ids["key_id"], key)
    return ProviderKeyOut.model_validate(made)


@operation(
    "POST", "/providers/{provider_id}/keys/{key_id}/check", permission=Permission.PROVIDER_CHANGE, answer=ProviderKeyOut,
    refusals=(errors.ProviderKeyRevoked, errors.OwnKeysForbidden, IntegrityError, KeyDestroyed, KeyUnavailable),
)  # fmt: skip
def check_provider_key(call: Call) -> ProviderKeyOut:
    """Try a key at its provider; `check_code` says what came of it."""
    return ProviderKeyOut.model_validate(
        call.services.desk.check(call.caller, call.ids["provider_id"], call.ids["key_id"])
    )


@operation(
    "GET", "/providers/{provider_id}/keys/{key_id}/secret", permission=None,
    refusals=(errors.ProviderKeyNotShown,),
)  # fmt: skip
def reveal_provider_key(call: Call) -> None:
    """Refuse: nobody is shown a key. That it was asked for is recorded."""
    call.services.desk.refuse_reveal(call.caller, call.ids["provider_id"], call.ids["key_id"])


def _key(body: NewKeyIn) -> KeyForm:
    terms = KeyTerms(body.label, body.weight, body.expires_at)
    return KeyForm(body.key.get_secret_value(), terms, body.check)


def _shown(call: Call) -> ProviderKeyOut:
    with call.tenant() as tx:
        found = queries.get_provider(tx, call.caller, call.ids["provider_id"])
    return ProviderKeyOut.model_validate(queries.get_key(found, call.ids["key_id"]))
