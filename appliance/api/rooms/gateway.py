"""Which models an organisation's people may call, by which names, and what was used of them."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from appliance import gateway
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Output
from appliance.gateway import Endpoint, Step, Trying, usage
from appliance.gateway.errors import AliasMalformed, AliasNotFound, AllowedModelMalformed, AllowedModelNotFound
from appliance.identity import Permission, UserId
from appliance.identity.errors import PersonNotFound, TokenNotFound
from appliance.identity.values import ModelEndpoint

_Plain = r"^[^\x00]*$"
_Model = Annotated[
    str, StringConstraints(min_length=1, max_length=264, pattern=_Plain), Field(examples=["openai/gpt-example"])
]
_Entry = Annotated[str, StringConstraints(min_length=1, max_length=270, pattern=_Plain)]
_Alias = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=_Plain), Field(examples=["general"])]


class ModelIn(Input):
    """A provider's name, a slash, and the provider's own name of the model; `openai/*` is all of a provider's."""

    model: _Model


class AliasName(Input):
    name: _Alias


class AliasIn(Input):
    """The models are tried in this order: the next one when the one before does not answer.

    Those with a weight (`openai/gpt-example=3`) share the calls as they are weighed, and come before the others.
    """

    name: _Alias
    models: list[_Entry] = Field(min_length=1, max_length=8, examples=[["openai/gpt-example=3", "anthropic/claude-example=1"]])


class AllowedOut(Output):
    models: list[str]


class AliasOut(Output):
    name: str
    models: list[str]


class AliasesOut(Output):
    items: list[AliasOut]


class ModelUsageOut(Output):
    """`cost_micros` is in millionths of the currency, of the priced calls alone; without a price nothing is said."""

    model: str
    calls: int
    prompt_tokens: int
    answer_tokens: int
    priced_calls: int
    cost_micros: int
    currency: str | None


class PersonUsageOut(Output):
    user_id: UUID
    calls: int
    prompt_tokens: int
    answer_tokens: int


class ModelUsagesOut(Output):
    """This calendar month (UTC)."""

    by_model: list[ModelUsageOut]
    by_person: list[PersonUsageOut]


class TrialIn(Input):
    """A call that nobody makes: a token's, a person's, or else your own. Without `at` it is now, without `address` from anywhere."""

    endpoint: ModelEndpoint
    model: _Model
    token_id: UUID | None = None
    user_id: UUID | None = None
    tools: list[_Entry] = Field(default_factory=list, max_length=100, description="Functions by name, others as type:….")
    answer_tokens: int | None = Field(None, ge=0, le=10**7, description="How many tokens it asks for; none: it sets no bound.")
    labels: list[_Entry] = Field(default_factory=list, max_length=20, description="Data labels that it says.")
    address: str | None = Field(None, max_length=60, description="From where, such as 10.1.2.3.")
    at: AwareDatetime | None = Field(None, description="When.")


class CheckOut(Output):
    """What one step says; `model` where it is of one of the models that a name stands for."""

    step: Step
    passes: bool
    reason: str
    rule: str
    aspect: str
    model: str


class TrialOut(Output):
    """`model` is the one that would be asked first; `labels` those said, and those of a chatbot's documents."""

    passes: bool
    model: str | None
    labels: list[str]
    checks: list[CheckOut]


@operation("GET", "/gateway/models", permission=Permission.MODEL_CHANGE, answer=AllowedOut)
def list_allowed_models(call: Call) -> AllowedOut:
    """Return the models that the organisation allows."""
    with call.tenant() as tx:
        return AllowedOut(models=[str(one) for one in gateway.list_allowed_models(tx, call.caller)])


@operation(
    "POST", "/gateway/models", permission=Permission.MODEL_CHANGE, body=ModelIn, refusals=(AllowedModelMalformed,)
)
def allow_model(call: Call) -> None:
    """Let the organisation's people call a model."""
    with call.tenant() as tx:
        gateway.allow_model(tx, call.caller, call.body.model)


@operation(
    "DELETE", "/gateway/models", permission=Permission.MODEL_CHANGE, query=ModelIn,
    refusals=(AllowedModelMalformed, AllowedModelNotFound),
)  # fmt: skip
def forbid_model(call: Call) -> None:
    """Let nobody call a model any more; the next call is refused."""
    with call.tenant() as tx:
        gateway.forbid_model(tx, call.caller, call.query.model)


@operation("GET", "/gateway/aliases", permission=Permission.MODEL_CHANGE, answer=AliasesOut)
def list_model_aliases(call: Call) -> AliasesOut:
    """Return the organisation's own names of models."""
    with call.tenant() as tx:
        found = gateway.list_aliases(tx, call.caller)
    return AliasesOut(items=[AliasOut(name=one.name, models=list(one.entries)) for one in found])


@operation(
    "PUT", "/gateway/aliases", permission=Permission.MODEL_CHANGE, body=AliasIn, answer=AliasOut,
    refusals=(AliasMalformed,),
)  # fmt: skip
def set_model_alias(call: Call) -> AliasOut:
    """Make a name, or change which models are behind it."""
    with call.tenant() as tx:
        made = gateway.set_alias(tx, call.caller, call.body.name, call.body.models)
    return AliasOut(name=made.name, models=list(made.entries))


@operation("DELETE", "/gateway/aliases", permission=Permission.MODEL_CHANGE, query=AliasName, refusals=(AliasNotFound,))
def delete_model_alias(call: Call) -> None:
    """Take a name away."""
    with call.tenant() as tx:
        gateway.remove_alias(tx, call.caller, call.query.name)


@operation(
    "POST", "/gateway/trials", permission=Permission.MODEL_CHANGE, body=TrialIn, answer=TrialOut, keeps=False,
    refusals=(TokenNotFound, PersonNotFound),
)  # fmt: skip
def try_call(call: Call) -> TrialOut:
    """Return whether a call would pass, and why: every rule is asked, and nothing is called."""
    body = call.body
    trying = Trying(
        Endpoint(f"/v1/{body.endpoint.value}"), body.model, body.token_id, UserId(body.user_id) if body.user_id else None,
        tuple(body.tools), body.answer_tokens, tuple(body.labels), body.address, body.at,
    )  # fmt: skip
    found = call.services.gate.try_call(call.caller, trying)
    checks = [
        CheckOut(step=one.step, passes=one.passes, reason=str(one), rule=one.rule, aspect=one.aspect, model=one.target)
        for one in found.checks
    ]
    return TrialOut(passes=found.passes, model=found.model, labels=list(found.labels), checks=checks)


@operation("GET", "/gateway/usage", permission=Permission.USAGE_READ, answer=ModelUsagesOut)
def get_model_usage(call: Call) -> ModelUsagesOut:
    """Return what this month used, by model and by person."""
    clock = call.services.clock
    with call.tenant() as tx:
        by_model = usage.usage_by_model(tx, call.caller, clock=clock)
        by_person = usage.usage_by_person(tx, call.caller, clock=clock)
    return ModelUsagesOut(
        by_model=[ModelUsageOut.model_validate(one) for one in by_model],
        by_person=[PersonUsageOut.model_validate(one) for one in by_person],
    )
