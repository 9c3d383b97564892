"""What providers grant the organisation. A contract is written down and ended, never changed: calls name theirs."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from appliance import policy
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Output
from appliance.identity import Permission
from appliance.policy import ContractForm, Term
from appliance.policy.errors import ContractEnded, ContractMalformed, ContractNotFound, TooManyRules
from appliance.vault.providing.errors import ProviderNotFound

_Reference = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$"),
    Field(examples=["https://intranet.example.com/contracts/openai-dpa.pdf"]),
]


class ContractIn(Input):
    """A contract as you read it. Nobody here reads it for you: what you say it grants is what rules go by."""

    provider_id: UUID
    terms: list[Term] = Field(examples=[["dpa"]], description="What it grants.")
    reference: _Reference = Field(description="Where it can be read: an address, a file, a document's id.")
    region: str | None = Field(None, max_length=60, description="Where it says that the provider computes.")
    expires_at: AwareDatetime | None = Field(None, description="From when on it no longer counts.")


class ContractOut(Output):
    contract_id: UUID
    provider_id: UUID
    provider: str
    base_url: str
    terms: list[Term]
    region: str | None
    reference: str
    expires_at: datetime | None
    created_at: datetime | None
    ended_at: datetime | None


class ContractsOut(Output):
    items: list[ContractOut]


@operation("GET", "/gateway/contracts", permission=Permission.MODEL_CHANGE, answer=ContractsOut)
def list_contracts(call: Call) -> ContractsOut:
    """Return the contracts with providers, those that ended last."""
    with call.tenant() as tx:
        return ContractsOut(items=[ContractOut.model_validate(one) for one in policy.list_contracts(tx, call.caller)])


@operation(
    "POST", "/gateway/contracts", permission=Permission.MODEL_CHANGE, body=ContractIn, answer=ContractOut, status=201,
    refusals=(ContractMalformed, ProviderNotFound, TooManyRules),
)  # fmt: skip
def add_contract(call: Call) -> ContractOut:
    """Write down what a contract grants. It counts for that provider, at the address that it has now."""
    body = call.body
    form = ContractForm(body.provider_id, frozenset(body.terms), body.reference, body.region, body.expires_at)
    with call.tenant() as tx:
        return ContractOut.model_validate(policy.add_contract(tx, call.caller, form, clock=call.services.clock))


@operation(
    "DELETE", "/gateway/contracts/{contract_id}", permission=Permission.MODEL_CHANGE,
    refusals=(ContractNotFound, ContractEnded),
)  # fmt: skip
def end_contract(call: Call) -> None:
    """End a contract; it counts for no call from now on, and stays on record."""
    with call.tenant() as tx:
        policy.end_contract(tx, call.caller, call.ids["contract_id"], clock=call.services.clock)
