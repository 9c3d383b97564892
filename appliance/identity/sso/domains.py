"""The domains of an organisation's addresses: proved by a TXT record, or approved by the operator where no DNS answers.

A domain that is verified is one organisation's alone. Another one learns that it cannot have it, and not whose it is.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from appliance import audit
from appliance.audit import Actor, Event
from appliance.identity.permissions import Permission, require, require_granted
from appliance.identity.sso.errors import (
    DomainDisputed,
    DomainMalformed,
    DomainNotFound,
    DomainTaken,
    DomainUnproven,
)
from appliance.identity.sso.tables import DomainRow
from appliance.identity.values import Caller
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import same

RECORD: Final = "_cloister-challenge"
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LONGEST: Final = 253
Answers = Mapping[str, Sequence[str]]
"""The TXT records of a name, by the name server that says so: none where it knows no such name, and no server where nobody answers."""
LookUp = Callable[[str], Answers]


class Approval(StrEnum):
    """What became of an operator's word for a domain."""

    GIVEN = "given"
    INSTEAD = "instead_of_record"
    """The domain was proved by a record, which is missing now: the operator's word counts from here on."""
    NEEDLESS = "needless"
    """The domain is proved by its record, and nothing has changed."""


@dataclass(frozen=True)
class Domain:
    """A domain that an organisation named. `challenge` is what its TXT record must say."""

    domain_id: UUID
    domain: str
    challenge: str
    added_at: datetime
    verified_at: datetime | None
    verified_by: str | None
    lost_at: datetime | None = None
    """Since when its record is missing. It stays verified for some days, see `rechecking`."""
    approved_until: datetime | None = None
    """Until when an operator's word for it counts."""

    @property
    def may_be_looked_up(self) -> bool:
        """Say whether finding its record would change anything."""
        return self.verified_by != "dns" or self.lost_at is not None

    @property
    def record(self) -> str:
        """The name of the TXT record."""
        return f"{RECORD}.{self.domain}"


def add_domain(tx: Tx, caller: Caller, *, domain: str, clock: Clock) -> Domain:
    """Name a domain, and get what its TXT record must say. Raises DomainMalformed, DomainTaken."""
    require(caller, Permission.SIGN_ON_CHANGE)
    domain_id, domain = new_id(), normal_domain(domain)
    # These columns and no more: the app may not say that a domain is verified, only the door does.
    values = {
        "tenant_id": tx.tenant_id, "domain_id": domain_id, "domain": domain, "added_by": caller.user_id,
        "challenge": f"cloister={secrets.token_urlsafe(24)}", "added_at": clock.now(),
    }  # fmt: skip
    try:
        with tx.begin_nested():
            tx.execute(insert(DomainRow).values(values))
    except IntegrityError as error:
        raise DomainTaken from error
    audit.record(tx, caller.actor, Event.DOMAIN_ADDED, subject=domain_id, domain=domain)
    return get_domain(tx, caller, domain_id)


def verify_domain(db: Database, caller: Caller, domain_id: UUID, *, look_up: LookUp, clock: Clock) -> Domain:
    """Look for the TXT record; no transaction is open meanwhile. Raises DomainNotFound, DomainUnproven, DomainDisputed, DomainTaken."""
    require(caller, Permission.SIGN_ON_CHANGE)
    with db.tenant(caller.tenant_id) as tx:
        found = get_domain(tx, caller, domain_id)
    if not found.may_be_looked_up:
        return found
    answers = look_up(found.record)
    if not is_proved(found.challenge, answers):
        seen, missed = seen_by(found.challenge, answers)
        raise DomainDisputed(seen=seen, missed=missed) if seen else DomainUnproven
    with db.tenant(caller.tenant_id) as tx:
        _verify(tx, caller.actor, domain_id, by="dns", clock=clock)
    with db.tenant(caller.tenant_id) as tx:
        return get_domain(tx, caller, domain_id)


