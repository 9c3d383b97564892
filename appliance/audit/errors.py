"""
Refusal
├── CheckpointUnreadable   kind=invalid
├── ExportFilterMalformed  kind=invalid
├── ExportNotFound         kind=not_found
├── ExportNotReady         kind=conflict
├── DiskFull               kind=unavailable
├── ExportsLimited         kind=over_limit
│   └── ExportsFull
├── HeadBroken             kind=broken
├── LogIncomplete          kind=broken
├── NoExportFolder         kind=conflict
├── NothingSealed          kind=conflict
├── ReplayRefused          kind=invalid
├── ScheduleNotFound       kind=not_found
└── SchedulesLimited       kind=over_limit
"""

from appliance.kernel.errors import Kind, Refusal


class CheckpointUnreadable(Refusal):
    """This is no checkpoint of this log. Give the whole file, as it was downloaded."""

    kind = Kind.INVALID
    code = "checkpoint_unreadable"


class ExportFilterMalformed(Refusal):
    """{given} is no id and no day. Give ids as the log shows them, days as 2026-11-27, or leave the field empty for all."""

    kind = Kind.INVALID
    code = "export_filter_malformed"


class ExportNotFound(Refusal):
    """There is no such export of the log."""

    kind = Kind.NOT_FOUND
    code = "export_not_found"


class ExportNotReady(Refusal):
    """This export is not ready, or its file was removed when its days were over. Look at its state, or ask for a new one."""

    kind = Kind.CONFLICT
    code = "export_not_ready"


class ExportsLimited(Refusal):
    """Enough packages of the log are being written, or were asked for in the last hour. Wait for those, then ask again."""

    kind = Kind.OVER_LIMIT
    code = "exports_limited"


class ExportsFull(ExportsLimited):
    """Packages of this log take all the room that they may: {used} of {most} MB. The oldest is removed {days} days after it was asked for; whoever runs this host can give more (`APPLIANCE_EXPORT_LIMIT_MB`)."""

    code = "exports_full"


class DiskFull(Refusal):
    """There is not enough room on this host's disk for the package: it may take {needed} MB. Tell whoever runs the host, or ask for a shorter period."""

    kind = Kind.UNAVAILABLE
    code = "disk_full"


class HeadBroken(Refusal):
    """The end of an organisation's audit log is not what was signed last. Nothing is sealed on it; tell the operator at once."""

    kind = Kind.BROKEN
    code = "log_broken"

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class LogIncomplete(Refusal):
    """Entries of the audit log that were sealed are missing, or cannot be read. Tell the operator at once."""

    kind = Kind.BROKEN
    code = "log_incomplete"


class NoExportFolder(Refusal):
    """Whoever runs this host has named no folder for packages that are made by themselves. Ask them to set `APPLIANCE_EXPORT_FOLDER`."""

    kind = Kind.CONFLICT
    code = "no_export_folder"


class NothingSealed(Refusal):
    """Nothing of this log is sealed yet. Try again in a moment; if it stays so, see that the worker runs."""

    kind = Kind.CONFLICT
    code = "nothing_sealed"


class ReplayRefused(Refusal):
    """Nothing of this package can be cited: {reason}."""

    kind = Kind.INVALID
    code = "replay_refused"


class ScheduleNotFound(Refusal):
    """There is no such schedule of packages."""

    kind = Kind.NOT_FOUND
    code = "schedule_not_found"


class SchedulesLimited(Refusal):
    """There are as many schedules as there can be. Remove one first."""

    kind = Kind.OVER_LIMIT
    code = "schedules_limited"
