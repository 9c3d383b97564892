"""The policy that an organisation has put in force: read at every call and every upload, in one look at an index."""

from typing import Any
from uuid import UUID

from appliance.dlp.decisions import Policy
from appliance.dlp.wording import rules_of
from appliance.kernel.db import Tx
from appliance.kernel.questions import Question, ask


def policy_in_force(tx: Tx) -> Policy:
    """Return the policy that holds now; version 0, without a rule, where the organisation has said nothing. Asks for no permission."""
    found: Policy = ask(tx, policy_asked())[0]
    return found


def policy_asked() -> Question[Policy]:
    """Return the question after it, to be asked with others in one trip."""
    return Question("dlp_policy_in_force()", (), _policy)


def _policy(found: dict[str, Any] | None) -> Policy:
    if not found:
        return Policy()
    return Policy(found["version"], rules_of(found["rules"]), {UUID(one["rule_id"]): one["name"] for one in found["rules"]})
