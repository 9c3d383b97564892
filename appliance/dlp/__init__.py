"""What must not be uploaded or sent. On every way in a floor of few rules stops card data and private keys (`stopped`);
whoever asks has a text looked at by all rules and a small model (`scan`). What becomes of findings an organisation's policy says
(`policy_in_force`, `decide`), which may ask about rules of its own (`own_rules`).

Trusted: this process. Not trusted: the text, which may hide what it says; a shadow of it is read, in which look-alike letters,
signs of no width and encodings are plain. Every rule is linear in the text. A finding names rule and place, never the value.
"""

from typing import TYPE_CHECKING

from appliance.dlp.decisions import (
    BY_MODEL,
    FLOOR,
    Action,
    Circumstances,
    Decided,
    Decision,
    Direction,
    Policy,
    PolicyRule,
    decide,
    fitting,
)
from appliance.dlp.engine import Engine, stopped
from appliance.dlp.errors import DlpBlocked
from appliance.dlp.flowing import Flowing, Stretch, whole
from appliance.dlp.masking import excerpt, masked
from appliance.dlp.own import NOTHING, OwnRules
from appliance.dlp.showing import shown
from appliance.dlp.surrogate_forms import redacted
from appliance.dlp.tags import Tag, Tagger
from appliance.dlp.values import FAMILIES, LIKELY, Category, Family, Finding
from appliance.dlp.weaving import PLAIN, InJson, Weave
from appliance.kernel.later import later

if TYPE_CHECKING:
    from appliance.dlp.own.loading import OwnBook, own_rules
    from appliance.dlp.policies import policy_asked, policy_in_force
    from appliance.dlp.pseudonyms import IRREVERSIBLE, Restoring, Surrogates, Written
    from appliance.dlp.scanning import scan

# These load the database's and the vault's parts, which `appliance scan` does without.
__getattr__ = later(
    __name__,
    {
        "own.loading": ("OwnBook", "own_rules"),
        "policies": ("policy_asked", "policy_in_force"),
        "pseudonyms": ("IRREVERSIBLE", "Restoring", "Surrogates", "Written"),
        "scanning": ("scan",),
    },
)

__all__ = [
    "BY_MODEL", "FAMILIES", "FLOOR", "IRREVERSIBLE", "LIKELY", "NOTHING", "PLAIN", "Action", "Category", "Circumstances", "Decided",
    "Decision", "Direction", "DlpBlocked", "Engine", "Family", "Finding", "Flowing", "InJson", "OwnBook", "OwnRules",
    "Policy", "PolicyRule", "Restoring", "Stretch", "Surrogates", "Tag", "Tagger", "Weave", "Written", "decide",
    "excerpt", "fitting", "masked", "own_rules", "policy_asked", "policy_in_force", "redacted", "scan", "shown", "stopped",
    "whole",
]  # fmt: skip
