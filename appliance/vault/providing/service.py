"""What administrators do to providers and keys. Doors ask `desk.Desk`, which tries a key at its provider first.

A row is locked before it is changed, so that of two who revoke, replace or change at once the second sees what the
first did.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import func, select, true
from sqlalchemy.exc import IntegrityError as UniqueViolation

from appliance import audit, identity
from appliance.audit import Event, Outcome
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import new_id
from appliance.vault.providing.credentials import Given
from appliance.vault.providing.destinations import ProviderForm
from appliance.vault.providing.envelope import fingerprint_of, seal_key
from appliance.vault.providing.errors import (
    KeyNeededAgain,
    OwnKeysForbidden,
    ProviderChanged,
    ProviderKeyKnown,
    ProviderKeyMasked,
    ProviderKeyNotFound,
    ProviderKeyNotShown,
    ProviderKeyRevoked,
    ProviderKeyTermsMalformed,
    ProviderNameTaken,
    ProviderNotFound,
    TooManyProviderKeys,
)
from appliance.vault.providing.lending import own_keys
from appliance.vault.providing.tables import ProviderKeyRow, ProviderRow
from appliance.vault.providing.values import ModelProvider, OwnKeys, ProviderId, ProviderKeyId, ProviderKind
from appliance.vault.service import Vault

MOST_PROVIDERS, MOST_KEYS = 50, 20
_LONGEST_LABEL, _HEAVIEST = 120, 1000


@dataclass(frozen=True)
class KeyTerms:
    """What a key is called, how large its share of the calls is beside the others', and when it ends."""

    label: str
    weight: int = 1
    expires_at: datetime | None = None


@dataclass(frozen=True, repr=False)
class NewKey:
    """A key to be sealed. `check_code` is what its check said, None for one that nobody checked."""

    given: Given
    terms: KeyTerms
    check_code: str | None = None


def create_provider(
    tx: Tx, caller: Caller, vault: Vault, form: ProviderForm, key: NewKey, *, clock: Clock
) -> ProviderId:
    """Add a provider with its first key. `form` is a checked one. Raises ProviderNameTaken, OwnKeysForbidden."""
    require_change(tx, caller)
    in_turn(tx, "providers")
    there = select(func.count()).where(ProviderRow.tenant_id == tx.tenant_id, ProviderRow.removed_at.is_(None))
    if (tx.scalar(there) or 0) >= MOST_PROVIDERS:
        raise TooManyProviderKeys(most=MOST_PROVIDERS)
    now = clock.now()
    row = ProviderRow(
        tenant_id=tx.tenant_id, provider_id=new_id(), name=form.name, kind=form.kind.value, base_url=form.base_url,
        region=form.region, created_by=caller.user_id, created_at=now, changed_at=now,
    )  # fmt: skip
    _put(tx, row)
    audit.record(tx, caller.actor, Event.PROVIDER_CREATED, subject=row.provider_id, name=row.name, provider=row.kind,
                 base_url=row.base_url)  # fmt: skip
    _add(tx, caller, vault, row, key, clock=clock)
    return ProviderId(row.provider_id)


def change_provider(
    tx: Tx, caller: Caller, vault: Vault, provider_id: UUID, form: ProviderForm, key: NewKey | None, *, clock: Clock
) -> None:
    """Give a provider another name or address. Its kind stays.

    With the address its keys end: one must be given anew, and takes the place of all. Raises KeyNeededAgain, ProviderChanged.
    """
    require_change(tx, caller)
    row = _locked(tx, provider_id)
    before = (row.name, row.base_url, row.region)
    is_moved = (row.base_url, row.region) != (form.base_url, form.region)
    if is_moved and key is None:
        raise KeyNeededAgain
    if key is not None and not is_moved:  # somebody else moved it there meanwhile, with a key of theirs
        raise ProviderChanged
    row.name, row.base_url, row.region, row.changed_at = form.name, form.base_url, form.region, clock.now()
    _put(tx, row)
    if before != (row.name, row.base_url, row.region):
        audit.record(tx, caller.actor, Event.PROVIDER_CHANGED, subject=row.provider_id, name_before=before[0], name=row.name,
                     base_url_before=before[1], base_url=row.base_url)  # fmt: skip
    if is_moved and key is not None:
        for one in _live(tx, row.provider_id):
            _end(tx, caller, one, clock=clock)
        _add(tx, caller, vault, row, key, clock=clock)


