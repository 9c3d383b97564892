"""People: who they are, where they belong, what they may do, and the sessions that say so.

Trusted: this process, argon2id. Not trusted: the browser. Before a tenant is known, only
the SECURITY DEFINER doors in migrations/sql/functions see across tenants, and they
return ids. A session is a random token whose digest alone is stored.
"""

from appliance.identity.errors import Forbidden, NotSignedIn, StepUpRequired
from appliance.identity.groups import (
    check_groups,
    create_group,
    delete_group,
    get_group,
    list_groups,
    rename_group,
    set_group_members,
)
from appliance.identity.people import add_member, change_role, list_people, names_of, remove_member
from appliance.identity.permissions import Permission, may, require
from appliance.identity.sessions import close_session, list_sessions, open_session, resolve_session
from appliance.identity.setup import consume_setup_link, create_setup_link, found_organisation, link_is_open
from appliance.identity.signin import change_password, sign_in
from appliance.identity.values import Caller, Group, GroupId, Person, Role, Scope, Session, UserId

__all__ = [
    "Caller", "Forbidden", "Group", "GroupId", "NotSignedIn", "Permission", "Person", "Role", "Scope", "Session",
    "StepUpRequired", "UserId", "add_member", "change_password", "change_role", "check_groups", "close_session",
    "consume_setup_link", "create_group", "create_setup_link", "delete_group", "found_organisation", "get_group",
    "link_is_open", "list_groups", "list_people", "list_sessions", "may", "names_of", "open_session",
    "remove_member", "rename_group", "require", "resolve_session", "set_group_members", "sign_in",
]  # fmt: skip
