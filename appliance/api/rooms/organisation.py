from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

import appliance
from appliance import budgets, identity, knowledge, tenancy
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Output
from appliance.budgets.errors import BudgetMalformed
from appliance.gateway.ledger import month_usage
from appliance.identity import Permission
from appliance.identity.errors import SecondPersonNeeded
from appliance.identity.permissions import require_granted
from appliance.knowledge import ChangeState
from appliance.knowledge.errors import ChangeUnderWay, ModelNotInstalled, ModelUnknown, NoChangeUnderWay
from appliance.tenancy import OrganisationSettings, Review
from appliance.tenancy.errors import ContentDaysMalformed, LinkHostMalformed, OrganisationNameMissing

Host = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[^\x00]*$")]


class OrganisationOut(Output):
    """`conversation_review`: whether administrators may open conversations; `link_hosts`: where answers may link to;
    `call_content_days`: for how long it is kept what calls to providers say.
    """

    tenant_id: UUID
    name: str
    created_at: datetime
    conversation_review: Review
    link_hosts: list[str]
    call_content_days: int


class OrganisationIn(Input):
    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$"),
        Field(examples=["Example Textiles"]),
    ]


class SettingsBoth(Input):
    """`conversation_review`: whether administrators may open other people's conversations. `call_content_days`: for how long it
    is kept what calls to providers say, 0 for not at all; left out, it stays as it is.
    """

    conversation_review: Review = Field(examples=[Review.TWO_PERSON])
    link_hosts: list[Host] = Field(default_factory=list, max_length=50)
    call_content_days: int | None = Field(None, ge=0, le=3650, examples=[30])


class SettingsOut(Output):
    conversation_review: Review
    link_hosts: list[str]
    call_content_days: int


class BudgetIn(Input):
    """Tokens a calendar month (UTC); null lifts the limit."""

    monthly_tokens: int | None = Field(ge=0, le=10**15)


class BudgetOut(Output):
    limit: int | None
    used: int


class UsageOut(Output):
    """What this calendar month (UTC) used."""

    calls: int
    prompt_tokens: int
    answer_tokens: int


class ModelOut(Output):
    name: str
    is_local: bool


class ModelsOut(Output):
    items: list[ModelOut]


class EmbeddingModelOut(Output):
    name: str
    dimension: int
    is_installed: bool


class IndexChangeOut(Output):
    """How far it is. `filling`: passages are embedded; `waiting`: a large organisation's approximate index is built;
    `failed`: see `reason`.
    """

    model: str
    state: ChangeState
    percent: int
    seconds_left: int | None
    reason: str | None


class IndexOut(Output):
    """By which model the organisation is searched, over how many passages, and what it is being changed to, if it is."""

    model: str
    dimension: int
    passages: int
    change: IndexChangeOut | None
    models: list[EmbeddingModelOut]


class IndexIn(Input):
    model: Annotated[
        str,
        StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$"),
        Field(examples=["all-MiniLM-L6-v2"]),
    ]


class HostOut(Output):
    """What this host runs, and where it may send anything; an empty list means nowhere."""

    version: str
    egress_allow: list[str]


@operation("GET", "/organisation", permission=None, answer=OrganisationOut)
def get_organisation(call: Call) -> OrganisationOut:
    """Return the token's organisation."""
    with call.tenant() as tx:
        one, settings = tenancy.get_organisation(tx), tenancy.get_settings(tx)
    return OrganisationOut(
        tenant_id=one.tenant_id, name=one.name, created_at=one.created_at,
        conversation_review=settings.conversation_review, link_hosts=list(settings.link_hosts),
        call_content_days=settings.call_content_days,
    )  # fmt: skip


@operation(
    "PUT",
    "/organisation",
    permission=Permission.SETTINGS_CHANGE,
    body=OrganisationIn,
    refusals=(OrganisationNameMissing,),
)
def rename_organisation(call: Call) -> None:
    """Give the organisation another name."""
    with call.tenant() as tx:
        identity.rename_organisation(tx, call.caller, name=call.body.name)


@operation("GET", "/organisation/settings", permission=Permission.SETTINGS_CHANGE, answer=SettingsOut)
def get_settings(call: Call) -> SettingsOut:
    """Return the organisation's settings."""
    require_granted(call.caller, Permission.SETTINGS_CHANGE)
    with call.tenant() as tx:
        return SettingsOut.model_validate(tenancy.get_settings(tx))


