"""What may be called: a pure decision over the call and what is known of its model. It reads and writes nothing."""

from appliance.policy.errors import ModelNotAllowed
from appliance.policy.rules import Call, decide

__all__ = ["Call", "ModelNotAllowed", "decide"]