def remove_provider(tx: Tx, caller: Caller, provider_id: UUID, *, clock: Clock) -> None:
    """Remove a provider; its keys are revoked and erased."""
    identity.require(caller, Permission.PROVIDER_CHANGE)
    row = _locked(tx, provider_id)
    for one in _live(tx, row.provider_id):
        _end(tx, caller, one, clock=clock)
    row.removed_at = clock.now()
    tx.flush()
    audit.record(tx, caller.actor, Event.PROVIDER_REMOVED, subject=row.provider_id, name=row.name)


def add_key(
    tx: Tx, caller: Caller, vault: Vault, provider_id: UUID, key: NewKey, *, expected: ProviderForm, clock: Clock
) -> ProviderKeyId:
    """Add a key to a provider. Raises ProviderKeyKnown, TooManyProviderKeys, OwnKeysForbidden, ProviderChanged."""
    require_change(tx, caller)
    row = _locked(tx, provider_id)
    _require_unmoved(row, expected)
    if len(_live(tx, row.provider_id)) >= MOST_KEYS:
        raise TooManyProviderKeys(most=MOST_KEYS)
    return _add(tx, caller, vault, row, key, clock=clock)


def replace_key(
    tx: Tx,
    caller: Caller,
    vault: Vault,
    provider_id: UUID,
    key_id: UUID,
    key: NewKey,
    *,
    expected: ProviderForm,
    clock: Clock,
) -> ProviderKeyId:
    """Put a new key in the place of one, which is revoked. Label and weight stay.

    Raises ProviderKeyRevoked, ProviderKeyKnown, ProviderChanged.
    """
    require_change(tx, caller)
    row = _locked(tx, provider_id)
    _require_unmoved(row, expected)
    former = _locked_key(tx, row.provider_id, key_id)
    if former.revoked_at is not None:
        raise ProviderKeyRevoked
    key = replace(key, terms=replace(key.terms, label=former.label, weight=former.weight))
    made = _add(tx, caller, vault, row, key, clock=clock)
    audit.record(tx, caller.actor, Event.PROVIDER_KEY_REPLACED, subject=former.key_id, by=str(made),
                 fingerprint=former.fingerprint)  # fmt: skip
    _end(tx, caller, former, clock=clock)
    return made


def change_key(tx: Tx, caller: Caller, provider_id: UUID, key_id: UUID, terms: KeyTerms, *, clock: Clock) -> None:
    """Change a key's label, weight or expiry. A new expiry is reminded of anew. Raises ProviderKeyRevoked."""
    identity.require(caller, Permission.PROVIDER_CHANGE)
    row = _locked_key(tx, provider_id, key_id)
    if row.revoked_at is not None:
        raise ProviderKeyRevoked
    _check(terms, clock, was=row.expires_at)
    if row.expires_at != terms.expires_at:
        row.reminded_at = None
    row.label, row.weight, row.expires_at = terms.label.strip(), terms.weight, terms.expires_at
    tx.flush()
    audit.record(tx, caller.actor, Event.PROVIDER_KEY_CHANGED, subject=row.key_id, weight=row.weight,
                 expires_at=_written(row.expires_at))  # fmt: skip


def revoke_key(tx: Tx, caller: Caller, provider_id: UUID, key_id: UUID, *, clock: Clock) -> None:
    """Revoke a key, and erase it: no call gets it from now on, in any process. Raises ProviderKeyRevoked."""
    identity.require(caller, Permission.PROVIDER_CHANGE)
    row = _locked_key(tx, provider_id, key_id)
    if row.revoked_at is not None:
        raise ProviderKeyRevoked
    _end(tx, caller, row, clock=clock)


