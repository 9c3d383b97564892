from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import identity
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Name, Output, Page, part
from appliance.identity import GroupId, Permission, Role, Scope, TokenLimits, UserId
from appliance.identity.entry_errors import CustomRoleNotFound
from appliance.identity.errors import (
    GroupNotFound,
    LimitsBeyond,
    PersonNotFound,
    RoleMisplaced,
    ScopesBeyond,
    TokenLimitMalformed,
    TokenMalformed,
)
from appliance.identity.tokens import TokenForm
from appliance.identity.values import ModelEndpoint

_Entry = Annotated[str, StringConstraints(min_length=1, max_length=264, pattern=r"^[^\x00]*$")]


class TokenIn(Input):
    """`user_id` names a service account; without it the token acts as yourself."""

    name: Name
    scopes: list[Scope] = Field(min_length=1, examples=[[Scope.CHAT]])
    days: int = Field(90, ge=1, le=365)
    user_id: UUID | None = None
    models: list[_Entry] = Field(
        default_factory=list, max_length=100,
        description="Which models it may call at /v1, such as openai/gpt-5, openai/*, general, bot:handbook. Empty: all.",
    )  # fmt: skip
    endpoints: list[ModelEndpoint] = Field(default_factory=list, description="Where below /v1 it may call. Empty: everywhere.")
    networks: list[_Entry] = Field(
        default_factory=list, max_length=100, description="From where it may be used, such as 10.1.0.0/16. Empty: from anywhere."
    )


class TokenLimitsOut(Output):
    """An empty list does not limit."""

    models: list[str]
    endpoints: list[ModelEndpoint]
    networks: list[str]


class TokenOut(Output):
    token_id: UUID
    user_id: UUID
    owner_name: str
    name: str
    hint: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    limits: TokenLimitsOut


class IssuedOut(Output):
    """A token with its secret, which is shown only now."""

    token: TokenOut
    secret: str


class ServiceAccountIn(Input):
    """For `custom`, a role of the organisation's own, `custom_role_id` says which."""

    name: Name
    role: Role = Role.MEMBER
    custom_role_id: UUID | None = None
    group_ids: list[UUID] = Field(default_factory=list, max_length=100)


class ServiceAccountOut(Output):
    user_id: UUID


@operation("GET", "/tokens", permission=Permission.TOKEN_CREATE, query=Page, answer=Listed[TokenOut])
def list_tokens(call: Call) -> Listed[TokenOut]:
    """Return one's own tokens; with the right to, everybody's."""
    with call.tenant() as tx:
        tokens = identity.list_tokens_after(tx, call.caller, call.query.cursor, limit=call.query.limit + 1)
    rows, cursor = part(tokens, call.query, key=lambda one: one.token_id)
    return Listed[TokenOut](items=[TokenOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "POST",
    "/tokens",
    permission=Permission.TOKEN_CREATE,
    body=TokenIn,
    answer=IssuedOut,
    status=201,
    refusals=(TokenMalformed, TokenLimitMalformed, LimitsBeyond, ScopesBeyond, PersonNotFound),
)
def create_token(call: Call) -> IssuedOut:
    """Issue a token. It never may do more than the one that asks."""
    body = call.body
    owner = UserId(body.user_id) if body.user_id else None
    limits = TokenLimits(tuple(body.models), tuple(body.endpoints), tuple(body.networks))
    form = TokenForm(body.name, frozenset(body.scopes), body.days, owner, limits)
    with call.tenant() as tx:
        issued = identity.create_token(tx, call.caller, form, clock=call.services.clock)
    return IssuedOut(token=TokenOut.model_validate(issued.token), secret=issued.secret)


@operation("DELETE", "/tokens/{token_id}", permission=None)
def revoke_token(call: Call) -> None:
    """Revoke a token; it ends now."""
    with call.tenant() as tx:
        identity.revoke_token(tx, call.caller, call.ids["token_id"], clock=call.services.clock)


@operation(
    "POST", "/service-accounts", permission=Permission.SERVICE_ACCOUNT_CHANGE, body=ServiceAccountIn, answer=ServiceAccountOut, status=201,
    refusals=(CustomRoleNotFound, GroupNotFound, RoleMisplaced),
)  # fmt: skip
def create_service_account(call: Call) -> ServiceAccountOut:
    """Create an account for a program. It cannot sign in, and is removed like a person."""
    body = call.body
    with call.tenant() as tx:
        user_id = identity.create_service_account(
            tx, call.caller, name=body.name, role=body.role, custom_role_id=body.custom_role_id,
            group_ids=[GroupId(one) for one in body.group_ids], clock=call.services.clock,
        )  # fmt: skip
    return ServiceAccountOut(user_id=user_id)
