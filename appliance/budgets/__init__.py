"""How much may be used: tokens and money, reserved before a call and settled after it. Integers only.

A budget is of an organisation, a group, a person, a key or a model, for a day or a month (UTC). What a call may need at
most is taken from all that apply, in the transaction that admits it, or from none. A counter for each budget and period
is what is asked, never a sum over calls, and its row is locked for the end of that transaction alone.
"""

from appliance.budgets.errors import BudgetNotFound, BudgetUnpriced, OverBudget
from appliance.budgets.reserving import (
    Used,
    hold_still,
    reserve,
    reserve_all,
    reserved_of,
    reserving,
    settle,
    settle_all,
    settling,
    settling_all,
)
from appliance.budgets.service import (
    change_budget,
    counts_of,
    create_budget,
    get_budget,
    get_standing,
    list_budgets,
    remove_budget,
    set_budget,
    standing_of,
)
from appliance.budgets.values import (
    Budget,
    BudgetForm,
    Charge,
    Limits,
    MonthlyTokens,
    Payer,
    Period,
    Reserved,
    Standing,
    Subject,
    SubjectKind,
    Unit,
    Unpriced,
    Warned,
)

__all__ = [
    "Budget", "BudgetForm", "BudgetNotFound", "BudgetUnpriced", "Charge", "Limits", "MonthlyTokens", "OverBudget",
    "Payer", "Period", "Reserved", "Standing", "Subject", "SubjectKind", "Unit", "Unpriced", "Used", "Warned", "change_budget",
    "counts_of", "create_budget", "get_budget", "get_standing", "hold_still", "list_budgets", "remove_budget", "reserve",
    "reserve_all", "reserved_of", "reserving", "set_budget", "settle", "settle_all", "settling", "settling_all", "standing_of",
]  # fmt: skip
