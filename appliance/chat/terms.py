"""Under which terms a question is asked: the policy in force, what the chatbot's documents bear, where its model is; and the record of it."""

from collections.abc import Collection
from uuid import UUID

from appliance import audit, dlp, knowledge
from appliance.audit import Event, Outcome
from appliance.chat.screening import Counts, Terms, Way
from appliance.chat.values import Chatbot
from appliance.dlp import Circumstances, Direction
from appliance.gateway.writing import NO_PREMISES, Premises
from appliance.identity import Caller
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal


def terms_for(tx: Tx, caller: Caller, chatbot: Chatbot, *, is_local: bool, premises: Premises = NO_PREMISES, labels: Collection[str] = ()) -> Terms:
    """Return the terms for somebody who asks a chatbot, whose model is here, or where the premises say."""
    policy, now = dlp.policy_in_force(tx), Circumstances(Direction.PROMPT, is_local=is_local)
    if not policy.version:
        return Terms(policy, now)
    asked_for = {label for rule in policy.rules for label in rule.labels}
    borne = knowledge.labels_among(tx, collections_for(tx, caller, chatbot), asked_for) if asked_for else []
    said = frozenset(one.casefold() for one in (*borne, *labels))
    now = Circumstances(Direction.PROMPT, said, frozenset(caller.groups), is_local, premises.terms, premises.region)
    return Terms(policy, now, dlp.own_rules(tx))


def collections_for(tx: Tx, caller: Caller, chatbot: Chatbot) -> frozenset[UUID] | None:
    """Return of which collections a chatbot answers somebody; None stands for all."""
    collections = knowledge.readable_collections(tx, caller)
    if not chatbot.collection_ids:
        return collections
    chosen = frozenset[UUID](chatbot.collection_ids)
    return chosen if collections is None else chosen & collections


def record_refused(tx: Tx, caller: Caller, subject: UUID, refusal: Refusal, *, policy: int) -> None:
    """Put on record that a question was refused for what it holds: of what kind it is, and by which rule."""
    audit.record(
        tx, caller.actor, Event.QUESTION_REFUSED, subject=subject, outcome=Outcome.REFUSED,
        category=str(refusal.facts.get("category", "")), rule=str(refusal.facts.get("rule", ""))[:120], policy=policy,
    )  # fmt: skip


def record_found(tx: Tx, caller: Caller, subject: UUID, way: Way, counts: Counts) -> None:
    """Put on record what was done about what was found, in numbers."""
    kinds = ", ".join(f"{one.value}: {number}" for one, number in sorted(way.found.items()))
    audit.record(
        tx, caller.actor, Event.VALUES_REPLACED, subject=subject, replaced=counts.replaced, removed=counts.removed,
        warned=counts.warned, categories=kinds, policy=way.policy_version,
    )  # fmt: skip
