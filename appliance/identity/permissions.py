"""What each role may do: one closed enum, one table."""

from enum import StrEnum

from appliance.identity.errors import Forbidden
from appliance.identity.values import Caller, Role


class Permission(StrEnum):
    AUDIT_READ = "audit:read"
    BUDGET_CHANGE = "budget:change"
    CHATBOT_EDIT = "chatbot:edit"
    CHAT = "chat"
    DOCUMENT_ADD = "document:add"
    DOCUMENT_APPROVE = "document:approve"
    DOCUMENT_DELETE = "document:delete"
    DOCUMENT_READ = "document:read"
    OVERVIEW_READ = "overview:read"
    PEOPLE_CHANGE = "people:change"
    PEOPLE_READ = "people:read"


_MEMBER = frozenset({Permission.CHAT, Permission.DOCUMENT_READ, Permission.DOCUMENT_ADD, Permission.OVERVIEW_READ})
# An auditor sees who and what happened, and neither documents nor conversations.
_AUDITOR = frozenset({Permission.AUDIT_READ, Permission.PEOPLE_READ, Permission.OVERVIEW_READ})
_ADMIN = frozenset(Permission)

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _ADMIN,
    Role.ADMIN: _ADMIN,
    Role.AUDITOR: _AUDITOR,
    Role.MEMBER: _MEMBER,
}


def may(caller: Caller, permission: Permission) -> bool:
    """Say whether the caller's role grants it."""
    return permission in GRANTS[caller.role]


def require(caller: Caller, permission: Permission) -> None:
    """Raise Forbidden unless the caller's role grants it. Every verb asks first."""
    if not may(caller, permission):
        raise Forbidden
