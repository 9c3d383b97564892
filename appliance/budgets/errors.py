"""
Refusal
├── OverBudget        kind=over_limit
└── BudgetMalformed   kind=invalid
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class OverBudget(Refusal):
    """This month's budget is spent. An administrator can raise it under Settings."""

    kind = Kind.OVER_LIMIT
    code = "budget_exhausted"


class BudgetMalformed(Invalid):
    """A monthly budget is a whole number of tokens from 0 to 10 to the 15th, or empty for none."""

    code = "budget_malformed"
