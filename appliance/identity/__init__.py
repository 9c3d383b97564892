"""People: who they are, where they belong, what they may do, and the sessions that say so.

Trusted: this process, argon2id. Not trusted: the browser. Before a tenant is known, only
the SECURITY DEFINER doors in migrations/sql/functions see across tenants, and they
return ids. A session is a random token whose digest alone is stored.
"""

from appliance.identity.errors import Forbidden, NotSignedIn
from appliance.identity.people import add_member, change_role, list_people, names_of, remove_member
from appliance.identity.permissions import Permission, require
from appliance.identity.sessions import close_session, list_sessions, open_session, resolve_session
from appliance.identity.setup import create_setup_link, found_organisation, link_is_open
from appliance.identity.signin import change_password, sign_in
from appliance.identity.values import Caller, Person, Role, Session, UserId

__all__ = [
    "Caller", "Forbidden", "NotSignedIn", "Permission", "Person", "Role", "Session", "UserId", "add_member",
    "change_password", "change_role", "close_session", "create_setup_link", "found_organisation", "link_is_open",
    "list_people", "list_sessions", "names_of", "open_session", "remove_member", "require", "resolve_session",
    "sign_in",
]  # fmt: skip
