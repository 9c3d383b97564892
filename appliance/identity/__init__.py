"""People: who they are, where they belong, what they may do, and the sessions that say so.

Trusted: this process, argon2id. Not trusted: the browser. Before a tenant is known, only
the SECURITY DEFINER doors in migrations/sql/functions see across tenants, and they
return ids. A session is a random token whose digest alone is stored.
"""

from appliance.identity.errors import Forbidden, NotSignedIn, StepUpRequired
from appliance.identity.factors import list_factors
from appliance.identity.groups import (
    check_groups,
    create_group,
    delete_group,
    get_group,
    list_groups,
    rename_group,
    set_group_members,
)
from appliance.identity.invitations import accept, find_offer, invite, list_invitations, revoke_invitation
from appliance.identity.locks import Attempt, forget_attempts
from appliance.identity.organisation import change_settings, put_settings, rename_organisation
from appliance.identity.passwords import (
    change_password,
    create_password_reset,
    create_password_reset_at_console,
    find_password_reset,
    reset_password,
)
from appliance.identity.people import (
    change_profile,
    change_role,
    get_person,
    list_people,
    members_named,
    names_of,
    remove_member,
    restore_member,
)
from appliance.identity.permissions import Permission, may, require, require_browser, require_recent
from appliance.identity.places import enter, list_places
from appliance.identity.sessions import (
    close_session,
    close_sessions_of,
    list_sessions,
    open_session,
    resolve_session,
)
from appliance.identity.setup import consume_setup_link, create_setup_link, found_organisation, link_is_open
from appliance.identity.signin import begin_confirmation, confirm, finish_sign_in, second_step_options, sign_in
from appliance.identity.tokens import (
    create_service_account,
    create_token,
    list_tokens,
    resolve_token,
    revoke_token,
)
from appliance.identity.values import (
    Caller,
    Group,
    GroupId,
    Invitation,
    MemberKind,
    Person,
    Place,
    Role,
    Scope,
    Session,
    Token,
    UserId,
)

__all__ = [
    "Attempt",
    "Caller",
    "Forbidden",
    "Group",
    "GroupId",
    "Invitation",
    "MemberKind",
    "NotSignedIn",
    "Permission",
    "Person",
    "Place",
    "Role",
    "Scope",
    "Session",
    "StepUpRequired",
    "Token",
    "UserId",
    "accept",
    "begin_confirmation",
    "change_password",
    "change_profile",
    "change_role",
    "change_settings",
    "check_groups",
    "close_session",
    "close_sessions_of",
    "confirm",
    "consume_setup_link",
    "create_group",
    "create_password_reset",
    "create_password_reset_at_console",
    "create_service_account",
    "create_setup_link",
    "create_token",
    "delete_group",
    "enter",
    "find_offer",
    "find_password_reset",
    "finish_sign_in",
    "forget_attempts",
    "found_organisation",
    "get_group",
    "get_person",
    "invite",
    "link_is_open",
    "list_factors",
    "list_groups",
    "list_invitations",
    "list_people",
    "list_places",
    "list_sessions",
    "list_tokens",
    "may",
    "members_named",
    "names_of",
    "open_session",
    "put_settings",
    "remove_member",
    "rename_group",
    "rename_organisation",
    "require",
    "require_browser",
    "require_recent",
    "reset_password",
    "resolve_session",
    "resolve_token",
    "restore_member",
    "revoke_invitation",
    "revoke_token",
    "second_step_options",
    "set_group_members",
    "sign_in",
]  # fmt: skip
