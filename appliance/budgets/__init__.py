"""How much may be used: tokens reserved before a call, settled after it. Integers only."""

from appliance.budgets.errors import OverBudget
from appliance.budgets.service import Budget, Purse, get_budget, reserve, set_budget

__all__ = ["Budget", "OverBudget", "Purse", "get_budget", "reserve", "set_budget"]
