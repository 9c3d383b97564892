"""What administrators do to rules and data labels. A change holds for the next call."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import delete, func, select

from appliance import audit, identity
from appliance.audit import Event
from appliance.identity import Caller, GroupId, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import new_id
from appliance.kernel.patterns import MOST_ENTRIES, is_name
from appliance.policy.errors import (
    LabelMalformed,
    LabelNotFound,
    RuleEntryMalformed,
    RuleMalformed,
    RuleNotFound,
    TooManyRules,
)
from appliance.policy.loading import note_change
from appliance.policy.tables import LabelRow, RuleRow
from appliance.policy.values import NO_TOOLS, DataLabel, Hours, Limits, Rule, Term

MOST_RULES, MOST_LABELS = 100, 100
_LONGEST_NAME, _LONGEST_LABEL, _MOST_TOKENS = 120, 40, 10**7
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_PROVIDER: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_REGION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,58}\*?")
_TOOL: Final = re.compile(r"(type:)?([A-Za-z0-9_][A-Za-z0-9_.:-]{0,127})?\*?")



def _is_label(said: str) -> bool:
    return 0 < len(said) <= _LONGEST_LABEL and "," not in said and said.isprintable()


_FORMS: Final[dict[str, Callable[[str], bool]]] = {
    "providers": lambda one: bool(_PROVIDER.fullmatch(one)),
    "models": is_name,
    "regions": lambda one: bool(_REGION.fullmatch(one)),
    "tools": lambda one: bool(_TOOL.fullmatch(one)) and one != "type:",
    "labels": _is_label,
}


def create_rule(tx: Tx, caller: Caller, name: str, group_id: GroupId | None, limits: Limits, *, clock: Clock) -> Rule:
    """Add a rule for everybody, or for a group. Raises RuleMalformed, RuleEntryMalformed, GroupNotFound, TooManyRules."""
    identity.require(caller, Permission.MODEL_CHANGE)
    in_turn(tx, "call rules")
    if (tx.scalar(select(func.count()).where(RuleRow.tenant_id == tx.tenant_id)) or 0) >= MOST_RULES:
        raise TooManyRules(most=MOST_RULES)
    row = RuleRow(
        tenant_id=tx.tenant_id, rule_id=new_id(), created_by=caller.user_id, created_at=clock.now(), name="",
        **_columns(Limits()),
    )  # fmt: skip
    _write(tx, row, name, group_id, limits, clock)
    tx.add(row)
    return _written(tx, caller, row, Event.CALL_RULE_CREATED)


def change_rule(
    tx: Tx, caller: Caller, rule_id: UUID, name: str, group_id: GroupId | None, limits: Limits, *, clock: Clock
) -> Rule:
    """Put another rule in the place of one. Raises RuleNotFound, and what creating raises."""
    identity.require(caller, Permission.MODEL_CHANGE)
    row = _row(tx, rule_id)
    _write(tx, row, name, group_id, limits, clock)
    return _written(tx, caller, row, Event.CALL_RULE_CHANGED)


def remove_rule(tx: Tx, caller: Caller, rule_id: UUID) -> None:
    """Take a rule away. Raises RuleNotFound."""
    identity.require(caller, Permission.MODEL_CHANGE)
    row = _row(tx, rule_id)
    name = row.name
    tx.delete(row)
    tx.flush()
    note_change(tx)
    audit.record(tx, caller.actor, Event.CALL_RULE_REMOVED, subject=rule_id, name=name)


def list_rules(tx: Tx, caller: Caller) -> list[Rule]:
    """Return the rules, those for everybody first, then by name."""
    identity.require_granted(caller, Permission.MODEL_CHANGE)
    rows = tx.scalars(
        select(RuleRow)
        .where(RuleRow.tenant_id == tx.tenant_id)
        .order_by(RuleRow.group_id.is_not(None), RuleRow.name, RuleRow.rule_id)
    )
    return [_rule(row) for row in rows]


def get_rule(tx: Tx, caller: Caller, rule_id: UUID) -> Rule:
    """Return one rule. Raises RuleNotFound."""
    identity.require_granted(caller, Permission.MODEL_CHANGE)
    row = tx.get(RuleRow, (tx.tenant_id, rule_id))
    if row is None:
        raise RuleNotFound
    return _rule(row)


def set_label(tx: Tx, caller: Caller, label: str, terms: Iterable[Term], *, stays: bool) -> DataLabel:
    """Say what is demanded where data bears this label, in place of what was said. Raises LabelMalformed, TooManyRules."""
    identity.require(caller, Permission.MODEL_CHANGE)
    label = " ".join(label.split())
    if not _is_label(label):
        raise LabelMalformed
    in_turn(tx, "data labels")
    rows = {row.label.casefold(): row for row in tx.scalars(select(LabelRow).where(LabelRow.tenant_id == tx.tenant_id))}
    row = rows.get(label.casefold())
    if row is None and len(rows) >= MOST_LABELS:
        raise TooManyRules(most=MOST_LABELS)
    if row is None:
        row = LabelRow(tenant_id=tx.tenant_id, label=label)
        tx.add(row)
    row.terms, row.stays = sorted({one.value for one in terms}), stays
    tx.flush()
    note_change(tx)
    audit.record(tx, caller.actor, Event.DATA_LABEL_SET, label=row.label, terms=" ".join(row.terms), stays=int(stays))
    return _label(row)


def remove_label(tx: Tx, caller: Caller, label: str) -> None:
    """Demand nothing any more for a label; programs cannot say it any more. Raises LabelNotFound."""
    identity.require(caller, Permission.MODEL_CHANGE)
    gone = tx.scalar(
        delete(LabelRow)
        .where(LabelRow.tenant_id == tx.tenant_id, LabelRow.label == " ".join(label.split()))
        .returning(LabelRow.label)
    )
    if gone is None:
        raise LabelNotFound
    note_change(tx)
    audit.record(tx, caller.actor, Event.DATA_LABEL_REMOVED, label=gone)


def demanding_labels(tx: Tx) -> frozenset[str]:
    """Return the labels of which something is said, in small letters. Asks for no permission."""
    return frozenset(one.casefold() for one in tx.scalars(select(LabelRow.label).where(LabelRow.tenant_id == tx.tenant_id)))


def list_data_labels(tx: Tx, caller: Caller) -> list[DataLabel]:
    """Return the labels of which something is said, by name."""
    identity.require_granted(caller, Permission.MODEL_CHANGE)
    rows = tx.scalars(select(LabelRow).where(LabelRow.tenant_id == tx.tenant_id).order_by(LabelRow.label))
    return [_label(row) for row in rows]


def _row(tx: Tx, rule_id: UUID) -> RuleRow:
    row = tx.get(RuleRow, (tx.tenant_id, rule_id), with_for_update=True)
    if row is None:
        raise RuleNotFound
    return row


def _write(tx: Tx, row: RuleRow, name: str, group_id: GroupId | None, limits: Limits, clock: Clock) -> None:
    columns = _columns(limits)
    name = name.strip()
    most, is_limiting = limits.most_answer_tokens, any(columns[name] for name in columns if name != "zone")
    if not 0 < len(name) <= _LONGEST_NAME or not is_limiting or not (most is None or 1 <= most <= _MOST_TOKENS):
        raise RuleMalformed
    _check_hours(limits.hours)
    for field, is_good in _FORMS.items():
        entries = columns[field]
        for one in entries[MOST_ENTRIES:] + [one for one in entries if not is_good(one)]:
            raise RuleEntryMalformed(entry=one[:60], field=field)
    if NO_TOOLS in limits.tools and len(limits.tools) > 1:
        raise RuleEntryMalformed(entry=NO_TOOLS, field="tools")
    if group_id is not None:
        identity.check_groups(tx, [group_id])
    row.name, row.group_id, row.changed_at = name, group_id, clock.now()
    for column, value in columns.items():
        setattr(row, column, value)


def _check_hours(hours: Hours) -> None:
    times = (hours.starts, hours.ends)
    are_good = times == (None, None) or all(one and _TIME.fullmatch(one) for one in times)
    are_days = set(hours.weekdays) <= set(range(1, 8))
    is_zone = not hours.are_limited or hours.zone in available_timezones()
    if not (are_good and are_days and is_zone):
        raise RuleMalformed


def _columns(limits: Limits) -> dict[str, Any]:
    """Return the limits as the table holds them; a value that limits nothing is false."""
    hours = limits.hours
    lists: dict[str, Sequence[str]] = {name: getattr(limits, name) for name in _FORMS}
    found: dict[str, Any] = {
        name: list(dict.fromkeys(one.strip() for one in said if one.strip())) for name, said in lists.items()
    }
    found |= {"most_answer_tokens": limits.most_answer_tokens, "weekdays": sorted(set(hours.weekdays))}
    found |= {"starts": hours.starts, "ends": hours.ends, "zone": hours.zone if hours.are_limited else None}
    return found


def _written(tx: Tx, caller: Caller, row: RuleRow, event: Event) -> Rule:
    tx.flush()
    note_change(tx)
    rule = _rule(row)
    facts = {name: " ".join(getattr(rule.limits, name)) for name in _FORMS if getattr(rule.limits, name)}
    hours = rule.limits.hours
    if hours.are_limited:
        facts["hours"] = f"{','.join(map(str, hours.weekdays))} {hours.starts or ''}-{hours.ends or ''} {hours.zone}"
    if rule.limits.most_answer_tokens is not None:
        facts["answer_tokens"] = str(rule.limits.most_answer_tokens)
    said = " ".join(f"{name}={value}" for name, value in facts.items())
    audit.record(tx, caller.actor, event, subject=rule.rule_id, name=rule.name, group=str(rule.group_id or ""), limits=said)
    return rule


def _rule(row: RuleRow) -> Rule:
    hours = Hours(tuple(row.weekdays), row.starts, row.ends, row.zone)
    limits = Limits(
        tuple(row.providers), tuple(row.models), tuple(row.regions), tuple(row.tools), tuple(row.labels),
        row.most_answer_tokens, hours,
    )  # fmt: skip
    return Rule(row.rule_id, row.name, GroupId(row.group_id) if row.group_id else None, limits)


def _label(row: LabelRow) -> DataLabel:
    return DataLabel(row.label, tuple(map(Term, row.terms)), row.stays)
