"""Where administrators bring provider keys: a key is tried at its provider, with no transaction open, and then sealed.

A key that was given for one address is not sealed for another: who changed the provider meanwhile wins, and the other
one looks again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from appliance import identity
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.egress import Egress
from appliance.kernel.errors import Refusal
from appliance.kernel.secret import Secret
from appliance.vault.providing import service
from appliance.vault.providing.checks import check_key
from appliance.vault.providing.credentials import is_masked, read_key
from appliance.vault.providing.destinations import ProviderForm, checked
from appliance.vault.providing.envelope import fingerprint_of, open_key
from appliance.vault.providing.errors import KeyNotNeeded, ProviderChanged
from appliance.vault.providing.queries import get_key, get_provider
from appliance.vault.providing.service import KeyTerms, NewKey
from appliance.vault.providing.values import ModelProvider, ProviderKey, ProviderKeyId
from appliance.vault.service import Vault

OK = "ok"
Made = TypeVar("Made")


@dataclass(frozen=True, repr=False)
class KeyForm:
    """A key as somebody typed it; has no repr.

    `is_checked` False: it is sealed without a try. `address` is where they were told that it goes, None for a program.
    """

    text: str
    terms: KeyTerms
    is_checked: bool = True
    address: str | None = None


class Desk:
    """Verbs that leave the database and come back; each owns its transactions."""

    def __init__(self, db: Database, vault: Vault, egress: Egress, *, clock: Clock) -> None:
        self._db, self._vault, self._egress, self._clock = db, vault, egress, clock

    def create(self, caller: Caller, form: ProviderForm, key: KeyForm) -> ModelProvider:
        """Add a provider with its first key. Raises what the check raises; then nothing was kept."""
        self._require_change(caller)
        form = checked(form)

        def make(tx: Tx, made: NewKey) -> UUID:
            return service.create_provider(tx, caller, self._vault, form, made, clock=self._clock)

        return self._show(caller, self._with_key(caller, form, key, make))

    def change(self, caller: Caller, provider_id: UUID, form: ProviderForm, key: KeyForm | None) -> ModelProvider:
        """Give a provider another name or address; with the address, the key anew. A mask is no key.

        Raises KeyNeededAgain, KeyNotNeeded, what the check raises.
        """
        self._require_change(caller)
        before = self._destination(caller, provider_id)
        form = checked(ProviderForm(form.name, before.kind, form.base_url, form.region))
        is_moved = (form.base_url, form.region) != (before.base_url, before.region)
        if key is not None and not (is_moved and self._asks_for_none(caller, provider_id)):
            key = None if is_masked(key.text) or not key.text.strip() else key
        if key is None:
            with self._db.tenant(caller.tenant_id) as tx:
                service.change_provider(tx, caller, self._vault, provider_id, form, None, clock=self._clock)
            return self._show(caller, provider_id)
        if not is_moved:
            raise KeyNotNeeded

        def move(tx: Tx, made: NewKey) -> None:
            service.change_provider(tx, caller, self._vault, provider_id, form, made, clock=self._clock)

        self._with_key(caller, form, key, move)
        return self._show(caller, provider_id)

    def add_key(self, caller: Caller, provider_id: UUID, key: KeyForm) -> ProviderKey:
        """Add a key to a provider."""
        self._require_change(caller)
        form = self._destination(caller, provider_id)

        def add(tx: Tx, made: NewKey) -> ProviderKeyId:
            return service.add_key(tx, caller, self._vault, provider_id, made, expected=form, clock=self._clock)

        made = self._with_key(caller, form, key, add)
        return get_key(self._show(caller, provider_id), made)

    def replace_key(self, caller: Caller, provider_id: UUID, key_id: UUID, key: KeyForm) -> ProviderKey:
        """Put a new key in the place of one, with that one's label and weight. `key.terms` says when it expires."""
        self._require_change(caller)
        form = self._destination(caller, provider_id)

        def put(tx: Tx, made: NewKey) -> ProviderKeyId:
            return service.replace_key(
                tx, caller, self._vault, provider_id, key_id, made, expected=form, clock=self._clock
            )

        made = self._with_key(caller, form, key, put)
        return get_key(self._show(caller, provider_id), made)

    def check(self, caller: Caller, provider_id: UUID, key_id: UUID) -> ProviderKey:
        """Try a stored key at its provider, and keep what came of it: the key's `check_code` says so."""
        self._require_change(caller)
        with self._db.tenant(caller.tenant_id) as tx:
            provider, sealed = service.sealed_key(tx, provider_id, key_id)
            secret = open_key(tx, self._vault, key_id, sealed, provider)
        form = ProviderForm(provider.name, provider.kind, provider.base_url, provider.region)
        with secret:
            code = _code(self._tried(form, secret))
        with self._db.tenant(caller.tenant_id) as tx:
            service.note_check(tx, caller, provider_id, key_id, code, clock=self._clock)
            return get_key(get_provider(tx, caller, provider_id), key_id)

    def refuse_reveal(self, caller: Caller, provider_id: UUID, key_id: UUID) -> None:
        """Record that somebody asked to be shown a key, and refuse. Always raises."""
        with self._db.tenant(caller.tenant_id) as tx:
            refusal = service.note_reveal(tx, caller, provider_id, key_id)
        raise refusal

    def _require_change(self, caller: Caller) -> None:
        """Before anything leaves this house; the verbs ask again, in their own transaction."""
        identity.require(caller, Permission.PROVIDER_CHANGE)
        with self._db.tenant(caller.tenant_id) as tx:
            service.require_change(tx, caller)

    def _with_key(self, caller: Caller, form: ProviderForm, key: KeyForm, save: Callable[[Tx, NewKey], Made]) -> Made:
        if key.address is not None and key.address != form.base_url:
            raise ProviderChanged
        given = read_key(form.kind, key.text)
        with given.secret as secret:
            if key.is_checked:
                self._try(caller, form, secret)
            with self._db.tenant(caller.tenant_id) as tx:
                return save(tx, NewKey(given, key.terms, OK if key.is_checked else None))

    def _try(self, caller: Caller, form: ProviderForm, secret: Secret) -> None:
        """Try a key that is not kept yet: that it left this house, or was to, is on record whatever comes of it."""
        refusal = self._tried(form, secret)
        with self._db.tenant(caller.tenant_id) as tx:
            service.note_try(tx, caller, form, _code(refusal))
        if refusal is not None:
            raise refusal

    def _tried(self, form: ProviderForm, secret: Secret) -> Refusal | None:
        try:
            check_key(self._egress, form, secret, clock=self._clock)
        except Refusal as refusal:
            return refusal
        return None

    def _asks_for_none(self, caller: Caller, provider_id: UUID) -> bool:
        """Return whether this is a compatible server that was given no key, so that no key is one here."""
        with self._db.tenant(caller.tenant_id) as tx:
            live = [one for one in get_provider(tx, caller, provider_id).keys if one.revoked_at is None]
            nothing = fingerprint_of(tx, self._vault, Secret(bytearray())) if live else ""
        return bool(live) and all(one.fingerprint == nothing for one in live)

    def _destination(self, caller: Caller, provider_id: UUID) -> ProviderForm:
        found = self._show(caller, provider_id)
        return ProviderForm(found.name, found.kind, found.base_url, found.region)

    def _show(self, caller: Caller, provider_id: UUID) -> ModelProvider:
        with self._db.tenant(caller.tenant_id) as tx:
            return get_provider(tx, caller, provider_id)


def _code(refusal: Refusal | None) -> str:
    return OK if refusal is None else refusal.code
