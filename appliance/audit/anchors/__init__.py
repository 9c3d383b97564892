"""Anchors: what shows to others how far the log was, outside the reach of who runs this host.

A witness co-signs each checkpoint and refuses a log that became another one; a time-stamping authority says since when a
checkpoint exists. Neither sees an entry: sizes, roots and digests alone leave this host.

Trusted: the settings, which name the anchors with their keys. Not trusted: the database, which cannot take an anchor away; who
answers in an anchor's place, whose signature does not hold.
"""

from appliance.audit.anchors.attending import Anchored, Attendant
from appliance.audit.anchors.epochs import open_epoch
from appliance.audit.anchors.gate import Gate
from appliance.audit.anchors.ledger import last_seen
from appliance.audit.anchors.levels import Assurance, Level, assurance_of, count_faults, is_contradicted, note_anchors
from appliance.audit.anchors.stamping import TimeStamps
from appliance.audit.anchors.values import Anchors, TimeStampPlace, WitnessPlace, witness_place
from appliance.audit.anchors.witnesses import Witness

__all__ = [
    "Anchored", "Anchors", "Assurance", "Attendant", "Gate", "Level", "TimeStampPlace", "TimeStamps", "Witness", "WitnessPlace",
    "assurance_of", "count_faults", "is_contradicted", "last_seen", "note_anchors", "open_epoch", "witness_place",
]  # fmt: skip
