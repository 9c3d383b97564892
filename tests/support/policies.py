"""Policies on what is found in texts, put in force without the steps that people take."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from appliance.audit import Event
from appliance.dlp import Action, Category, Policy, PolicyRule, drafting, policy_in_force
from appliance.dlp.drafting import begin_draft, find_draft, get_draft, save_draft
from appliance.dlp.dryrun import list_dry_runs, start_dry_run
from appliance.dlp.dryrun_values import DryRunForm
from appliance.dlp.policy_tables import PolicyRow
from appliance.dlp.policy_values import PolicyForm
from appliance.dlp.wording import WrittenRule, to_stored
from appliance.kernel.ids import TenantId, new_id
from tests.support.house import House, Member


def put_in_force(house: House, tenant_id: TenantId, rules: Sequence[PolicyRule]) -> Policy:
    """Put rules in force, in this order, as the organisation's next version; return the policy."""
    author = new_id()
    with house.app.db.tenant(tenant_id) as tx:
        before = policy_in_force(tx)
        written = [to_stored(WrittenRule(one, f"Rule {number}")) for number, one in enumerate(rules, 1)]
        now = house.clock.now()
        row = PolicyRow(
            tenant_id=tenant_id, version=before.version + 1, rules=written, needs_second=False, note="", template="",
            based_on=before.version, drafted_by=author, drafted_at=now, asked_by=author, approved_by=author, in_force_at=now,
        )  # fmt: skip
        tx.add(row)
        tx.flush()
        return policy_in_force(tx)


def entries_of(member: Member, event: Event) -> list[dict[str, Any]]:
    """Return the bodies of an organisation's entries of this event that are not sealed yet, the oldest first."""
    with member.services.db.tenant(member.tenant_id) as tx:
        query = text("SELECT body FROM audit_inbox WHERE event = :event ORDER BY event_id")
        return [json.loads(bytes(body)) for body in tx.scalars(query, {"event": event.value})]


def protects(ada: Member) -> dict[str, str]:
    """Have a policy in force that stops nothing, a draft after it, and a dry run that waits; each once."""
    clock, rule = ada.house.clock, PolicyRule(new_id(), Action.WARN, frozenset({Category.WALLET}), labels=frozenset({"furnished"}))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        if not policy_in_force(tx).version:
            revision = begin_draft(tx, ada.caller, is_empty=True, clock=clock).revision
            form = PolicyForm((WrittenRule(rule, "Furnished", "So that there is one."),))
            revision = save_draft(tx, ada.caller, form, revision=revision, clock=clock).revision
            drafting.put_in_force(tx, ada.caller, revision=revision, clock=clock)
        draft = find_draft(tx, ada.caller) or begin_draft(tx, ada.caller, clock=clock)
        runs = list_dry_runs(tx, ada.caller)
        run = runs[0] if runs else start_dry_run(tx, ada.caller, DryRunForm(), clock=clock)
    return {"run_id": str(run.run_id), "policy_rule_id": str(draft.form.rules[0].rule.rule_id)}


def drafts(member: Member, template: str = "wiki") -> Member:
    """Begin a policy from a template."""
    with member.services.db.tenant(member.tenant_id) as tx:
        begin_draft(tx, member.caller, template=template, clock=member.house.clock)
    return member


def awaits_second(member: Member) -> Member:
    """Have a draft that awaits a second person, as the policy in force demands."""
    clock = member.house.clock
    drafts(member)
    with member.services.db.tenant(member.tenant_id) as tx:
        form = replace(get_draft(tx, member.caller).form, needs_second=True)
        revision = save_draft(tx, member.caller, form, clock=clock).revision
        drafting.put_in_force(tx, member.caller, revision=revision, clock=clock)
        draft = begin_draft(tx, member.caller, is_empty=True, clock=clock)
        drafting.put_in_force(tx, member.caller, revision=draft.revision, clock=clock)
    return member
