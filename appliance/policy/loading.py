"""All that an organisation says of calls, in one statement: it is asked before each call."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from appliance.identity import GroupId
from appliance.kernel.db import Tx
from appliance.kernel.questions import Question, ask
from appliance.policy.tables import VersionRow
from appliance.policy.values import Allowed, Contract, DataLabel, Hours, Limits, Rule, Rules, Term

_LISTS = ("providers", "models", "regions", "tools", "labels")


def load(tx: Tx) -> Rules:
    """Return the organisation's rules as they are now. Asking for permission is the caller's part."""
    found: Rules = ask(tx, loading())[0]
    return found


def loading() -> Question[Rules]:
    """Return the question after them, to be asked with others."""
    return Question("call_rules_in_force()", (), _rules)


def note_change(tx: Tx) -> None:
    """Count a change of what `load` returns, so that whoever keeps it knows that it is old."""
    row = insert(VersionRow).values(tenant_id=tx.tenant_id, version=1)
    tx.execute(row.on_conflict_do_update(index_elements=["tenant_id"], set_={"version": VersionRow.version + 1}))


def _rules(found: dict[str, Any]) -> Rules:
    labels = [DataLabel(one["label"], tuple(map(Term, one["terms"])), one["stays"]) for one in found["labels"] or ()]
    return Rules(
        found["version"] or 0,
        frozenset(Allowed(*one) for one in found["allowed"] or ()),
        tuple(_rule(one) for one in found["rules"] or ()),
        {one.label.casefold(): one for one in labels},
        tuple(_contract(one) for one in found["contracts"] or ()),
    )


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
