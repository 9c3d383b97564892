"""
Refusal
├── BudgetMalformed   kind=invalid
├── BudgetNotFound    kind=not_found
├── BudgetTwice       kind=conflict
├── BudgetUnpriced    kind=over_limit
├── LimitMalformed    kind=invalid
├── LimitNotFound     kind=not_found
├── OverBudget        kind=over_limit
└── SubjectUnknown    kind=invalid
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class BudgetMalformed(Invalid):
    """A budget has a name of 1 to 80 signs and a soft limit, a hard limit or both, the soft one not above the hard one: whole numbers from 0 to 10 to the 15th. One of money has a currency of three capital letters."""

    code = "budget_malformed"


class BudgetNotFound(Refusal):
    """There is no such budget. Look at the list under Budgets."""

    kind = Kind.NOT_FOUND
    code = "budget_not_found"


class BudgetTwice(Refusal):
    """There is a budget of the same unit and period for the same already. Change that one."""

    kind = Kind.CONFLICT
    code = "budget_twice"


class BudgetUnpriced(Refusal):
    """The model {model} has no price in the currency of the budget “{budget}”, so it cannot be said whether it stays within it. Ask the operator for the model's price, or an administrator to let models without a price pass this budget."""

    kind = Kind.OVER_LIMIT
    code = "budget_unpriced"


class LimitMalformed(Invalid):
    """A limit has at least one number: requests a minute, tokens a minute, or calls at once, each a whole number from 0."""

    code = "limit_malformed"


class LimitNotFound(Refusal):
    """There is no such limit. Look at the list under Budgets."""

    kind = Kind.NOT_FOUND
    code = "limit_not_found"


class OverBudget(Refusal):
    """The budget “{budget}” has not enough left for this. It begins anew on {begins} (UTC); an administrator can raise it under Budgets."""

    kind = Kind.OVER_LIMIT
    code = "budget_exhausted"


class SubjectUnknown(Invalid):
    """This group, person or API token is not of your organisation, or a model's name is missing. Choose one of the list."""

    code = "budget_subject_unknown"
