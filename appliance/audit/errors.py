"""
Refusal
├── CheckpointUnreadable   kind=invalid
├── ExportFilterMalformed  kind=invalid
├── ExportNotFound         kind=not_found
├── ExportNotReady         kind=conflict
├── HeadBroken             kind=broken
├── LogIncomplete          kind=broken
└── NothingSealed          kind=conflict
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
    """This export is not ready, or its file was removed after seven days. Look at its state, or ask for a new one."""

    kind = Kind.CONFLICT
    code = "export_not_ready"


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


class NothingSealed(Refusal):
    """Nothing of this log is sealed yet. Try again in a moment; if it stays so, see that the worker runs."""

    kind = Kind.CONFLICT
    code = "nothing_sealed"
