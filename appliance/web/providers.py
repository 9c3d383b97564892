"""Model providers and the keys to them: an organisation's own, and at the platform the shared ones."""

from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import Permission
from appliance.kernel.errors import Invalid, Refusal
from appliance.vault.providing import ModelProvider, OwnKeys, ProviderKind, list_providers, rules, service
from appliance.vault.providing.desk import KeyForm
from appliance.vault.providing.destinations import REGIONAL, ProviderForm
from appliance.vault.providing.expiry import ending
from appliance.vault.providing.queries import get_key, get_provider
from appliance.vault.providing.service import KeyTerms
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.tables import Table, table_of
from appliance.web.typed import proved_first, shown_here, typed_secret

blueprint = Blueprint("providers", __name__, url_prefix="/providers")
Answer = tuple[str, int] | Response
# Refusals of a page as a whole: each says more than a form could.
_ELSEWHERE = ("forbidden", "provider_not_found", "provider_key_not_found")


class KeyLeftOut(Invalid):
    """While you proved who you are, the key was not kept. Give it once more."""

    code = "provider_key_left_out"


@blueprint.get("")
def show() -> Answer:
    """List the providers."""
    return _list(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Add a provider with its first key."""
    try:
        kind = forms.choice(ProviderKind, "kind")
        form = ProviderForm(forms.field("name"), kind, forms.field("base_url"), forms.field("region") or None)
        made = services().desk.create(caller(), form, _key())
    except Refusal as refusal:
        return _list(shown=_mine(refusal))
    return done("providers.read", "provider-added", provider_id=made.provider_id)


@blueprint.post("/proof")
def prove() -> Answer:
    """Ask who is there before a key is typed, so that it need not be typed twice."""
    return proved_first(Permission.PROVIDER_CHANGE, "/providers")


@blueprint.get("/<uuid:provider_id>")
def read(provider_id: UUID) -> Answer:
    """Show a provider with its keys."""
    return _show(provider_id, shown=None)


@blueprint.post("/<uuid:provider_id>")
def change(provider_id: UUID) -> Answer:
    """Change a provider's name or address."""
    form = ProviderForm(
        forms.field("name"), ProviderKind.OPENAI, forms.field("base_url"), forms.field("region") or None
    )  # of what kind it is, stays
    try:
        services().desk.change(caller(), provider_id, form, _key(label="Key", is_bound=False))
    except Refusal as refusal:
        return _show(provider_id, shown=_mine(refusal))
    return done("providers.read", "saved", provider_id=provider_id)


@blueprint.post("/<uuid:provider_id>/deletion")
def create_deletion(provider_id: UUID) -> Answer:
    """Remove a provider, with its keys."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        service.remove_provider(tx, person, provider_id, clock=house.clock)
    return done("providers.show", "provider-removed")


@blueprint.post("/<uuid:provider_id>/keys")
def add_key(provider_id: UUID) -> Answer:
    """Add a key."""
    try:
        services().desk.add_key(caller(), provider_id, _key())
    except Refusal as refusal:
        return _show(provider_id, shown=_mine(refusal))
    return done("providers.read", "provider-key-added", provider_id=provider_id)


@blueprint.get("/<uuid:provider_id>/keys/<uuid:key_id>")
def read_key(provider_id: UUID, key_id: UUID) -> Answer:
    """Show what is shown of a key."""
    return _show_key(provider_id, key_id, shown=None)


@blueprint.post("/<uuid:provider_id>/keys/<uuid:key_id>")
def change_key(provider_id: UUID, key_id: UUID) -> Answer:
    """Change a key's label, weight or expiry."""
    person, house = caller(), services()
    identity.require(person, Permission.PROVIDER_CHANGE)
    try:
        with house.db.tenant(person.tenant_id) as tx:
            before, ends = get_key(get_provider(tx, person, provider_id), key_id).expires_at, _moment()
            if before is not None and ends is not None and ends.date() == before.astimezone(UTC).date():
                ends = before  # to the minute, as a program gave it
            terms = KeyTerms(forms.field("label"), forms.whole_number("weight"), ends)
            service.change_key(tx, person, provider_id, key_id, terms, clock=house.clock)
    except Refusal as refusal:
        return _show_key(provider_id, key_id, shown=_mine(refusal))
    return done("providers.read_key", "saved", provider_id=provider_id, key_id=key_id)


@blueprint.post("/<uuid:provider_id>/keys/<uuid:key_id>/replacement")
def create_replacement(provider_id: UUID, key_id: UUID) -> Answer:
    """Put a new key in the place of one."""
    try:
        made = services().desk.replace_key(caller(), provider_id, key_id, _key(label="Key"))
    except Refusal as refusal:
        return _show_key(provider_id, key_id, shown=_mine(refusal))
    return done("providers.read_key", "provider-key-replaced", provider_id=provider_id, key_id=made.key_id)


@blueprint.post("/<uuid:provider_id>/keys/<uuid:key_id>/check")
def create_check(provider_id: UUID, key_id: UUID) -> Answer:
    """Try a key at its provider."""
    try:
        found = services().desk.check(caller(), provider_id, key_id)
    except Refusal as refusal:
        return _show_key(provider_id, key_id, shown=_mine(refusal))
    notice = "provider-key-good" if found.check_code == "ok" else "provider-key-bad"
    return done("providers.read_key", notice, provider_id=provider_id, key_id=key_id)


@blueprint.post("/<uuid:provider_id>/keys/<uuid:key_id>/revocation")
def create_revocation(provider_id: UUID, key_id: UUID) -> Answer:
    """Revoke a key, and erase it."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            service.revoke_key(tx, person, provider_id, key_id, clock=house.clock)
    except Refusal as refusal:
        return _show_key(provider_id, key_id, shown=_mine(refusal))
    return done("providers.read_key", "provider-key-revoked", provider_id=provider_id, key_id=key_id)


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        found, rule = list_providers(tx, person), rules.get_own_keys(tx, person)
        is_ended = house.vault.is_destroyed(tx)
    now = house.clock.now()
    soon = [(one, key) for one in found for key in ending(one, now)]
    return page(
        "providers/page.html", refusal=shown, table=_table(found), rule=rule, soon=soon, kinds=ProviderKind, is_ended=is_ended,
        OwnKeys=OwnKeys, regional=REGIONAL, form=request.form, now=now,
    )  # fmt: skip


def _show(provider_id: UUID, *, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        found, rule = get_provider(tx, person, provider_id), rules.get_own_keys(tx, person)
        names = identity.names_of(tx, [one.created_by for one in found.keys if one.created_by])
        is_ended = house.vault.is_destroyed(tx)
    now = house.clock.now()
    return page(
        "providers/provider.html", refusal=shown, is_ended=is_ended, provider=found, rule=rule, names=names, now=now, form=request.form,
        OwnKeys=OwnKeys, is_regional=found.kind in REGIONAL, soon=[(found, key) for key in ending(found, now)],
    )  # fmt: skip


def _show_key(provider_id: UUID, key_id: UUID, *, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        found, rule = get_provider(tx, person, provider_id), rules.get_own_keys(tx, person)
        key = get_key(found, key_id)
        names = identity.names_of(tx, [key.created_by] if key.created_by else [])
    now = house.clock.now()
    return page(
        "providers/key.html", refusal=shown, provider=found, key=key, rule=rule, names=names, now=now, form=request.form,
        OwnKeys=OwnKeys, expires_on=key.expires_at.astimezone(UTC).date() if key.expires_at else None,
        soon=[(found, one) for one in ending(found, now) if one.key_id == key_id],
    )  # fmt: skip


def _table(found: list[ModelProvider]) -> Table[ModelProvider]:
    orders = {
        "name": lambda one: (one.name, one.is_shared),
        "kind": lambda one: (one.kind.value, one.name),
        "uses": lambda one: (sum(key.uses for key in one.keys), one.name),
    }
    return table_of(found, keys=orders, text=lambda one: f"{one.name} {one.kind.value} {one.base_url}", default="name")


def _key(*, label: str | None = None, is_bound: bool = True) -> KeyForm:
    """Read a key's form. One that is not about an address of its own is bound to what the page said."""
    text = typed_secret(KeyLeftOut)
    weight = forms.whole_number("weight") if label is None else 1
    terms = KeyTerms(label or forms.field("label"), weight, _moment())
    address = request.form.get("address") if is_bound else None
    return KeyForm(text, terms, not forms.field("unchecked"), address)


def _moment() -> datetime | None:
    """Return when the day begins, in UTC, from which on a key is no longer used."""
    return forms.day("expires_on")


def _mine(refusal: Refusal) -> Refusal:
    return shown_here(refusal, _ELSEWHERE)
