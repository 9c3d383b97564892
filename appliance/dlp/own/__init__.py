"""An organisation's own rules: dictionaries, expressions, exact values, and what it allows.

Trusted: this process, the vault. Not trusted: the database, which holds terms, expressions and the key of the digests sealed;
and the text. Exact values are kept as HMACs alone. No rule of an organisation's own lowers the floor.
"""

from typing import TYPE_CHECKING

from appliance.dlp.own.values import NOTHING, Allowance, Dictionary, ExactList, ListKind, Lists, OwnRules, Pattern
from appliance.kernel.later import later

if TYPE_CHECKING:
    from appliance.dlp.own.loading import OwnBook, own_rules

__getattr__ = later(__name__, {"loading": ("OwnBook", "own_rules")})

__all__ = [
    "NOTHING", "Allowance", "Dictionary", "ExactList", "ListKind", "Lists", "OwnBook", "OwnRules", "Pattern", "own_rules",
]  # fmt: skip
