"""The audit log. Verbs record their event in their own transaction: no record, no change.

Trusted: this process while it writes. Not trusted: who can write the database; that is
what sealing the inbox into a signed tree is for. Entries hold ids and numbers, never
content and never a secret.
"""

from appliance.audit.events import Event
from appliance.audit.exporting import (
    EXPORT,
    get_export,
    get_log,
    list_exports,
    open_export,
    request_export,
    sweep_exports,
    write_export,
)
from appliance.audit.exports import export_file, export_lines
from appliance.audit.inbox import NewEntry, record, record_all, recording
from appliance.audit.queries import iterate_bodies, list_entries
from appliance.audit.sealer import Sealer
from appliance.audit.values import (
    LOGS,
    PLATFORM,
    Actor,
    ActorKind,
    Entry,
    EntryFilter,
    Export,
    ExportState,
    LogState,
    Outcome,
    Wanted,
)

__all__ = [
    "EXPORT",
    "LOGS",
    "PLATFORM",
    "Actor",
    "ActorKind",
    "Entry",
    "EntryFilter",
    "Event",
    "Export",
    "ExportState",
    "LogState",
    "NewEntry",
    "Outcome",
    "Sealer",
    "Wanted",
    "export_file",
    "export_lines",
    "get_export",
    "get_log",
    "iterate_bodies",
    "list_entries",
    "list_exports",
    "open_export",
    "record",
    "record_all",
    "recording",
    "request_export",
    "sweep_exports",
    "write_export",
]
