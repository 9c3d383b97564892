"""
Refusal
├── ModelNotAllowed    kind=blocked
├── Judged             kind=blocked     by a verdict, which it carries
│   ├── KeyLimited                      the key's own limits
│   ├── CallRuleRefused                 a rule of the organisation, or of a group
│   └── ContractMissing                 what a data label demands
├── LabelUnknown       kind=malformed   said by a program
├── RuleNotFound       kind=not_found
├── LabelNotFound      kind=not_found
├── ContractNotFound   kind=not_found
├── ContractEnded      kind=conflict
├── TooManyRules       kind=conflict
└── Invalid
    ├── RuleMalformed
    ├── RuleEntryMalformed
    ├── LabelMalformed
    └── ContractMalformed
"""

from appliance.kernel.errors import Invalid, Kind, Refusal
from appliance.policy.values import Verdict


class ModelNotAllowed(Refusal):
    """The model {model} may not be used: {rule}. Choose another, or ask an administrator to allow it under Models."""

    kind = Kind.BLOCKED
    code = "model_not_allowed"


class Judged(Refusal):
    """A rule refuses this call: {reason} Ask an administrator, who can look under Models."""

    kind = Kind.BLOCKED
    code = "judged"
    verdict: Verdict


class KeyLimited(Judged):
    """This key may not do that, by its {rule}: {reason} Issue a key with other limits under API tokens."""

    code = "key_limited"


class CallRuleRefused(Judged):
    """The rule {rule} refuses this call, by its {aspect}: {reason} An administrator can try and change it under Models."""

    code = "rule_refused"


class ContractMissing(Judged):
    """The data label {rule} refuses this call: {reason} An administrator can look at the contracts under Models."""

    code = "contract_missing"


class LabelUnknown(Refusal):
    """There is no data label {label} here. Say one of those under Models, or leave the header Cloister-Data-Label out."""

    kind = Kind.MALFORMED
    code = "data_label_unknown"


class RuleNotFound(Refusal):
    """There is no such rule. Look at the list under Models."""

    kind = Kind.NOT_FOUND
    code = "call_rule_not_found"


class LabelNotFound(Refusal):
    """There is no such data label. Look at the list under Models."""

    kind = Kind.NOT_FOUND
    code = "data_label_not_found"


class ContractNotFound(Refusal):
    """There is no such contract. Look at the list under Models."""

    kind = Kind.NOT_FOUND
    code = "contract_not_found"


class ContractEnded(Refusal):
    """This contract has ended already."""

    kind = Kind.CONFLICT
    code = "contract_ended"


class TooManyRules(Refusal):
    """There are {most} of them, which is the most. Remove what is no longer needed."""

    kind = Kind.CONFLICT
    code = "too_many_call_rules"


class RuleMalformed(Invalid):
    """A rule has a name of 1 to 120 signs and limits something; its times are such as 08:00, both or neither, in a zone such as Europe/Berlin."""

    code = "call_rule_malformed"


class RuleEntryMalformed(Invalid):
    """{entry} cannot stand in a rule's list of `{field}`. The page on rules says what can; a * may end an entry."""

    code = "call_rule_entry_malformed"


class LabelMalformed(Invalid):
    """A data label has 1 to 40 signs, no comma among them, and demands something of a contract, or that nothing leaves, or nothing."""

    code = "data_label_malformed"


class ContractMalformed(Invalid):
    """A contract says where it can be read in 1 to 500 signs, grants something or names a region, and ends, if it does, at a time that is yet to come."""

    code = "contract_malformed"
