"""The audit log. Verbs record their event in their own transaction: no record, no change.

Trusted: this process while it writes. Not trusted: who can write the database; that is
what sealing the inbox into a signed tree is for. Entries hold ids and numbers, never
content and never a secret.
"""

from appliance.audit.events import Event
from appliance.audit.exports import export_file, export_lines
from appliance.audit.inbox import record
from appliance.audit.queries import iterate_bodies, list_entries
from appliance.audit.sealer import Sealer
from appliance.audit.values import LOGS, PLATFORM, Actor, ActorKind, Entry, EntryFilter, Outcome

__all__ = [
    "LOGS",
    "PLATFORM",
    "Actor",
    "ActorKind",
    "Entry",
    "EntryFilter",
    "Event",
    "Outcome",
    "Sealer",
    "export_file",
    "export_lines",
    "iterate_bodies",
    "list_entries",
    "record",
]
