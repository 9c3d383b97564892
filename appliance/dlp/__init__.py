"""What must not be uploaded or sent: found by exact detectors, on every way in.

First floor: payment cards (ISO/IEC 7812, with Luhn's check digit) and private keys (PEM). Both have next to no
false alarms, and both must never stand in a knowledge base. A finding names its rule and place, never the value.
"""

from appliance.dlp.detectors import Category, Finding, inspect
from appliance.dlp.errors import DlpBlocked

__all__ = ["Category", "DlpBlocked", "Finding", "inspect"]
