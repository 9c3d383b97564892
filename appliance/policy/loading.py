"""All that an organisation says of calls, in one statement: it is asked before each call."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from appliance.identity import GroupId
from appliance.kernel.db import Tx
from appliance.policy.tables import VersionRow
from appliance.policy.values import Allowed, Contract, DataLabel, Hours, Limits, Rule, Rules, Term

_ALL = text(
    """SELECT
         (SELECT version FROM rules_versions WHERE tenant_id = :tenant) AS version,
         (SELECT jsonb_agg(jsonb_build_array(provider, model)) FROM allowed_models WHERE tenant_id = :tenant) AS allowed,
         (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.group_id IS NOT NULL, r.name, r.rule_id) FROM call_rules r
           WHERE tenant_id = :tenant) AS rules,
         (SELECT jsonb_agg(to_jsonb(d)) FROM data_labels d WHERE tenant_id = :tenant) AS labels,
         (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.contract_id) FROM provider_contracts c
           WHERE tenant_id = :tenant AND ended_at IS NULL) AS contracts"""
)

_LISTS = ("providers", "models", "regions", "tools", "labels")


def load(tx: Tx) -> Rules:
    """Return the organisation's rules as they are now. Asking for permission is the caller's part."""
    row = tx.execute(_ALL, {"tenant": tx.tenant_id}).one()
    labels = [DataLabel(one["label"], tuple(map(Term, one["terms"])), one["stays"]) for one in row.labels or ()]
    return Rules(
        row.version or 0,
        frozenset(Allowed(*one) for one in row.allowed or ()),
        tuple(_rule(one) for one in row.rules or ()),
        {one.label.casefold(): one for one in labels},
        tuple(_contract(one) for one in row.contracts or ()),
    )


def note_change(tx: Tx) -> None:
    """Count a change of what `load` returns, so that whoever keeps it knows that it is old."""
    row = insert(VersionRow).values(tenant_id=tx.tenant_id, version=1)
    tx.execute(row.on_conflict_do_update(index_elements=["tenant_id"], set_={"version": VersionRow.version + 1}))


def _rule(found: dict[str, Any]) -> Rule:
    hours = Hours(tuple(found["weekdays"]), found["starts"], found["ends"], found["zone"])
    providers, models, regions, tools, labels = (tuple(found[name]) for name in _LISTS)
    group = GroupId(UUID(found["group_id"])) if found["group_id"] else None
    limits = Limits(providers, models, regions, tools, labels, found["most_answer_tokens"], hours)
    return Rule(UUID(found["rule_id"]), found["name"], group, limits)


def _contract(found: dict[str, Any]) -> Contract:
    ends = found["expires_at"]
    return Contract(
        UUID(found["contract_id"]), UUID(found["provider_id"]), found["provider"], found["base_url"],
        tuple(map(Term, found["terms"])), found["region"], found["reference"],
        datetime.fromisoformat(ends) if ends else None,
    )  # fmt: skip
