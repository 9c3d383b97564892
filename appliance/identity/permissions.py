"""What each role may do, what each token scope allows, and which steps need a fresh proof of who is asking."""

from collections.abc import Iterable
from enum import StrEnum

from appliance.identity.entry_errors import FactorNeeded
from appliance.identity.errors import Forbidden, ScopeMissing, StepUpRequired
from appliance.identity.sso.errors import SignInThere
from appliance.identity.values import ORGANISATION_ROLES, Caller, Role, Scope


class Permission(StrEnum):
    AUDIT_ERASE = "audit:erase"
    AUDIT_READ = "audit:read"
    AUDIT_STREAM = "audit:stream"
    BREAK_GLASS_CHANGE = "break_glass:change"
    BUDGET_CHANGE = "budget:change"
    CHAT = "chat"
    CHATBOT_EDIT = "chatbot:edit"
    COLLECTION_CHANGE = "collection:change"
    CONVERSATION_REVIEW = "conversation:review"
    DLP_POLICY_CHANGE = "dlp_policy:change"
    DOCUMENT_ADD = "document:add"
    DOCUMENT_APPROVE = "document:approve"
    DOCUMENT_CHANGE = (
        "document:change"  # what others uploaded: replace, label, cancel; one's own needs no more than DOCUMENT_ADD
    )
    DOCUMENT_DELETE = "document:delete"
    DOCUMENT_READ = "document:read"
    GROUP_CHANGE = "group:change"
    JOB_READ = "job:read"
    KEY_DESTROY = "key:destroy"
    KEY_READ = "key:read"
    KEY_ROTATE = "key:rotate"
    MODEL_CALL = "model:call"
    MODEL_CHANGE = "model:change"
    OVERVIEW_READ = "overview:read"
    PASSWORD_RESET = "password:reset"  # noqa: S105 - the name of a permission
    PEOPLE_CHANGE = "people:change"
    PEOPLE_READ = "people:read"
    PLATFORM_CHANGE = "platform:change"
    PLATFORM_READ = "platform:read"
    PROVIDER_CHANGE = "provider:change"
    PROVIDER_READ = "provider:read"
    ROLE_CHANGE = "role:change"
    SERVICE_ACCOUNT_CHANGE = "service_account:change"
    SETTINGS_CHANGE = "settings:change"
    SIGN_ON_CHANGE = "sign_on:change"
    SUPPORT_GRANT = "support:grant"
    TOKEN_CREATE = "token:create"  # noqa: S105 - the name of a permission
    USAGE_READ = "usage:read"


_P = Permission
_MEMBER = frozenset({_P.CHAT, _P.DOCUMENT_ADD, _P.DOCUMENT_READ, _P.MODEL_CALL, _P.OVERVIEW_READ, _P.TOKEN_CREATE})
# An auditor sees the log, and the evidence that is made for auditors, and nothing else. A token of their own reads the same.
_AUDITOR = frozenset({_P.AUDIT_READ, _P.TOKEN_CREATE})
# An operator runs the box. Their tenant is the platform, whose rows hold no organisation's content.
_OPERATOR = frozenset({_P.AUDIT_ERASE, _P.AUDIT_READ, _P.AUDIT_STREAM, _P.KEY_READ, _P.KEY_ROTATE, _P.PEOPLE_READ, _P.PEOPLE_CHANGE, _P.PLATFORM_CHANGE, _P.PLATFORM_READ,
                       _P.PROVIDER_CHANGE, _P.PROVIDER_READ, _P.TOKEN_CREATE})  # fmt: skip
