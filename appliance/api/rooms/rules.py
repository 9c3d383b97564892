"""What a model call may do: rules for everybody and for groups. All of them must let a call pass."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import policy
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Name, Output
from appliance.identity import GroupId, Permission
from appliance.identity.errors import GroupNotFound
from appliance.policy import Hours, Limits, Rule
from appliance.policy.errors import RuleEntryMalformed, RuleMalformed, RuleNotFound, TooManyRules

_Entry = Annotated[str, StringConstraints(min_length=1, max_length=264, pattern=r"^[^\x00]*$")]
_Time = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), Field(examples=["08:00"])]


class RuleIn(Input):
    """What passes. An empty list does not limit; an entry may end with a `*`. Without `group_id` it is for everybody."""

    name: Name
    group_id: UUID | None = None
    models: list[_Entry] = Field(
        max_length=100, examples=[["openai/*"]], description="openai/gpt-5, openai/*, or a name of your own."
    )
    providers: list[_Entry] = Field(default_factory=list, max_length=100, description="Providers by name.")
    regions: list[_Entry] = Field(default_factory=list, max_length=100, description="Regions, such as eu-*.")
    tools: list[_Entry] = Field(
        default_factory=list, max_length=100,
        description="A program's functions by name, others as type:web_search*; `none` alone lets no tool pass.",
    )  # fmt: skip
    labels: list[_Entry] = Field(
        default_factory=list, max_length=100, description="Data labels; a call then has to say one."
    )
    most_answer_tokens: int | None = Field(None, ge=1, le=10**7, description="The most that a call may ask for.")
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(
        default_factory=list, max_length=7, description="1 is Monday."
    )
    starts: _Time | None = Field(None, description="From when on, in the zone.")
    ends: _Time | None = Field(None, description="Until when; before `starts` it is on the next day.")
    zone: str | None = Field(None, max_length=60, description="Of days and times, such as Europe/Berlin.")

    @property
    def limits(self) -> Limits:
        """The limits as the room knows them."""
        return Limits(
            tuple(self.providers), tuple(self.models), tuple(self.regions), tuple(self.tools), tuple(self.labels),
            self.most_answer_tokens, Hours(tuple(self.weekdays), self.starts, self.ends, self.zone),
        )  # fmt: skip

    @property
    def group(self) -> GroupId | None:
        """For whom."""
        return GroupId(self.group_id) if self.group_id else None


class RuleOut(Output):
    rule_id: UUID
    name: str
    group_id: UUID | None
    models: list[str]
    providers: list[str]
    regions: list[str]
    tools: list[str]
    labels: list[str]
    most_answer_tokens: int | None
    weekdays: list[int]
    starts: str | None
    ends: str | None
    zone: str | None


class RulesOut(Output):
    items: list[RuleOut]


_MALFORMED = (RuleMalformed, RuleEntryMalformed, GroupNotFound)


@operation("GET", "/gateway/rules", permission=Permission.MODEL_CHANGE, answer=RulesOut)
def list_rules(call: Call) -> RulesOut:
    """Return the rules on model calls, those for everybody first."""
    with call.tenant() as tx:
        return RulesOut(items=[_told(one) for one in policy.list_rules(tx, call.caller)])


@operation(
    "POST", "/gateway/rules", permission=Permission.MODEL_CHANGE, body=RuleIn, answer=RuleOut, status=201,
    refusals=(*_MALFORMED, TooManyRules),
)  # fmt: skip
def create_rule(call: Call) -> RuleOut:
    """Make a rule on model calls; it holds from the next call on."""
    body = call.body
    with call.tenant() as tx:
        made = policy.create_rule(tx, call.caller, body.name, body.group, body.limits, clock=call.services.clock)
    return _told(made)


@operation("GET", "/gateway/rules/{rule_id}", permission=Permission.MODEL_CHANGE, answer=RuleOut, refusals=(RuleNotFound,))
def get_rule(call: Call) -> RuleOut:
    """Return a rule."""
    with call.tenant() as tx:
        return _told(policy.get_rule(tx, call.caller, call.ids["rule_id"]))


@operation(
    "PUT", "/gateway/rules/{rule_id}", permission=Permission.MODEL_CHANGE, body=RuleIn, answer=RuleOut,
    refusals=(*_MALFORMED, RuleNotFound),
)  # fmt: skip
def change_rule(call: Call) -> RuleOut:
    """Put another rule in the place of one."""
    body, rule_id = call.body, call.ids["rule_id"]
    with call.tenant() as tx:
        made = policy.change_rule(tx, call.caller, rule_id, body.name, body.group, body.limits, clock=call.services.clock)
    return _told(made)


@operation("DELETE", "/gateway/rules/{rule_id}", permission=Permission.MODEL_CHANGE, refusals=(RuleNotFound,))
def delete_rule(call: Call) -> None:
    """Take a rule away."""
    with call.tenant() as tx:
        policy.remove_rule(tx, call.caller, call.ids["rule_id"])


def _told(rule: Rule) -> RuleOut:
    limits, hours = rule.limits, rule.limits.hours
    return RuleOut(
        rule_id=rule.rule_id, name=rule.name, group_id=rule.group_id, models=list(limits.models),
        providers=list(limits.providers), regions=list(limits.regions), tools=list(limits.tools),
        labels=list(limits.labels), most_answer_tokens=limits.most_answer_tokens, weekdays=list(hours.weekdays),
        starts=hours.starts, ends=hours.ends, zone=hours.zone,
    )  # fmt: skip
