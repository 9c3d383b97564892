"""The audit log. Verbs record their event in their own transaction: no record, no change.

Trusted: this process while it writes. Not trusted: who can write the database; that is
what sealing the inbox into a signed tree is for. Entries hold ids and numbers, never
content and never a secret; of what is personal they hold a commitment.
"""

from typing import TYPE_CHECKING

from appliance.audit.erasing import disclosed_subjects, erase_disclosures
from appliance.audit.events import Event
from appliance.audit.inbox import NewEntry, record, record_all, recording
from appliance.audit.queries import iterate_bodies, list_entries
from appliance.audit.values import (
    LOGS,
    PLATFORM,
    STRANGERS,
    Actor,
    ActorKind,
    Entry,
    EntryFilter,
    Every,
    Export,
    ExportState,
    Lack,
    LogState,
    Outcome,
    PlaceKind,
    Room,
    RoomUsed,
    Schedule,
    Wanted,
)
from appliance.kernel.later import later

if TYPE_CHECKING:
    from appliance.audit.anchors.epochs import open_epoch
    from appliance.audit.exporting import (
        EXPORT,
        get_export,
        get_log,
        list_exports,
        open_export,
        request_export,
        resume_exports,
        room_used,
        sweep_exports,
        write_export,
    )
    from appliance.audit.exports import export_file, export_lines
    from appliance.audit.places import Courier, NewPlace, PlaceForm, Undelivered, try_place
    from appliance.audit.schedules import create_schedule, list_schedules, remove_schedule, tend_schedules
    from appliance.audit.sealer import Sealer

# Every verb records; packages, anchors and the sequencer are of few processes.
__getattr__ = later(
    __name__,
    {
        "anchors.epochs": ("open_epoch",),
        "exporting": (
            "EXPORT", "get_export", "get_log", "list_exports", "open_export", "request_export", "resume_exports", "room_used",
            "sweep_exports", "write_export",
        ),
        "exports": ("export_file", "export_lines"),
        "places": ("Courier", "NewPlace", "PlaceForm", "Undelivered", "try_place"),
        "schedules": ("create_schedule", "list_schedules", "remove_schedule", "tend_schedules"),
        "sealer": ("Sealer",),
    },
)  # fmt: skip

__all__ = [
    "EXPORT",
    "LOGS",
    "PLATFORM",
    "STRANGERS",
    "Actor",
    "ActorKind",
    "Courier",
    "Entry",
    "EntryFilter",
    "Event",
    "Every",
    "Export",
    "ExportState",
    "Lack",
    "LogState",
    "NewEntry",
    "NewPlace",
    "Outcome",
    "PlaceForm",
    "PlaceKind",
    "Room",
    "RoomUsed",
    "Schedule",
    "Sealer",
    "Undelivered",
    "Wanted",
    "create_schedule",
    "disclosed_subjects",
    "erase_disclosures",
    "export_file",
    "export_lines",
    "get_export",
    "get_log",
    "iterate_bodies",
    "list_entries",
    "list_exports",
    "list_schedules",
    "open_epoch",
    "open_export",
    "record",
    "record_all",
    "recording",
    "remove_schedule",
    "request_export",
    "resume_exports",
    "room_used",
    "sweep_exports",
    "tend_schedules",
    "try_place",
    "write_export",
]
