"""What providers grant an organisation, as its administrators read it in their contracts.

A contract is written down once and ended, never changed: calls on record name those that they ran under. It is about one
provider at the address that this had then; at another address it does not count.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update

from appliance import audit, identity
from appliance.audit import Actor, ActorKind, Event
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import new_id
from appliance.policy.errors import ContractEnded, ContractMalformed, ContractNotFound, TooManyRules
from appliance.policy.loading import note_change
from appliance.policy.tables import ContractRow
from appliance.policy.values import Contract, Term
from appliance.vault.providing import find_provider
from appliance.vault.providing.errors import ProviderNotFound

AHEAD: Final = timedelta(days=14)
MOST_CONTRACTS: Final = 200
_LONGEST_REFERENCE, _LONGEST_REGION = 500, 60


@dataclass(frozen=True)
class ContractForm:
    """A contract as it is written down. `reference` says where it can be read: an address, a file's name, a document's id."""

    provider_id: UUID
    terms: frozenset[Term]
    reference: str
    region: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Expiring:
    """A contract that ends soon, or has ended."""

    provider: str
    reference: str
    expires_at: datetime


def add_contract(tx: Tx, caller: Caller, form: ContractForm, *, clock: Clock) -> Contract:
    """Write a contract down. Raises ContractMalformed, ProviderNotFound, TooManyRules."""
    identity.require(caller, Permission.MODEL_CHANGE)
    reference, region, now = form.reference.strip(), (form.region or "").strip() or None, clock.now()
    is_said = 0 < len(reference) <= _LONGEST_REFERENCE and reference.isprintable()
    is_region = region is None or (len(region) <= _LONGEST_REGION and region.isprintable())
    is_to_come = form.expires_at is None or form.expires_at > now
    if not (is_said and is_region and is_to_come and (form.terms or region)):
        raise ContractMalformed
    provider = find_provider(tx, form.provider_id)
    if provider is None:
        raise ProviderNotFound
    in_turn(tx, "contracts")
    there = select(func.count()).where(ContractRow.tenant_id == tx.tenant_id, ContractRow.ended_at.is_(None))
    if (tx.scalar(there) or 0) >= MOST_CONTRACTS:
        raise TooManyRules(most=MOST_CONTRACTS)
    row = ContractRow(
        tenant_id=tx.tenant_id, contract_id=new_id(), provider_id=provider.provider_id, provider=provider.name,
        base_url=provider.base_url, terms=sorted(one.value for one in form.terms), region=region, reference=reference,
        expires_at=form.expires_at, created_by=caller.user_id, created_at=now,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    note_change(tx)
    audit.record(tx, caller.actor, Event.CONTRACT_ADDED, subject=row.contract_id, provider=row.provider,
                 terms=" ".join(row.terms), region=region or "",
                 expires_at=form.expires_at.isoformat() if form.expires_at else "")  # fmt: skip
    return _contract(row)


def end_contract(tx: Tx, caller: Caller, contract_id: UUID, *, clock: Clock) -> None:
    """End a contract: it counts for no call from now on. Raises ContractNotFound, ContractEnded."""
    identity.require(caller, Permission.MODEL_CHANGE)
    row = tx.get(ContractRow, (tx.tenant_id, contract_id), with_for_update=True)
    if row is None:
        raise ContractNotFound
    if row.ended_at is not None:
        raise ContractEnded
    row.ended_at = clock.now()
    tx.flush()
    note_change(tx)
    audit.record(tx, caller.actor, Event.CONTRACT_ENDED, subject=contract_id, provider=row.provider)


def list_contracts(tx: Tx, caller: Caller) -> list[Contract]:
    """Return the contracts, those that nobody ended first, then by provider and the newest first."""
    identity.require_granted(caller, Permission.MODEL_CHANGE)
    rows = tx.scalars(
        select(ContractRow)
        .where(ContractRow.tenant_id == tx.tenant_id)
        .order_by(ContractRow.ended_at.is_not(None), ContractRow.provider, ContractRow.contract_id.desc())
        .limit(2 * MOST_CONTRACTS)
    )
    return [_contract(row) for row in rows]


def remind_of_contracts(tx: Tx, *, clock: Clock) -> list[Expiring]:
    """Record, and return, the contracts that end within two weeks and that nobody was reminded of yet."""
    now = clock.now()
    found = tx.execute(
        update(ContractRow)
        .where(
            ContractRow.tenant_id == tx.tenant_id, ContractRow.expires_at <= now + AHEAD,
            ContractRow.reminded_at.is_(None), ContractRow.ended_at.is_(None),
        )
        .values(reminded_at=now)
        .returning(ContractRow.contract_id, ContractRow.provider, ContractRow.reference, ContractRow.expires_at)
    ).all()  # fmt: skip
    for one in found:
        audit.record(tx, Actor(ActorKind.SYSTEM), Event.CONTRACT_EXPIRING, subject=one.contract_id, provider=one.provider,
                     expires_at=one.expires_at.isoformat() if one.expires_at else "")  # fmt: skip
    return [Expiring(one.provider, one.reference, one.expires_at) for one in found if one.expires_at is not None]


def _contract(row: ContractRow) -> Contract:
    return Contract(
        row.contract_id, row.provider_id, row.provider, row.base_url, tuple(map(Term, row.terms)), row.region,
        row.reference, row.expires_at, row.created_at, row.created_by, row.ended_at,
    )  # fmt: skip