def end_keys(tx: Tx, caller: Caller, *, clock: Clock) -> None:
    """Revoke and erase every key of the organisation, whose data keys end with this transaction."""
    identity.require(caller, Permission.PROVIDER_CHANGE)
    for one in _live(tx):
        _end(tx, caller, one, clock=clock)


def note_check(tx: Tx, caller: Caller, provider_id: UUID, key_id: UUID, code: str, *, clock: Clock) -> None:
    """Keep what a check said of a key that was not revoked meanwhile."""
    identity.require(caller, Permission.PROVIDER_CHANGE)
    row = _locked_key(tx, provider_id, key_id)
    if row.revoked_at is None:
        row.checked_at, row.check_code = clock.now(), code
        tx.flush()
    outcome = Outcome.SUCCESS if code == "ok" else Outcome.FAILURE
    audit.record(tx, caller.actor, Event.PROVIDER_KEY_CHECKED, subject=row.key_id, outcome=outcome, code=code,
                 fingerprint=row.fingerprint)  # fmt: skip


def sealed_key(tx: Tx, provider_id: UUID, key_id: UUID) -> tuple[ModelProvider, bytes]:
    """Return a key's sealed value with its provider, for a check. Raises ProviderKeyRevoked, OwnKeysForbidden."""
    if own_keys(tx) is OwnKeys.FORBIDDEN:
        raise OwnKeysForbidden
    row = _locked(tx, provider_id)
    key = _locked_key(tx, provider_id, key_id)
    if key.sealed is None:
        raise ProviderKeyRevoked
    found = ModelProvider(
        ProviderId(row.provider_id), row.name, ProviderKind(row.kind), row.base_url, row.region, False
    )
    return found, key.sealed


def note_try(tx: Tx, caller: Caller, provider: ProviderForm, code: str) -> None:
    """Record that a key which somebody gave was tried at a provider, or was to be, before it is kept or not."""
    outcome = Outcome.SUCCESS if code == "ok" else Outcome.FAILURE
    audit.record(tx, caller.actor, Event.PROVIDER_KEY_CHECKED, outcome=outcome, code=code, name=provider.name,
                 host=urlsplit(provider.base_url).netloc)  # fmt: skip


def note_reveal(tx: Tx, caller: Caller, provider_id: UUID, key_id: UUID) -> Refusal:
    """Record that somebody, whoever they are, asked to be shown a key, also one that is not theirs or not there.

    Return what the door refuses it with when this is committed.
    """
    refusal: Refusal = ProviderKeyNotShown()
    fingerprint = ""
    try:
        fingerprint = _locked_key(tx, provider_id, key_id).fingerprint
    except (ProviderNotFound, ProviderKeyNotFound) as missing:
        refusal = missing
    audit.record(tx, caller.actor, Event.PROVIDER_KEY_REVEAL_REFUSED, subject=key_id, outcome=Outcome.FAILURE,
                 fingerprint=fingerprint)  # fmt: skip
    return refusal


def require_change(tx: Tx, caller: Caller) -> None:
    """Raise Forbidden, ScopeMissing, StepUpRequired, or OwnKeysForbidden where the organisation may have none."""
    identity.require(caller, Permission.PROVIDER_CHANGE)
    if own_keys(tx) is OwnKeys.FORBIDDEN:
        raise OwnKeysForbidden


def _require_unmoved(row: ProviderRow, expected: ProviderForm) -> None:
    if (row.kind, row.base_url, row.region) != (expected.kind, expected.base_url, expected.region):
        raise ProviderChanged


def _put(tx: Tx, row: ProviderRow) -> None:
    try:
        with tx.begin_nested():
            tx.add(row)
            tx.flush()
    except UniqueViolation as error:
        raise ProviderNameTaken from error


def _locked(tx: Tx, provider_id: UUID) -> ProviderRow:
    query = select(ProviderRow).where(
        ProviderRow.tenant_id == tx.tenant_id, ProviderRow.provider_id == provider_id, ProviderRow.removed_at.is_(None)
    )
    row = tx.scalars(query.with_for_update()).one_or_none()
    if row is None:
        raise ProviderNotFound
    return row


