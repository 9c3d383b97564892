"""What must not be uploaded or sent: looked for in a text that is kept nowhere, and what an organisation itself says of it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, SecretStr, StringConstraints

from appliance import dlp
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Output
from appliance.dlp import Category, Family
from appliance.dlp.own import ListKind, errors
from appliance.dlp.own.allowances import AllowanceForm, WrittenAllowance, allow, end_allowance
from appliance.dlp.own.allowances import list_allowances as find_allowances
from appliance.dlp.own.exact_values import read_digests, read_values
from appliance.dlp.own.expressions import read_expression
from appliance.dlp.own.flow import write_exact
from appliance.dlp.own.service import Named, OwnList, get_list, list_lists, remove_list
from appliance.dlp.own.service import set_dictionary as write_dictionary
from appliance.dlp.own.service import set_pattern as write_pattern
from appliance.identity import Permission

_MOST = 200_000


class ScanIn(Input):
    text: Annotated[
        str,
        StringConstraints(min_length=1, max_length=_MOST, pattern=r"^[^\x00]*$"),
        Field(examples=["Call Ms Okonkwo, +49 30 901820."]),
    ]
    least: float = Field(0.5, ge=0, le=1, description="The least confidence of what is told.")


class FindingOut(Output):
    """A finding: `start` and `end` are characters of the text; `through` says how it was hidden; `shown` is it, masked, with what is around."""

    category: Category
    family: Family
    rule: str
    start: int
    end: int
    confidence: float
    through: str
    shown: str


class ScanOut(Output):
    items: list[FindingOut]


@operation(
    "POST", "/scan", permission=Permission.DOCUMENT_ADD, body=ScanIn, answer=ScanOut, keeps=False,
)  # fmt: skip
def scan_text(call: Call) -> ScanOut:
    """Say what a text holds of personal, payment and health data, credentials and markings. Nothing of it is kept, or sent anywhere."""
    with call.tenant() as tx:
        own = dlp.own_rules(tx)
    found = dlp.scan(call.services.scanner, call.caller, call.body.text, least=call.body.least, own=own)
    return ScanOut(
        items=[
            FindingOut(
                category=one.category, family=one.family, rule=one.rule, start=one.start, end=one.end, confidence=one.confidence,
                through=one.through, shown=shown,
            )
            for one, shown in found
        ]
    )  # fmt: skip


_ListName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00]*$"),
    Field(examples=["project-names"], description="Small letters, digits and dashes."),
]
_Line = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]
_SETTINGS = Permission.SETTINGS_CHANGE


class OfKind(Input):
    kind: ListKind | None = Field(None, description="Lists of this kind alone.")


class DictionaryIn(Input):
    """Terms are found as whole words, in any case and spelling of accents, with up to three signs between their words."""

    name: _ListName
    category: Category = Field(Category.OWN, description="What its findings are.")
    terms: list[_Line] = Field(min_length=1, max_length=5_000, examples=[["Project Phoenix"]])


class PatternIn(Input):
    """RE2's syntax. It is saved only if it finds each of `samples` and nothing in each of `clean`; neither is kept."""

    name: _ListName
    category: Category = Field(Category.OWN, description="What its findings are.")
    expression: Annotated[str, StringConstraints(min_length=1, max_length=1_000), Field(examples=["PO-[0-9]{6}"])]
    samples: list[_Line] = Field(default_factory=list, max_length=20, description="Texts that it should find something in.")
    clean: list[_Line] = Field(default_factory=list, max_length=20, description="Texts that it should find nothing in.")


class ExactIn(Input):
    """Values one a line; with `columns`, a CSV with a header; with a `salt`, HMAC-SHA256 of values under it, in hexadecimal digits."""

    name: _ListName
    category: Category = Field(Category.OWN, description="What its findings are.")
    columns: str = Field("", max_length=500, description="Such as `first+last, member`: a value of two columns, and one of one.")
    salt: SecretStr | None = Field(None, max_length=200, description="What digests were made under.")


class OwnListOut(Output):
    list_id: UUID
    kind: ListKind
    name: str
    category: Category
    entries: int
    changed_by: UUID | None
    changed_at: datetime


class OwnListsOut(Output):
    items: list[OwnListOut]


class OwnListWhole(OwnListOut):
    """`contents`: terms, or the expression; of exact values nothing, for none is kept."""

    contents: list[str]


_SOON = f"{datetime.now(UTC) + timedelta(days=180):%Y-%m-%dT00:00:00Z}"


class AllowanceIn(Input):
    """What is not told any more; of several parts, what is all of them. Of payment cards and private keys nothing is allowed."""

    model_config = ConfigDict(json_schema_extra={"x-sampled": ["rule"]})
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$"), Field(examples=["On our web site"])]
    expires_at: AwareDatetime = Field(examples=[_SOON], description="Within a year.")
    value: SecretStr | None = Field(None, max_length=1_000, description="What was found. A digest of it is kept.")
    rule: str = Field("", max_length=120, examples=["phone/1"], description="What this rule finds, as findings name it.")
    document_id: UUID | None = Field(None, description="In this document.")
    collection_id: UUID | None = Field(None, description="In this collection.")


