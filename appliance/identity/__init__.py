"""People: who they are, where they belong, what they may do, and the sessions that say so.

Trusted: this process, argon2id. Not trusted: the browser. Before a tenant is known, only
the SECURITY DEFINER doors in migrations/sql/functions see across tenants, and they
return ids. A session is a random token whose digest alone is stored.
"""

from typing import TYPE_CHECKING

from appliance.identity.arriving import Arrivals, placed, resolve_token, standing_of
from appliance.identity.errors import Forbidden, NotSignedIn, StepUpRequired
from appliance.identity.groups import (
    check_groups,
    create_group,
    delete_group,
    get_group,
    group_members,
    group_names,
    groups_of,
    list_group_names,
    list_group_sizes,
    list_groups_after,
    rename_group,
    set_group_members,
)
from appliance.identity.guesses import Guesses
from appliance.identity.people import (
    change_profile,
    change_role,
    count_people,
    get_person,
    is_owner,
    is_person,
    list_addressees,
    list_candidates,
    list_people,
    list_people_after,
    members_named,
    names_of,
    remove_member,
    restore_member,
)
from appliance.identity.permissions import Permission, may, require, require_browser, require_granted, require_recent
from appliance.identity.standing import is_left_alone
from appliance.identity.tallies import Tally
from appliance.identity.tokens import (
    count_tokens,
    create_service_account,
    create_token,
    list_tokens,
    list_tokens_after,
    revoke_token,
    token_names,
)
from appliance.identity.values import (
    Caller,
    Candidate,
    Group,
    GroupId,
    GroupSize,
    Invitation,
    MemberKind,
    PeopleFilter,
    PeopleSort,
    Person,
    Place,
    Role,
    Scope,
    Session,
    Token,
    TokenFilter,
    TokenLimits,
    TokenSort,
    UserId,
)
from appliance.kernel.later import later

if TYPE_CHECKING:
    from appliance.identity.ends import end_expired
    from appliance.identity.erasing import erase_from_log, erase_others_from_log
    from appliance.identity.factors import list_factors
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

# Whoever calls a model is known by a token: how people come in, and are asked in, is of other processes.
__getattr__ = later(
    __name__,
    {
        "ends": ("end_expired",),
        "erasing": ("erase_from_log", "erase_others_from_log"),
        "factors": ("list_factors",),
        "invitations": ("accept", "find_offer", "invite", "list_invitations", "revoke_invitation"),
        "locks": ("Attempt", "forget_attempts"),
        "organisation": ("change_settings", "put_settings", "rename_organisation"),
        "passwords": (
            "change_password", "create_password_reset", "create_password_reset_at_console", "find_password_reset",
            "reset_password",
        ),
        "places": ("enter", "list_places"),
        "sessions": ("close_session", "close_sessions_of", "list_sessions", "open_session", "resolve_session"),
        "setup": ("consume_setup_link", "create_setup_link", "found_organisation", "link_is_open"),
        "signin": ("begin_confirmation", "confirm", "finish_sign_in", "second_step_options", "sign_in"),
    },
)  # fmt: skip

__all__ = [
    "Arrivals",
    "Attempt",
    "Caller",
    "Candidate",
    "Forbidden",
    "Group",
    "GroupId",
    "GroupSize",
    "Guesses",
    "Invitation",
    "MemberKind",
    "NotSignedIn",
    "PeopleFilter",
    "PeopleSort",
    "Permission",
    "Person",
    "Place",
    "Role",
    "Scope",
    "Session",
    "StepUpRequired",
    "Tally",
    "Token",
    "TokenFilter",
    "TokenLimits",
    "TokenSort",
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
    "count_people",
    "count_tokens",
    "create_group",
    "create_password_reset",
    "create_password_reset_at_console",
    "create_service_account",
    "create_setup_link",
    "create_token",
    "delete_group",
    "end_expired",
    "enter",
    "erase_from_log",
    "erase_others_from_log",
    "find_offer",
    "find_password_reset",
    "finish_sign_in",
    "forget_attempts",
    "found_organisation",
    "get_group",
    "get_person",
    "group_members",
    "group_names",
    "groups_of",
    "invite",
    "is_left_alone",
    "is_owner",
    "is_person",
    "link_is_open",
    "list_addressees",
    "list_candidates",
    "list_factors",
    "list_group_names",
    "list_group_sizes",
    "list_groups_after",
    "list_invitations",
    "list_people",
    "list_people_after",
    "list_places",
    "list_sessions",
    "list_tokens",
    "list_tokens_after",
    "may",
    "members_named",
    "names_of",
    "open_session",
    "placed",
    "put_settings",
    "remove_member",
    "rename_group",
    "rename_organisation",
    "require",
    "require_browser",
    "require_granted",
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
    "standing_of",
    "token_names",
]  # fmt: skip
