"""What is demanded of a provider that is to see what bears a data label."""

from typing import Annotated

from pydantic import Field, StringConstraints

from appliance import policy
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Output
from appliance.identity import Permission
from appliance.policy import Term
from appliance.policy.errors import LabelMalformed, LabelNotFound, TooManyRules

_Label = Annotated[
    str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00]*$"), Field(examples=["patients"])
]


class LabelName(Input):
    label: _Label


class DataLabelIn(Input):
    """Contracts in force have to grant all `terms`; with `stays`, what bears the label leaves this host to nobody."""

    label: _Label
    terms: list[Term] = Field(default_factory=list, description="What a contract has to grant.")
    stays: bool = Field(False, description="Whether nothing that bears it may leave this host.")


class DataLabelOut(Output):
    label: str
    terms: list[Term]
    stays: bool


class DataLabelsOut(Output):
    items: list[DataLabelOut]


@operation("GET", "/gateway/labels", permission=Permission.MODEL_CHANGE, answer=DataLabelsOut)
def list_data_labels(call: Call) -> DataLabelsOut:
    """Return the labels that programs may say in the header Cloister-Data-Label, and what each demands."""
    with call.tenant() as tx:
        return DataLabelsOut(items=[DataLabelOut.model_validate(one) for one in policy.list_data_labels(tx, call.caller)])


@operation(
    "PUT", "/gateway/labels", permission=Permission.MODEL_CHANGE, body=DataLabelIn, answer=DataLabelOut,
    refusals=(LabelMalformed, TooManyRules),
)  # fmt: skip
def set_data_label(call: Call) -> DataLabelOut:
    """Say what a label demands, in place of what was said."""
    body = call.body
    with call.tenant() as tx:
        made = policy.set_label(tx, call.caller, body.label, body.terms, stays=body.stays)
    return DataLabelOut.model_validate(made)


@operation("DELETE", "/gateway/labels", permission=Permission.MODEL_CHANGE, query=LabelName, refusals=(LabelNotFound,))
def delete_data_label(call: Call) -> None:
    """Demand nothing any more for a label."""
    with call.tenant() as tx:
        policy.remove_label(tx, call.caller, call.query.label)
