"""The languages of those who watch. Each module sends a batch and says what was not taken; none touches the database.

A peer raises PeerFailed where the whole batch is to be sent again, and PeerRefused where something in it is wrong and the
peer does not say what. What it returns are the entries that it will never take.
"""

from appliance.audit.sinks.peers.kit import Kit
from appliance.audit.sinks.peers.sending import send

__all__ = ["Kit", "send"]
