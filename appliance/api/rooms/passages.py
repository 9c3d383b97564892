from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import knowledge
from appliance.api.framework import Call, operation
from appliance.api.rooms.documents import PassageOut
from appliance.api.schemas import Input, Output
from appliance.identity import Permission
from appliance.knowledge import MOST_FOUND, CollectionId, Kind, PassageFilter
from appliance.knowledge.errors import CollectionNotFound


class PassagesAsked(Input):
    """What is looked for, and in which documents; without choices in all that you may read."""

    text: Annotated[
        str,
        StringConstraints(max_length=4_000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$"),
        Field(examples=["days of leave"]),
    ]
    collection_id: UUID | None = None
    kind: Kind | None = None
    label: Annotated[str, StringConstraints(max_length=40, pattern=r"^[^\x00]*$")] = ""
    first_day: date | None = Field(None, description="Uploaded on this day (UTC) or later.")
    last_day: date | None = Field(None, description="Uploaded on this day (UTC) or before.")
    limit: int = Field(20, ge=1, le=MOST_FOUND, description="How many at most.")


class FoundPassageOut(PassageOut):
    """A passage that fits; `twins` say the same elsewhere."""

    twins: list[PassageOut]


class FoundOut(Output):
    items: list[FoundPassageOut]


@operation(
    "GET", "/passages", permission=Permission.DOCUMENT_READ, query=PassagesAsked, answer=FoundOut,
    refusals=(CollectionNotFound,),
)  # fmt: skip
def search_passages(call: Call) -> FoundOut:
    """Return the passages that fit a text best, the best first. Which were shown is an event in the log."""
    asked = call.query
    wanted = PassageFilter(
        collection_id=CollectionId(asked.collection_id) if asked.collection_id else None,
        kind=asked.kind,
        label=asked.label,
        first_day=asked.first_day,
        last_day=asked.last_day,
    )
    found = knowledge.find_passages(call.services.workshop, call.caller, asked.text, wanted, limit=asked.limit)
    return FoundOut(items=[FoundPassageOut.model_validate(one) for one in found])
