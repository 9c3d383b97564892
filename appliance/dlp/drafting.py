"""What people do to the policy that is being written, and how it comes into force.

There is one draft at a time, so that two people do not put different ones in force past each other. Whatever is done to it
names the revision that was looked at: nobody puts in force, or approves, what they have not seen. Once a policy in force says
so, the next takes a second person; so it does to lift that.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete

from appliance import audit, identity
from appliance.audit import Event, Outcome
from appliance.dlp.checking import checked
from appliance.dlp.differing import differing
from appliance.dlp.errors import (
    ApproverTooNew,
    DraftDiffers,
    DraftMissing,
    DraftThere,
    NotAwaiting,
    NothingDiffers,
    NotSecondApprover,
)
from appliance.dlp.history import newest, version_of
from appliance.dlp.policy_tables import DraftRow, PolicyRow
from appliance.dlp.policy_values import ChangeKind, Draft, PolicyForm, PolicyVersion
from appliance.dlp.templates import template_form
from appliance.dlp.wording import digest_of, from_stored, to_stored
from appliance.identity import Caller, Permission, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn

_SETTLES: Final = timedelta(days=7)
"""As long as for destroying keys: nobody is two people by a password or a role that they gave the other one lately."""
_TURN: Final = "dlp policies"
_MOST_SAID: Final = 8_000


def begin_draft(tx: Tx, caller: Caller, *, template: str = "", is_empty: bool = False, clock: Clock) -> Draft:
    """Begin a policy: from a template, from nothing, or from the one in force. Raises DraftThere, TemplateNotFound."""
    identity.require(caller, Permission.DLP_POLICY_CHANGE)
    in_turn(tx, _TURN)
    if tx.get(DraftRow, tx.tenant_id) is not None:
        raise DraftThere
    in_force = newest(tx)
    form = replace(in_force.form, note="")
    if template or is_empty:  # how many it takes is not the template's to say
        form = replace(template_form(template) if template else PolicyForm(()), needs_second=form.needs_second)
    now = clock.now()
    row = DraftRow(
        tenant_id=tx.tenant_id, template=template, based_on=in_force.version, drafted_by=caller.user_id, drafted_at=now,
        revision=1, changed_by=caller.user_id, changed_at=now, asked_by=None, asked_at=None, **_columns(form),
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.DLP_POLICY_DRAFTED, template=template, based_on=in_force.version, rules=len(form.rules))
    return _draft(row)


def get_draft(tx: Tx, caller: Caller) -> Draft:
    """Return the policy that is being written. Raises DraftMissing."""
    identity.require_granted(caller, Permission.DLP_POLICY_CHANGE)
    row = tx.get(DraftRow, tx.tenant_id)
    if row is None:
        raise DraftMissing
    return _draft(row)


def find_draft(tx: Tx, caller: Caller) -> Draft | None:
    """Return the policy that is being written, or None."""
    try:
        return get_draft(tx, caller)
    except DraftMissing:
        return None


def save_draft(tx: Tx, caller: Caller, form: PolicyForm, *, revision: int | None = None, clock: Clock) -> Draft:
    """Write the draft anew; who was asked to approve it is asked no more.

    `revision` is the one that was looked at. Raises DraftMissing, DraftDiffers, and what `checked` raises.
    """
    identity.require(caller, Permission.DLP_POLICY_CHANGE)
    row = _locked(tx, revision)
    before = _draft(row).form
    after = checked(tx, form)
    for name, value in _columns(after).items():
        setattr(row, name, value)
    row.revision, row.changed_by, row.changed_at = row.revision + 1, caller.user_id, clock.now()
    row.asked_by = row.asked_at = None
    tx.flush()
    _note(tx, caller, Event.DLP_POLICY_SAVED, {"revision": row.revision, **_facts(before, after)})
    return _draft(row)


def discard_draft(tx: Tx, caller: Caller, *, revision: int | None = None) -> None:
    """Throw the draft away. Raises DraftMissing, DraftDiffers."""
    identity.require(caller, Permission.DLP_POLICY_CHANGE)
    row = _locked(tx, revision)
    form = _draft(row).form
    tx.execute(delete(DraftRow).where(DraftRow.tenant_id == tx.tenant_id))
    audit.record(tx, caller.actor, Event.DLP_POLICY_DISCARDED, revision=row.revision, digest=_digest(form))


def put_in_force(tx: Tx, caller: Caller, *, revision: int, clock: Clock) -> PolicyVersion | Draft:
    """Put the draft in force, from the next call and upload on; or, where that takes two people, ask a second one.

    Raises DraftMissing, DraftDiffers, NothingDiffers, NotSecondApprover for a program's account where it takes two people.
    """
    identity.require(caller, Permission.DLP_POLICY_CHANGE)
    in_turn(tx, _TURN)
    row, in_force = _locked(tx, revision), newest(tx)
    form = _draft(row).form
    if not differing(in_force.form, form):
        raise NothingDiffers
    if not in_force.form.needs_second:
        return _enact(tx, caller, row, in_force, asked_by=caller.user_id, clock=clock)
    if not identity.is_person(tx, caller.user_id):
        raise NotSecondApprover
    row.asked_by, row.asked_at = caller.user_id, clock.now()
    tx.flush()
    _note(tx, caller, Event.DLP_POLICY_ASKED, {"revision": row.revision, **_facts(in_force.form, form)})
    return _draft(row)


def approve_draft(tx: Tx, caller: Caller, *, revision: int, clock: Clock) -> PolicyVersion:
    """Put in force what another person asked for, at a browser: a token, or the console's --as, could be the first one again.

    Raises Forbidden, DraftMissing, DraftDiffers, NotAwaiting, NotSecondApprover, ApproverTooNew.
    """
    identity.require(caller, Permission.DLP_POLICY_CHANGE)
    identity.require_browser(caller)
    in_turn(tx, _TURN)
    row = _locked(tx, revision)
    if row.asked_by is None:
        raise NotAwaiting
    asked_by = UserId(row.asked_by)
    if caller.user_id == asked_by or not identity.is_person(tx, caller.user_id) or not identity.is_person(tx, asked_by):
        raise NotSecondApprover
    for user_id in (asked_by, caller.user_id):
        if not identity.is_left_alone(tx, user_id, _SETTLES):
            raise ApproverTooNew(who=identity.names_of(tx, [user_id]).get(user_id, ""))
    return _enact(tx, caller, row, newest(tx), asked_by=asked_by, clock=clock)


def send_back_draft(tx: Tx, caller: Caller, *, revision: int) -> Draft:
    """Let what awaits a second person be a draft again. Raises DraftMissing, DraftDiffers, NotAwaiting."""
    identity.require(caller, Permission.DLP_POLICY_CHANGE)
    row = _locked(tx, revision)
    if row.asked_by is None:
        raise NotAwaiting
    row.asked_by = row.asked_at = None
    tx.flush()
    audit.record(tx, caller.actor, Event.DLP_POLICY_SENT_BACK, revision=row.revision)
    return _draft(row)


def _enact(tx: Tx, caller: Caller, row: DraftRow, in_force: PolicyVersion, *, asked_by: UserId, clock: Clock) -> PolicyVersion:
    form = _draft(row).form
    enacted = PolicyRow(
        tenant_id=tx.tenant_id, version=in_force.version + 1, template=row.template, based_on=row.based_on,
        drafted_by=row.drafted_by, drafted_at=row.drafted_at, asked_by=asked_by, approved_by=caller.user_id,
        in_force_at=clock.now(), **_columns(form),
    )  # fmt: skip
    tx.add(enacted)
    tx.execute(delete(DraftRow).where(DraftRow.tenant_id == tx.tenant_id))
    tx.flush()
    _note(tx, caller, Event.DLP_POLICY_IN_FORCE, {
        "version": enacted.version, "before": in_force.version, "template": row.template, "asked_by": str(asked_by),
        **_facts(in_force.form, form),
    })  # fmt: skip
    return version_of(enacted, past_at=None)


def _locked(tx: Tx, revision: int | None) -> DraftRow:
    row = tx.get(DraftRow, tx.tenant_id, with_for_update=True)
    if row is None:
        raise DraftMissing
    if revision not in {None, row.revision}:
        raise DraftDiffers
    return row


def _columns(form: PolicyForm) -> dict[str, Any]:
    return {"rules": [to_stored(one) for one in form.rules], "needs_second": form.needs_second, "note": form.note}


def _draft(row: DraftRow) -> Draft:
    form = PolicyForm(tuple(map(from_stored, row.rules)), row.needs_second, row.note)
    return Draft(
        form, row.revision, row.template, row.based_on, row.drafted_by, row.drafted_at, row.changed_by, row.changed_at,
        row.asked_by, row.asked_at,
    )  # fmt: skip


def _digest(form: PolicyForm) -> str:
    return digest_of([to_stored(one) for one in form.rules], needs_second=form.needs_second)


def _note(tx: Tx, caller: Caller, event: Event, facts: dict[str, str | int]) -> None:
    audit.record(tx, caller.actor, event, subject=tx.tenant_id, outcome=Outcome.SUCCESS, **facts)


def _facts(before: PolicyForm, after: PolicyForm) -> dict[str, str | int]:
    """Return what the log says of a change: what became of which rule, and digests by which either text is known again."""
    changes = differing(before, after)
    said: Sequence[str] = [
        " ".join([one.kind.value, str(one.rule.rule.rule_id), *(f"{part.field}={'|'.join(part.before)}>{'|'.join(part.after)}"
                  for part in one.fields if part.field not in {"name", "why"}),
                  *([f"action={one.rule.rule.action.value}"] if one.kind in {ChangeKind.ADDED, ChangeKind.REMOVED} else [])])
        for one in changes.rules
    ]  # fmt: skip
    return {
        "changes": "; ".join(said)[:_MOST_SAID], "needs_second": int(after.needs_second), "rules": len(after.rules),
        "digest_before": _digest(before), "digest": _digest(after),
    }  # fmt: skip