@operation(
    "PUT",
    "/organisation/settings",
    permission=Permission.SETTINGS_CHANGE,
    body=SettingsBoth,
    answer=SettingsOut,
    refusals=(ContentDaysMalformed, LinkHostMalformed, SecondPersonNeeded),
)
def change_settings(call: Call) -> SettingsOut:
    """Change the organisation's settings; what they were and are is recorded."""
    review, hosts, days = call.body.conversation_review, tuple(call.body.link_hosts), call.body.call_content_days
    with call.tenant() as tx:
        chosen = OrganisationSettings(review, hosts, tenancy.get_settings(tx).call_content_days if days is None else days)
        return SettingsOut.model_validate(identity.change_settings(tx, call.caller, chosen))


@operation("GET", "/organisation/budget", permission=Permission.BUDGET_CHANGE, answer=BudgetOut)
def get_budget(call: Call) -> BudgetOut:
    """Return the monthly token budget and what is used of it."""
    require_granted(call.caller, Permission.BUDGET_CHANGE)
    with call.tenant() as tx:
        return BudgetOut.model_validate(budgets.get_budget(tx, clock=call.services.clock))


@operation(
    "PUT",
    "/organisation/budget",
    permission=Permission.BUDGET_CHANGE,
    body=BudgetIn,
    answer=BudgetOut,
    refusals=(BudgetMalformed,),
)
def change_budget(call: Call) -> BudgetOut:
    """Set, or lift, the monthly token budget."""
    with call.tenant() as tx:
        budgets.set_budget(tx, call.caller, monthly_tokens=call.body.monthly_tokens, clock=call.services.clock)
        return BudgetOut.model_validate(budgets.get_budget(tx, clock=call.services.clock))


@operation("GET", "/organisation/index", permission=Permission.SETTINGS_CHANGE, answer=IndexOut)
def get_index(call: Call) -> IndexOut:
    """Return by which embedding model the organisation is searched, and how far a change of it is."""
    return _index(call)


@operation(
    "PUT",
    "/organisation/index",
    permission=Permission.SETTINGS_CHANGE,
    body=IndexIn,
    answer=IndexOut,
    refusals=(ChangeUnderWay, ModelNotInstalled, ModelUnknown),
)
def choose_index(call: Call) -> IndexOut:
    """Begin to change the search index to another embedding model; searches use the old one until all is embedded."""
    offered = call.services.gateway.embedding_models
    with call.tenant() as tx:
        knowledge.choose_model(tx, call.caller, call.body.model, offered=offered, clock=call.services.clock)
    return _index(call)


@operation(
    "DELETE",
    "/organisation/index/change",
    permission=Permission.SETTINGS_CHANGE,
    status=204,
    refusals=(NoChangeUnderWay,),
)
def cancel_index_change(call: Call) -> None:
    """Cancel the change of the search index; the model in force stays."""
    with call.tenant() as tx:
        knowledge.cancel_change(tx, call.caller, clock=call.services.clock)


def _index(call: Call) -> IndexOut:
    with call.tenant() as tx:
        one = knowledge.get_index(tx, call.caller, clock=call.services.clock)
    return IndexOut(
        model=one.model, dimension=one.dimension, passages=one.passages,
        change=IndexChangeOut.model_validate(one.change) if one.change else None,
        models=[EmbeddingModelOut.model_validate(model) for model in call.services.gateway.embedding_models],
    )  # fmt: skip


@operation("GET", "/organisation/usage", permission=Permission.USAGE_READ, answer=UsageOut)
def get_usage(call: Call) -> UsageOut:
    """Return what this month used."""
    require_granted(call.caller, Permission.USAGE_READ)
    with call.tenant() as tx:
        return UsageOut.model_validate(month_usage(tx, clock=call.services.clock))


@operation("GET", "/organisation/host", permission=Permission.SETTINGS_CHANGE, answer=HostOut)
def get_host(call: Call) -> HostOut:
    """Return the version of Cloister, and the destinations that this host may reach."""
    require_granted(call.caller, Permission.SETTINGS_CHANGE)
    return HostOut(version=appliance.__version__, egress_allow=list(call.services.settings.egress_allow))


@operation("GET", "/models", permission=Permission.CHATBOT_EDIT, answer=ModelsOut)
def list_models(call: Call) -> ModelsOut:
    """Return the chat models that may be chosen, and whether what is asked of them leaves this host."""
    require_granted(call.caller, Permission.CHATBOT_EDIT)
    return ModelsOut(items=[ModelOut.model_validate(one) for one in call.services.gateway.catalogue])