_ADMIN = frozenset(_P) - {_P.PLATFORM_CHANGE, _P.PLATFORM_READ}
_OWNERS = frozenset({_P.AUDIT_ERASE, _P.BREAK_GLASS_CHANGE, _P.KEY_DESTROY, _P.SUPPORT_GRANT})
# An operator who was let in looks, or helps; what would outlast the hours, or reads what people asked, is not theirs.
_SUPPORT = frozenset({_P.AUDIT_READ, _P.DOCUMENT_READ, _P.JOB_READ, _P.KEY_READ, _P.OVERVIEW_READ, _P.PEOPLE_READ, _P.PROVIDER_READ, _P.USAGE_READ})
_OUTLASTS = frozenset({_P.AUDIT_STREAM, _P.BUDGET_CHANGE, _P.DLP_POLICY_CHANGE, _P.GROUP_CHANGE, _P.KEY_ROTATE, _P.MODEL_CHANGE, _P.PASSWORD_RESET, _P.PEOPLE_CHANGE, _P.PROVIDER_CHANGE, _P.ROLE_CHANGE,
                       _P.SERVICE_ACCOUNT_CHANGE, _P.SETTINGS_CHANGE, _P.SIGN_ON_CHANGE, _P.TOKEN_CREATE})  # fmt: skip

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _ADMIN,
    Role.ADMIN: _ADMIN - _OWNERS,
    Role.AUDITOR: _AUDITOR,
    Role.MEMBER: _MEMBER,
    Role.OPERATOR: _OPERATOR,
    Role.SUPPORT: _SUPPORT,
    Role.SUPPORT_ADMIN: _ADMIN - _OWNERS - _OUTLASTS - {_P.CONVERSATION_REVIEW},
    Role.CUSTOM: frozenset(),  # what its row says, and without one nothing; see `held`
}
GIVABLE = GRANTS[Role.ADMIN] - {_P.SIGN_ON_CHANGE}
"""What a role of an organisation's own may grant: never more than an administrator may, and never a connection: whoever holds
one holds everybody who comes by it."""

SCOPES: dict[Scope, frozenset[Permission]] = {
    Scope.AUDIT_READ: frozenset({_P.AUDIT_READ, _P.KEY_READ, _P.PROVIDER_READ}),
    Scope.CHAT: frozenset({_P.CHAT, _P.DOCUMENT_READ}),
    Scope.CHATBOTS_WRITE: frozenset({_P.CHATBOT_EDIT, _P.CHAT, _P.DOCUMENT_READ}),
    Scope.CONVERSATIONS_REVIEW: frozenset({_P.CONVERSATION_REVIEW}),
    Scope.DOCUMENTS_READ: frozenset({_P.DOCUMENT_READ}),
    Scope.DOCUMENTS_WRITE: frozenset(
        {
            _P.DOCUMENT_READ,
            _P.DOCUMENT_ADD,
            _P.DOCUMENT_APPROVE,
            _P.DOCUMENT_CHANGE,
            _P.DOCUMENT_DELETE,
            _P.COLLECTION_CHANGE,
        }
    ),
    Scope.MODELS: frozenset({_P.MODEL_CALL}),
    Scope.PEOPLE_READ: frozenset({_P.PEOPLE_READ}),
    Scope.PEOPLE_WRITE: frozenset(
        {_P.PEOPLE_READ, _P.PEOPLE_CHANGE, _P.GROUP_CHANGE, _P.ROLE_CHANGE, _P.PASSWORD_RESET, _P.AUDIT_ERASE, _P.BREAK_GLASS_CHANGE,
         _P.SUPPORT_GRANT}
    ),
    Scope.PLATFORM: frozenset({_P.PLATFORM_READ, _P.PLATFORM_CHANGE, _P.AUDIT_STREAM}),
    Scope.PROVIDERS_WRITE: frozenset({_P.PROVIDER_READ, _P.PROVIDER_CHANGE}),
    Scope.SETTINGS_WRITE: frozenset(
        {_P.SETTINGS_CHANGE, _P.AUDIT_STREAM, _P.BUDGET_CHANGE, _P.DLP_POLICY_CHANGE, _P.MODEL_CHANGE, _P.KEY_READ, _P.KEY_ROTATE, _P.KEY_DESTROY, _P.OVERVIEW_READ, _P.SIGN_ON_CHANGE}
    ),
    Scope.TOKENS_WRITE: frozenset({_P.TOKEN_CREATE, _P.SERVICE_ACCOUNT_CHANGE}),
    Scope.USAGE_READ: frozenset({_P.USAGE_READ, _P.OVERVIEW_READ, _P.JOB_READ}),
}

