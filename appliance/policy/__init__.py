"""What may be called: rules of an organisation and its groups, data labels, contracts with providers.

`load` returns all that an organisation says, at once; `judge` and `judge_place` are pure decisions over that and a call.
"""

from appliance.policy.contracts import (
    ContractForm,
    Expiring,
    add_contract,
    end_contract,
    list_contracts,
    remind_of_contracts,
)
from appliance.policy.errors import CallRuleRefused, ContractMissing, KeyLimited, LabelUnknown, ModelNotAllowed
from appliance.policy.loading import load, loading, note_change
from appliance.policy.rules import decide, judge, judge_place, may_ask
from appliance.policy.service import (
    change_rule,
    create_rule,
    demanding_labels,
    get_rule,
    list_data_labels,
    list_rules,
    remove_label,
    remove_rule,
    set_label,
)
from appliance.policy.values import (
    EVERY_MODEL,
    LOCAL,
    NO_TOOLS,
    Allowed,
    Asked,
    Aspect,
    Call,
    Contract,
    DataLabel,
    Hours,
    Limits,
    Place,
    Rule,
    Rules,
    Source,
    Term,
    Verdict,
)

__all__ = [
    "EVERY_MODEL", "LOCAL", "NO_TOOLS", "Allowed", "Asked", "Aspect", "Call", "CallRuleRefused", "Contract", "ContractForm",
    "ContractMissing", "DataLabel", "Expiring", "Hours", "KeyLimited", "LabelUnknown", "Limits", "ModelNotAllowed", "Place", "Rule",
    "Rules", "Source", "Term", "Verdict", "add_contract", "change_rule", "create_rule", "decide", "demanding_labels", "end_contract", "get_rule",
    "judge", "judge_place", "list_contracts", "list_data_labels", "list_rules", "load", "loading", "may_ask", "note_change",
    "remind_of_contracts", "remove_label", "remove_rule", "set_label",
]  # fmt: skip
