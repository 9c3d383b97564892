"""What may be called: a pure decision over the call and what is known of its model. It reads and writes nothing."""

from appliance.policy.errors import ModelNotAllowed
from appliance.policy.rules import EVERY_MODEL, LOCAL, Allowed, Call, decide

__all__ = ["EVERY_MODEL", "LOCAL", "Allowed", "Call", "ModelNotAllowed", "decide"]