def _locked_key(tx: Tx, provider_id: UUID, key_id: UUID) -> ProviderKeyRow:
    _locked(tx, provider_id)
    query = select(ProviderKeyRow).where(
        ProviderKeyRow.tenant_id == tx.tenant_id,
        ProviderKeyRow.provider_id == provider_id,
        ProviderKeyRow.key_id == key_id,
    )
    row = tx.scalars(query.with_for_update()).one_or_none()
    if row is None:
        raise ProviderKeyNotFound
    return row


def _live(tx: Tx, provider_id: UUID | None = None) -> list[ProviderKeyRow]:
    """Return the keys that were not revoked, locked: a provider's, or all of the organisation's."""
    query = select(ProviderKeyRow).where(
        ProviderKeyRow.tenant_id == tx.tenant_id,
        true() if provider_id is None else ProviderKeyRow.provider_id == provider_id,
        ProviderKeyRow.revoked_at.is_(None),
    )
    return list(tx.scalars(query.order_by(ProviderKeyRow.key_id).with_for_update()))


def _add(tx: Tx, caller: Caller, vault: Vault, provider: ProviderRow, key: NewKey, *, clock: Clock) -> ProviderKeyId:
    _check(key.terms, clock)
    _require_not_shown(tx, provider.provider_id, key.given)
    print_ = fingerprint_of(tx, vault, key.given.secret)
    if any(one.fingerprint == print_ for one in _live(tx, provider.provider_id)):
        raise ProviderKeyKnown
    key_id, now = new_id(), clock.now()
    tx.add(
        ProviderKeyRow(
            tenant_id=tx.tenant_id, key_id=key_id, provider_id=provider.provider_id, label=key.terms.label.strip(),
            weight=key.terms.weight, sealed=seal_key(tx, vault, key_id, key.given.secret, provider),
            last_four=key.given.last_four, fingerprint=print_, created_by=caller.user_id, created_at=now,
            expires_at=key.terms.expires_at, checked_at=now if key.check_code else None, check_code=key.check_code,
        )
    )  # fmt: skip
    tx.flush()
    audit.record(tx, caller.actor, Event.PROVIDER_KEY_CREATED, subject=key_id, provider=str(provider.provider_id),
                 fingerprint=print_, weight=key.terms.weight, expires_at=_written(key.terms.expires_at),
                 check=key.check_code or "unchecked")  # fmt: skip
    return ProviderKeyId(key_id)


def _require_not_shown(tx: Tx, provider_id: UUID, given: Given) -> None:
    """Raise ProviderKeyMasked for what answers and pages say of one of the provider's keys: no program puts it back as a key."""
    shown = select(ProviderKeyRow.last_four, ProviderKeyRow.fingerprint).where(
        ProviderKeyRow.tenant_id == tx.tenant_id, ProviderKeyRow.provider_id == provider_id
    )
    content = bytes(given.secret.content)
    if any(content and content.decode() in pair for pair in tx.execute(shown).all()):
        raise ProviderKeyMasked


def _end(tx: Tx, caller: Caller, row: ProviderKeyRow, *, clock: Clock) -> None:
    row.revoked_at, row.revoked_by, row.sealed = clock.now(), caller.user_id, None
    tx.flush()
    for event in (Event.PROVIDER_KEY_REVOKED, Event.PROVIDER_KEY_DESTROYED):
        audit.record(tx, caller.actor, event, subject=row.key_id, fingerprint=row.fingerprint)


def _check(terms: KeyTerms, clock: Clock, *, was: datetime | None = None) -> None:
    is_named = 0 < len(terms.label.strip()) <= _LONGEST_LABEL and 0 < terms.weight <= _HEAVIEST
    is_to_come = terms.expires_at is None or terms.expires_at == was or terms.expires_at > clock.now()
    if not (is_named and is_to_come):
        raise ProviderKeyTermsMalformed


def _written(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
