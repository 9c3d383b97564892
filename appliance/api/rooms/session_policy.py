"""How an organisation's people sign in, and who did: the policy of sessions, and the histories."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import identity
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Output, Page, part
from appliance.identity import Permission, UserId
from appliance.identity.entry_errors import NetworksLockOut, NetworksMalformed, PolicyBeyond
from appliance.identity.history import list_sign_ins
from appliance.identity.permissions import require_granted
from appliance.identity.policies import MOST_NETWORKS, Bounds, SessionPolicy, change_policy, get_policy

Network = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9A-Fa-f:./]+$")]


class PolicyBoth(Input):
    """What the organisation asks of its people's sessions; null leaves it to the host. It counts for open sessions too.

    `networks`: from where people may come, and nobody else; empty for anywhere. Tokens have networks of their own.
    """

    idle_minutes: int | None = Field(None, ge=1, examples=[30])
    lifetime_minutes: int | None = Field(None, ge=5, examples=[720])
    proof_minutes: int | None = Field(None, ge=1, le=60, examples=[5])
    most_sessions: int | None = Field(None, ge=1, le=100, examples=[5])
    networks: list[Network] = Field(default_factory=list, max_length=MOST_NETWORKS)
    needs_second_factor: bool = False


class PolicyOut(Output):
    idle_minutes: int | None
    lifetime_minutes: int | None
    proof_minutes: int | None
    most_sessions: int | None
    networks: list[str]
    needs_second_factor: bool


class SignInOut(Output):
    """A sign-in, or one that failed; `reason` says why. `method`: what was proved, such as `password totp`."""

    sign_in_id: UUID
    at: datetime
    user_id: UUID | None
    succeeded: bool
    method: str
    reason: str
    connection_id: UUID | None
    address: str
    agent: str


@operation("GET", "/organisation/session-policy", permission=Permission.SETTINGS_CHANGE, answer=PolicyOut)
def get_session_policy(call: Call) -> PolicyOut:
    """Return what the organisation asks of its people's sessions."""
    with call.tenant() as tx:
        return PolicyOut.model_validate(get_policy(tx, call.caller))


@operation(
    "PUT", "/organisation/session-policy", permission=Permission.SETTINGS_CHANGE, body=PolicyBoth, answer=PolicyOut,
    refusals=(NetworksLockOut, NetworksMalformed, PolicyBeyond),
)  # fmt: skip
def change_session_policy(call: Call) -> PolicyOut:
    """Change it, within what the host allows. Networks that do not hold whoever changes them are refused."""
    body, settings = call.body, call.services.settings
    policy = SessionPolicy(
        body.idle_minutes, body.lifetime_minutes, body.proof_minutes, body.most_sessions, tuple(body.networks),
        body.needs_second_factor,
    )  # fmt: skip
    bounds = Bounds(idle=settings.session_idle_minutes, lifetime=settings.session_hours * 60)
    with call.tenant() as tx:
        return PolicyOut.model_validate(change_policy(tx, call.caller, policy, bounds=bounds))


@operation("GET", "/sign-ins", permission=Permission.AUDIT_READ, query=Page, answer=Listed[SignInOut])
def list_all_sign_ins(call: Call) -> Listed[SignInOut]:
    """Return the sign-ins of everybody within half a year, the latest first, with those that failed."""
    require_granted(call.caller, Permission.AUDIT_READ)
    return _listed(call, None)


@operation("GET", "/people/{user_id}/sign-ins", permission=Permission.PEOPLE_CHANGE, query=Page, answer=Listed[SignInOut])
def list_sign_ins_of(call: Call) -> Listed[SignInOut]:
    """Return a member's sign-ins within half a year, the latest first."""
    require_granted(call.caller, Permission.PEOPLE_CHANGE)
    with call.tenant() as tx:
        identity.get_person(tx, call.caller, UserId(call.ids["user_id"]))
    return _listed(call, UserId(call.ids["user_id"]))


@operation("GET", "/me/sign-ins", permission=Permission.TOKEN_CREATE, query=Page, answer=Listed[SignInOut])
def list_own_sign_ins(call: Call) -> Listed[SignInOut]:
    """Return one's own sign-ins here within half a year, the latest first."""
    require_granted(call.caller, Permission.TOKEN_CREATE)
    return _listed(call, call.caller.user_id)


def _listed(call: Call, user_id: UserId | None) -> Listed[SignInOut]:
    with call.tenant() as tx:
        found = list_sign_ins(tx, call.caller, user_id, before=call.query.cursor, limit=call.query.limit + 1)
    rows, cursor = part(found, call.query, key=lambda one: one.sign_in_id)
    return Listed[SignInOut](items=[SignInOut.model_validate(one) for one in rows], next_cursor=cursor)
