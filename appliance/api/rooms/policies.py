"""What is to become of what is found in uploads, prompts, passages and answers: an organisation's policy, its draft and its history."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Name, Output
from appliance.dlp import Action, Category, Direction, Family, PolicyRule, history
from appliance.dlp.drafting import (
    begin_draft,
    discard_draft,
    get_draft,
    put_in_force,
    save_draft,
    send_back_draft,
)
from appliance.dlp.errors import (
    DraftDiffers,
    DraftMissing,
    DraftThere,
    NotAwaiting,
    NothingDiffers,
    NotSecondApprover,
    PolicyMalformed,
    PolicyNotFound,
    PolicyRuleIdle,
    PolicyRuleMalformed,
    TemplateNotFound,
)
from appliance.dlp.policy_values import (
    ChangeKind,
    Draft,
    DraftState,
    PolicyChanges,
    PolicyForm,
    PolicyState,
    PolicyVersion,
)
from appliance.dlp.templates import list_templates
from appliance.dlp.wording import WrittenRule
from appliance.identity import Permission
from appliance.identity.errors import GroupNotFound
from appliance.kernel.ids import new_id
from appliance.policy import Term

_Entry = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00]*$")]
_Why = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
_RULE = {"name": "Personal data stays here", "action": "block", "families": ["personal data"], "directions": ["prompt"], "only_leaving": True}


class PolicyRuleBody(Input):
    """A rule. A list that is empty does not limit; the first rule that fits a finding decides."""

    rule_id: UUID | None = Field(None, description="Which rule it is, over all versions. Left out, it is a new one.")
    name: Name
    why: _Why = Field("", description="Why it is there, in a sentence.")
    action: Action = Field(examples=[Action.BLOCK])
    categories: list[Category] = Field(default_factory=list, max_length=100)
    families: list[Family] = Field(default_factory=list, max_length=100)
    directions: list[Direction] = Field(default_factory=list, max_length=4)
    labels: list[_Entry] = Field(default_factory=list, max_length=100, description="Data labels, of which one is enough.")
    groups: list[UUID] = Field(default_factory=list, max_length=100, description="Groups, of which one is enough.")
    least: float = Field(0.5, ge=0, le=1, description="The least confidence of a finding.")
    only_leaving: bool = Field(False, description="Only where the text leaves this host.")
    unless_terms: list[Term] = Field(
        default_factory=list, max_length=10, description="Only where a provider's contract does not grant all of these."
    )
    unless_regions: list[_Entry] = Field(
        default_factory=list, max_length=100, description="Only where the provider's region is none of these; eu-* for all that begin so."
    )

    @property
    def written(self) -> WrittenRule:
        """The rule as the room knows it."""
        rule = PolicyRule(
            self.rule_id or new_id(), self.action, frozenset(self.categories), frozenset(self.families),
            frozenset(self.directions), frozenset(self.labels), frozenset(self.groups), self.least,
            frozenset(one.value for one in self.unless_terms), frozenset(self.unless_regions), self.only_leaving,
        )  # fmt: skip
        return WrittenRule(rule, self.name, self.why)


class Discarding(Input):
    revision: int | None = Field(None, ge=1, description="The draft's revision that was read; a later one is not thrown away.")


class PolicyIn(Input):
    """What a policy says, as a whole."""

    rules: list[PolicyRuleBody] = Field(max_length=100, description="In the order in which they are asked.", examples=[[_RULE]])
    needs_second: bool = Field(False, description="Whether the policy after it takes a second person to put in force.")
    note: _Why = Field("", description="For whoever reads the history.")
    revision: int | None = Field(None, ge=1, description="The draft's revision that was read; a later one is not written over.")

    @property
    def form(self) -> PolicyForm:
        """The policy as the room knows it."""
        return PolicyForm(tuple(one.written for one in self.rules), self.needs_second, self.note)


class From(StrEnum):
    IN_FORCE = "in force"
    NOTHING = "nothing"
    TEMPLATE = "template"


class BeginIn(Input):
    start: From = Field(From.IN_FORCE, description="What the draft says at first.")
    template: str = Field("", max_length=40, description="Which template.")


class RevisionIn(Input):
    revision: int = Field(ge=1, description="The draft's revision that was looked at.")


class DraftOut(Output):
    state: DraftState
    revision: int
    rules: list[PolicyRuleBody]
    needs_second: bool
    note: str
    template: str
    based_on: int
    drafted_by: UUID
    drafted_at: datetime
    changed_by: UUID
    changed_at: datetime
    asked_by: UUID | None
    asked_at: datetime | None


class PolicyOut(Output):
    """A version; 0 is that of an organisation that has said nothing, for which the floor alone holds."""

    version: int
    state: PolicyState
    rules: list[PolicyRuleBody]
    needs_second: bool
    note: str
    template: str
    drafted_by: UUID | None
    asked_by: UUID | None
    approved_by: UUID | None
    in_force_at: datetime | None
    past_at: datetime | None


class PolicyLineOut(Output):
    version: int
    state: PolicyState
    rules: int
    template: str
    note: str
    asked_by: UUID | None
    approved_by: UUID | None
    in_force_at: datetime | None
    past_at: datetime | None


class PoliciesOut(Output):
    """The newest first; what was before them is had with `before`."""

    items: list[PolicyLineOut]


class EnactedOut(Output):
    """`version` is in force from now on; null: a second person has to agree first."""

    version: int | None
    awaits_second: bool


class FieldChangeOut(Output):
    field: str
    before: list[str]
    after: list[str]


class RuleChangeOut(Output):
    kind: ChangeKind
    name: str
    rule_id: UUID
    before: int | None
    after: int | None
    fields: list[FieldChangeOut]


class ChangesOut(Output):
    items: list[RuleChangeOut]
    needs_second: bool | None


class TemplateOut(Output):
    code: str
    name: str
    purpose: str
    rules: list[PolicyRuleBody]


class TemplatesOut(Output):
    items: list[TemplateOut]


class WhichIn(Input):
    version: int | None = Field(None, ge=0, le=2**31 - 2, description="Left out, the one in force.")


class BeforeIn(Input):
    before: int | None = Field(None, ge=1, le=2**31 - 1, description="Only versions before it.")


class BetweenIn(Input):
    earlier: int = Field(ge=0, le=2**31 - 2, examples=[0], description="0 is what held before the first.")
    later: int = Field(ge=0, le=2**31 - 2, examples=[1])


_P = Permission.DLP_POLICY_CHANGE
_MALFORMED = (PolicyMalformed, PolicyRuleMalformed, PolicyRuleIdle, GroupNotFound)


@operation("GET", "/dlp/policies", permission=_P, query=BeforeIn, answer=PoliciesOut)
def list_policies(call: Call) -> PoliciesOut:
    """Return the policies that are or were in force, the newest first, up to 50."""
    with call.tenant() as tx:
        found = history.list_policies(tx, call.caller, before=call.query.before)
    return PoliciesOut(items=[_line(one) for one in found])


@operation("GET", "/dlp/policy", permission=_P, query=WhichIn, answer=PolicyOut, refusals=(PolicyNotFound,))
def get_policy(call: Call) -> PolicyOut:
    """Return the policy in force, or another version, with its rules in order."""
    with call.tenant() as tx:
        return _version(history.get_policy(tx, call.caller, call.query.version))


@operation("GET", "/dlp/policies/comparison", permission=_P, query=BetweenIn, answer=ChangesOut, refusals=(PolicyNotFound,))
def compare_policies(call: Call) -> ChangesOut:
    """Return what differs between two versions, rule by rule."""
    with call.tenant() as tx:
        return _changes(history.compare(tx, call.caller, earlier=call.query.earlier, later=call.query.later))


@operation("GET", "/dlp/policies/templates", permission=_P, answer=TemplatesOut)
def list_policy_templates(call: Call) -> TemplatesOut:
    """Return the policies that one can begin from, each rule with the sentence why it is there."""
    found = list_templates(call.caller)
    return TemplatesOut(
        items=[TemplateOut(code=one.code, name=one.name, purpose=one.purpose, rules=_rules(one.rules)) for one in found]
    )


@operation(
    "POST", "/dlp/policies/draft", permission=_P, body=BeginIn, answer=DraftOut, status=201,
    refusals=(DraftThere, TemplateNotFound),
)  # fmt: skip
def begin_policy_draft(call: Call) -> DraftOut:
    """Begin a policy: from the one in force, from a template, or from nothing. It holds for nothing until it is put in force."""
    body = call.body
    template = body.template or "?" if body.start is From.TEMPLATE else ""
    with call.tenant() as tx:
        made = begin_draft(tx, call.caller, template=template, is_empty=body.start is From.NOTHING, clock=call.services.clock)
    return told_draft(made)


@operation("GET", "/dlp/policies/draft", permission=_P, answer=DraftOut, refusals=(DraftMissing,))
def get_policy_draft(call: Call) -> DraftOut:
    """Return the policy that is being written."""
    with call.tenant() as tx:
        return told_draft(get_draft(tx, call.caller))


@operation(
    "PUT", "/dlp/policies/draft", permission=_P, body=PolicyIn, answer=DraftOut,
    refusals=(DraftMissing, DraftDiffers, *_MALFORMED),
)  # fmt: skip
def save_policy_draft(call: Call) -> DraftOut:
    """Write the draft anew, as a whole. Who was asked to approve it is asked no more."""
    body, clock = call.body, call.services.clock
    with call.tenant() as tx:
        return told_draft(save_draft(tx, call.caller, body.form, revision=body.revision, clock=clock))


@operation("DELETE", "/dlp/policies/draft", permission=_P, query=Discarding, refusals=(DraftMissing, DraftDiffers))
def discard_policy_draft(call: Call) -> None:
    """Throw the draft away: what somebody saved meanwhile is not, where a revision is named."""
    with call.tenant() as tx:
        discard_draft(tx, call.caller, revision=call.query.revision)


@operation(
    "POST", "/dlp/policies/draft/enactment", permission=_P, body=RevisionIn, answer=EnactedOut,
    refusals=(DraftMissing, DraftDiffers, NothingDiffers, NotSecondApprover),
)  # fmt: skip
def put_policy_in_force(call: Call) -> EnactedOut:
    """Put the draft in force from the next call and upload on; where that takes two, ask a second person, who agrees at a browser."""
    with call.tenant() as tx:
        done = put_in_force(tx, call.caller, revision=call.body.revision, clock=call.services.clock)
    return EnactedOut(version=done.version if isinstance(done, PolicyVersion) else None, awaits_second=isinstance(done, Draft))


@operation(
    "POST", "/dlp/policies/draft/return", permission=_P, body=RevisionIn, answer=DraftOut,
    refusals=(DraftMissing, DraftDiffers, NotAwaiting),
)  # fmt: skip
def send_back_policy_draft(call: Call) -> DraftOut:
    """Let what awaits a second person be a draft again."""
    with call.tenant() as tx:
        return told_draft(send_back_draft(tx, call.caller, revision=call.body.revision))


def _rules(rules: tuple[WrittenRule, ...]) -> list[PolicyRuleBody]:
    return [
        PolicyRuleBody(
            rule_id=one.rule.rule_id, name=one.name, why=one.why, action=one.rule.action, categories=sorted(one.rule.categories),
            families=sorted(one.rule.families), directions=sorted(one.rule.directions), labels=sorted(one.rule.labels),
            groups=sorted(one.rule.groups), least=one.rule.least, only_leaving=one.rule.only_leaving,
            unless_terms=[Term(term) for term in sorted(one.rule.unless_terms)], unless_regions=sorted(one.rule.unless_regions),
        )
        for one in rules
    ]  # fmt: skip


def told_draft(draft: Draft) -> DraftOut:
    """Return a draft as programs see it."""
    return DraftOut(
        state=draft.state, revision=draft.revision, rules=_rules(draft.form.rules), needs_second=draft.form.needs_second,
        note=draft.form.note, template=draft.template, based_on=draft.based_on, drafted_by=draft.drafted_by,
        drafted_at=draft.drafted_at, changed_by=draft.changed_by, changed_at=draft.changed_at, asked_by=draft.asked_by,
        asked_at=draft.asked_at,
    )  # fmt: skip


def _version(one: PolicyVersion) -> PolicyOut:
    return PolicyOut(
        version=one.version, state=one.state, rules=_rules(one.form.rules), needs_second=one.form.needs_second,
        note=one.form.note, template=one.template, drafted_by=one.drafted_by, asked_by=one.asked_by,
        approved_by=one.approved_by, in_force_at=one.in_force_at, past_at=one.past_at,
    )  # fmt: skip


def _line(one: PolicyVersion) -> PolicyLineOut:
    return PolicyLineOut(
        version=one.version, state=one.state, rules=len(one.form.rules), template=one.template, note=one.form.note,
        asked_by=one.asked_by, approved_by=one.approved_by, in_force_at=one.in_force_at, past_at=one.past_at,
    )  # fmt: skip


def _changes(found: PolicyChanges) -> ChangesOut:
    return ChangesOut(
        items=[
            RuleChangeOut(
                kind=one.kind, name=one.rule.name, rule_id=one.rule.rule.rule_id, before=one.before, after=one.after,
                fields=[FieldChangeOut(field=part.field, before=list(part.before), after=list(part.after)) for part in one.fields],
            )
            for one in found.rules
        ],
        needs_second=found.needs_second[1] if found.needs_second else None,
    )  # fmt: skip