# Whoever finds an unlocked browser can read along, and still not take the place over.
NEEDS_RECENT_PROOF = frozenset(
    {
        _P.AUDIT_ERASE,
        _P.AUDIT_STREAM,
        _P.BREAK_GLASS_CHANGE,
        _P.DLP_POLICY_CHANGE,
        _P.KEY_DESTROY,
        _P.KEY_ROTATE,
        _P.MODEL_CHANGE,
        _P.PASSWORD_RESET,
        _P.PLATFORM_CHANGE,
        _P.PROVIDER_CHANGE,
        _P.ROLE_CHANGE,
        _P.SERVICE_ACCOUNT_CHANGE,
        _P.SETTINGS_CHANGE,
        _P.SIGN_ON_CHANGE,
        _P.SUPPORT_GRANT,
        _P.TOKEN_CREATE,
    }
)


def may(caller: Caller, permission: Permission) -> bool:
    """Say whether the caller's role, and their token's scopes, grant it."""
    return permission in held(caller) and _in_scope(caller, permission)


def held(caller: Caller) -> frozenset[Permission]:
    """Return what the caller's role grants where they are; the one place that says so."""
    if caller.lacks_factor:
        return frozenset()
    return givable(caller.granted) if caller.role is Role.CUSTOM else GRANTS[caller.role]


def givable(granted: Iterable[str]) -> frozenset[Permission]:
    """Return the permissions of a custom role, as it is stored, that such a role may grant."""
    named = set(granted)
    return frozenset(one for one in GIVABLE if one in named)


def givable_roles(caller: Caller) -> tuple[Role, ...]:
    """Return the roles that the caller may give where they are: those that grant no more than their own."""
    if caller.role is Role.OPERATOR:
        return (Role.OPERATOR,)
    mine = held(caller)
    return tuple(role for role in ORGANISATION_ROLES if GRANTS[role] <= mine)


def require(caller: Caller, permission: Permission) -> None:
    """Every verb asks first. Raises Forbidden, ScopeMissing for a token, or StepUpRequired for a stale session."""
    require_granted(caller, permission)
    if permission in NEEDS_RECENT_PROOF and not caller.is_recent:
        raise StepUpRequired


def require_granted(caller: Caller, permission: Permission) -> None:
    """What `require` asks of a verb that only shows: no fresh proof. Raises Forbidden or ScopeMissing."""
    if permission not in held(caller):
        raise FactorNeeded if caller.lacks_factor else Forbidden
    if not _in_scope(caller, permission):
        raise ScopeMissing(scope=_scope_for(permission))


def require_recent(caller: Caller) -> None:
    """Raise StepUpRequired unless the caller proved who they are within the last minutes."""
    if not caller.is_recent:
        raise StepUpRequired


def require_browser(caller: Caller) -> None:
    """Raise Forbidden for a token: one's password, factors and sessions are a person's own, at a browser."""
    if caller.token_id is not None:
        raise Forbidden


def require_own_session(caller: Caller) -> None:
    """Raise Forbidden for a token, SignInThere for a session that an organisation's identity provider opened.

    One's password and factors are good in every organisation of one's own: no single one of them may change these.
    """
    require_browser(caller)
    if caller.connection_id is not None:
        raise SignInThere


def _in_scope(caller: Caller, permission: Permission) -> bool:
    return caller.scopes is None or any(permission in SCOPES[scope] for scope in caller.scopes)


def _scope_for(permission: Permission) -> str:
    return min(
        (scope for scope, granted in SCOPES.items() if permission in granted), key=lambda s: len(SCOPES[s])
    ).value