class AllowanceOut(Output):
    """Of a value it is said only whether there is one."""

    allowance_id: UUID
    has_value: bool
    rule: str
    document_id: UUID | None
    collection_id: UUID | None
    reason: str
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime


class AllowancesOut(Output):
    items: list[AllowanceOut]


_WRONG = (errors.OwnListMalformed, errors.TooManyOwnRules)


@operation("GET", "/dlp/lists", permission=_SETTINGS, query=OfKind, answer=OwnListsOut)
def list_own_lists(call: Call) -> OwnListsOut:
    """Return the organisation's own dictionaries, expressions and lists of exact values, without what is in them."""
    with call.tenant() as tx:
        return OwnListsOut(items=[_told(one) for one in list_lists(tx, call.caller, call.query.kind)])


@operation("GET", "/dlp/lists/{list_id}", permission=_SETTINGS, answer=OwnListWhole, refusals=(errors.OwnListNotFound,))
def get_own_list(call: Call) -> OwnListWhole:
    """Return a list with its terms, or its expression."""
    with call.tenant() as tx:
        found, inside = get_list(tx, call.caller, call.ids["list_id"])
    return OwnListWhole(**_told(found).model_dump(), contents=list(inside))


@operation("DELETE", "/dlp/lists/{list_id}", permission=_SETTINGS, refusals=(errors.OwnListNotFound,))
def delete_own_list(call: Call) -> None:
    """Look for a list no more."""
    with call.tenant() as tx:
        remove_list(tx, call.caller, call.ids["list_id"])


@operation(
    "PUT", "/dlp/dictionaries", permission=_SETTINGS, body=DictionaryIn, answer=OwnListOut, refusals=(*_WRONG, errors.TermsMalformed),
)  # fmt: skip
def set_dictionary(call: Call) -> OwnListOut:
    """Write a dictionary, in place of the one of this name."""
    body = call.body
    with call.tenant() as tx:
        return _told(write_dictionary(tx, call.caller, _named(body), body.terms, clock=call.services.clock))


@operation(
    "PUT", "/dlp/patterns", permission=_SETTINGS, body=PatternIn, answer=OwnListOut,
    refusals=(*_WRONG, errors.ExpressionMalformed, errors.SampleFound, errors.SampleMissed),
)  # fmt: skip
def set_pattern(call: Call) -> OwnListOut:
    """Write an expression, in place of the one of this name."""
    body, clock = call.body, call.services.clock
    expression = read_expression(body.expression, samples=body.samples, clean=body.clean)
    with call.tenant() as tx:
        return _told(write_pattern(tx, call.caller, _named(body), expression, clock=clock))


@operation(
    "POST", "/dlp/exact", permission=_SETTINGS, body=ExactIn, answer=OwnListOut, status=201, takes_files=True,
    sample_file="members.csv", refusals=(*_WRONG, errors.ValuesMalformed),
)  # fmt: skip
def set_exact(call: Call) -> OwnListOut:
    """Keep digests of the values in a file, in place of the list of this name. The values are kept nowhere."""
    body, content = call.body, b"\n".join(content for _, content in call.files)
    values = read_digests(content, salt=body.salt.get_secret_value()) if body.salt else read_values(content, columns=body.columns)
    return _told(write_exact(call.services.db, call.caller, _named(body), values, clock=call.services.clock))


@operation("GET", "/dlp/allowances", permission=_SETTINGS, answer=AllowancesOut)
def list_allowances(call: Call) -> AllowancesOut:
    """Return what is not told although it is found, those that end first before others."""
    with call.tenant() as tx:
        found = find_allowances(tx, call.caller, clock=call.services.clock)
    return AllowancesOut(items=[AllowanceOut.model_validate(one) for one in found])


@operation(
    "POST", "/dlp/allowances", permission=_SETTINGS, body=AllowanceIn, answer=AllowanceOut, status=201,
    refusals=(errors.AllowanceMalformed, errors.TooManyOwnRules),
)  # fmt: skip
def create_allowance(call: Call) -> AllowanceOut:
    """Tell of something no more until a day."""
    body = call.body
    value = body.value.get_secret_value() if body.value else ""
    form = AllowanceForm(body.reason, body.expires_at, value, body.rule, body.document_id, body.collection_id)
    with call.tenant() as tx:
        made: WrittenAllowance = allow(tx, call.caller, form, clock=call.services.clock)
    return AllowanceOut.model_validate(made)


@operation("DELETE", "/dlp/allowances/{allowance_id}", permission=_SETTINGS, refusals=(errors.AllowanceNotFound,))
def delete_allowance(call: Call) -> None:
    """Tell of it again."""
    with call.tenant() as tx:
        end_allowance(tx, call.caller, call.ids["allowance_id"], clock=call.services.clock)


def _named(body: DictionaryIn | PatternIn | ExactIn) -> Named:
    return Named(body.name, body.category)


def _told(one: OwnList) -> OwnListOut:
    return OwnListOut.model_validate(one)
