"""Which policies were in force, and what differs between two of them."""

from datetime import datetime
from typing import Final

from sqlalchemy import select

from appliance import identity
from appliance.dlp.differing import differing
from appliance.dlp.errors import PolicyNotFound
from appliance.dlp.policy_tables import PolicyRow
from appliance.dlp.policy_values import PolicyChanges, PolicyForm, PolicyState, PolicyVersion
from appliance.dlp.wording import from_stored
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx

NOTHING_SAID: Final = PolicyVersion(0, PolicyForm(()), PolicyState.IN_FORCE)
_SHOWN: Final = 50
_MOST: Final = 2**31 - 1


def newest(tx: Tx) -> PolicyVersion:
    """Return the version in force, for this room: 0 where nobody has said anything. Asks for no permission."""
    ours = PolicyRow.tenant_id == tx.tenant_id
    row = tx.scalar(select(PolicyRow).where(ours).order_by(PolicyRow.version.desc()).limit(1))
    return version_of(row, past_at=None) if row else NOTHING_SAID


def get_policy(tx: Tx, caller: Caller, version: int | None = None) -> PolicyVersion:
    """Return a version, or (None) the one in force. Raises PolicyNotFound."""
    identity.require_granted(caller, Permission.DLP_POLICY_CHANGE)
    if version is None:
        return newest(tx)
    if not 0 < version < _MOST:
        raise PolicyNotFound
    rows = {
        row.version: row
        for row in tx.scalars(
            select(PolicyRow).where(PolicyRow.tenant_id == tx.tenant_id, PolicyRow.version.in_([version, version + 1]))
        )
    }
    if version not in rows:
        raise PolicyNotFound
    after = rows.get(version + 1)
    return version_of(rows[version], past_at=after.in_force_at if after else None)


def list_policies(tx: Tx, caller: Caller, *, before: int | None = None) -> list[PolicyVersion]:
    """Return the versions, the newest first, up to 50; `before` is where a list goes on."""
    identity.require_granted(caller, Permission.DLP_POLICY_CHANGE)
    return latest(tx, before=before)


def latest(tx: Tx, *, before: int | None = None) -> list[PolicyVersion]:
    """Return them as `list_policies` does, for whoever asked for permission to show evidence."""
    query = select(PolicyRow).where(PolicyRow.tenant_id == tx.tenant_id).order_by(PolicyRow.version.desc()).limit(_SHOWN)
    rows = tx.scalars(query if before is None else query.where(PolicyRow.version < before)).all()
    ends: dict[int, datetime] = {row.version - 1: row.in_force_at for row in rows}
    if before is not None and rows:
        after = tx.get(PolicyRow, (tx.tenant_id, rows[0].version + 1))
        ends |= {rows[0].version: after.in_force_at} if after else {}
    return [version_of(row, past_at=ends.get(row.version)) for row in rows]


def compare(tx: Tx, caller: Caller, *, earlier: int, later: int) -> PolicyChanges:
    """Return what differs between two versions; 0 is what held before the first. Raises PolicyNotFound."""
    identity.require_granted(caller, Permission.DLP_POLICY_CHANGE)
    forms = [PolicyForm(()) if one == 0 else get_policy(tx, caller, one).form for one in (earlier, later)]
    return differing(*forms)


def version_of(row: PolicyRow, *, past_at: datetime | None) -> PolicyVersion:
    """Return a row as people see it."""
    form = PolicyForm(tuple(map(from_stored, row.rules)), row.needs_second, row.note)
    return PolicyVersion(
        row.version, form, PolicyState.PAST if past_at else PolicyState.IN_FORCE, row.template, row.based_on, row.drafted_by,
        row.drafted_at, row.asked_by, row.approved_by, row.in_force_at, past_at,
    )  # fmt: skip
