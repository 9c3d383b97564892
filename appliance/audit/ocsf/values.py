"""The classes of OCSF that this product's events are told in, with the names that the schema gives to what happens."""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

VERSION: Final = "1.8.0"
OTHER: Final = 99
_CATEGORIES: Final = {2: "Findings", 3: "Identity & Access Management", 6: "Application Activity"}


class Severity(IntEnum):
    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4


@dataclass(frozen=True)
class _Said:
    uid: int
    name: str
    activities: dict[int, str]
    names_source: bool = True
    """Whether the schema has a place for where it came from."""
    profile: str | None = None
    """What adds the attributes that this class lacks: of a model call, or who did it."""


class Class(Enum):
    """A class; its activities are those in use here, 99 being any other."""

    ACCOUNT = _Said(
        3001, "Account Change",
        {1: "Create", 2: "Enable", 3: "Password Change", 4: "Password Reset", 5: "Disable", 9: "Lock",
         10: "MFA Factor Enable", 11: "MFA Factor Disable"},
    )  # fmt: skip
    AUTHENTICATION = _Said(3002, "Authentication", {1: "Logon", 2: "Logoff"})
    AUTHORISATION = _Said(3003, "Authorize Session", {1: "Assign Privileges"})
    ENTITY = _Said(
        3004, "Entity Management",
        {1: "Create", 2: "Read", 3: "Update", 4: "Delete", 5: "Move", 8: "Enable", 9: "Disable", 10: "Activate",
         11: "Deactivate", 12: "Suspend", 13: "Resume"},
    )  # fmt: skip
    ACCESS = _Said(3005, "User Access Management", {1: "Assign Privileges"})
    GROUP = _Said(3006, "Group Management", {5: "Delete", 6: "Create"})
    LIFECYCLE = _Said(6002, "Application Lifecycle", {}, names_source=False, profile="host")
    API = _Said(6003, "API Activity", {1: "Create", 2: "Read", 3: "Update", 4: "Delete"}, profile="ai_operation")
    DATASTORE = _Said(
        6005, "Datastore Activity", {1: "Read", 4: "Query", 5: "Write", 8: "List"}, profile="ai_operation"
    )
    FILE = _Said(
        6006, "File Hosting Activity",
        {1: "Upload", 2: "Download", 3: "Update", 4: "Delete", 7: "Move", 8: "Restore", 12: "Share", 14: "Open"},
    )  # fmt: skip
    ERROR = _Said(6008, "Application Error", {1: "General Error"}, names_source=False, profile="host")
    COMPLIANCE = _Said(
        2003, "Compliance Finding", {1: "Create", 2: "Update", 3: "Close"}, names_source=False, profile="host"
    )
    DATA_SECURITY = _Said(2006, "Data Security Finding", {1: "Create", 2: "Update", 3: "Close"}, profile="host")

    @property
    def category(self) -> tuple[int, str]:
        uid = self.value.uid // 1000
        return uid, _CATEGORIES[uid]