def approve_domain(tx: Tx, operator: Actor, *, domain: str, clock: Clock) -> tuple[Domain, Approval]:
    """Take the operator's word for a domain of this transaction's organisation, for a year from now. Asking for permission is the door's part.

    A domain that its record proves needs nobody's word, and gets none, unless the record is missing. Raises DomainNotFound, DomainTaken.
    """
    row = tx.scalars(
        select(DomainRow).where(DomainRow.tenant_id == tx.tenant_id, DomainRow.domain == normal_domain(domain))
    ).one_or_none()
    if row is None:
        raise DomainNotFound
    if not _domain(row).may_be_looked_up:
        return _domain(row), Approval.NEEDLESS
    approval = Approval.INSTEAD if row.verified_by == "dns" else Approval.GIVEN
    _verify(tx, operator, row.domain_id, by="operator", clock=clock)
    tx.refresh(row)
    return _domain(row), approval


def remove_domain(tx: Tx, caller: Caller, domain_id: UUID) -> None:
    """Give a domain up: addresses of it are accepted no more, and another organisation may have it."""
    require(caller, Permission.SIGN_ON_CHANGE)
    row = _row(tx, domain_id)
    tx.delete(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.DOMAIN_REMOVED, subject=domain_id, domain=row.domain)


def list_domains(tx: Tx, caller: Caller) -> list[Domain]:
    """Return the organisation's domains by name."""
    require_granted(caller, Permission.SIGN_ON_CHANGE)
    return all_domains(tx)


def all_domains(tx: Tx) -> list[Domain]:
    """Return the organisation's domains by name. Asking for permission is the caller's part."""
    rows = tx.scalars(select(DomainRow).where(DomainRow.tenant_id == tx.tenant_id).order_by(DomainRow.domain))
    return [_domain(row) for row in rows]


def get_domain(tx: Tx, caller: Caller, domain_id: UUID) -> Domain:
    """Return a domain. Raises DomainNotFound."""
    require_granted(caller, Permission.SIGN_ON_CHANGE)
    return _domain(_row(tx, domain_id))


def is_proved(challenge: str, answers: Answers) -> bool:
    """Say whether every name server that answers has the record: one that does not may be the one that is right."""
    return bool(answers) and not seen_by(challenge, answers)[1]


def seen_by(challenge: str, answers: Answers) -> tuple[str, str]:
    """Return which name servers have the record that a domain's must be, and which have not."""
    seen = [server for server, records in answers.items() if any(same(one, challenge) for one in records)]
    return ", ".join(seen), ", ".join(server for server in answers if server not in seen)


def is_verified(tx: Tx, domain: str) -> bool:
    """Say whether this transaction's organisation has proved a domain, which is given in the form it is stored in."""
    query = select(DomainRow.domain_id).where(
        DomainRow.tenant_id == tx.tenant_id, DomainRow.domain == domain, DomainRow.verified_at.is_not(None)
    )
    return tx.scalar(query) is not None


def normal_domain(domain: str) -> str:
    """Return a domain in the form it is stored in: ASCII, lower case, at least two labels. Raises DomainMalformed."""
    domain = domain.strip().rstrip(".").lower()
    if len(domain) > _LONGEST:  # before it is encoded, which takes long for a long one: strangers ask as well
        raise DomainMalformed
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise DomainMalformed from None
    labels = domain.split(".")
    if len(labels) < 2 or len(domain) > _LONGEST or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():  # noqa: PLR2004 - a name, and what it is below
        raise DomainMalformed
    return domain


def _verify(tx: Tx, actor: Actor, domain_id: UUID, *, by: str, clock: Clock) -> None:
    values = {"id": domain_id, "by": by, "at": clock.now()}
    if not tx.scalar(text("SELECT verify_domain(:id, :by, :at)"), values):
        raise DomainTaken
    audit.record(tx, actor, Event.DOMAIN_VERIFIED, subject=domain_id, by=by)


def _row(tx: Tx, domain_id: UUID) -> DomainRow:
    row = tx.get(DomainRow, (tx.tenant_id, domain_id))
    if row is None:
        raise DomainNotFound
    return row


def _domain(row: DomainRow) -> Domain:
    return Domain(
        row.domain_id, row.domain, row.challenge, row.added_at, row.verified_at, row.verified_by, row.lost_at, row.approved_until
    )
