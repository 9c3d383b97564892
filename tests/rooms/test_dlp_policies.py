"""What an organisation says of what is found in texts: one draft, versions that stay, a second person where it is said so."""

from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from appliance import audit, evidence
from appliance.dlp import (
    Action,
    Category,
    Circumstances,
    Decision,
    Direction,
    Family,
    Finding,
    Policy,
    PolicyRule,
    decide,
    policy_in_force,
)
from appliance.dlp.checking import TERMS
from appliance.dlp.drafting import (
    approve_draft,
    begin_draft,
    discard_draft,
    find_draft,
    put_in_force,
    save_draft,
    send_back_draft,
)
from appliance.dlp.errors import (
    ApproverTooNew,
    DraftDiffers,
    DraftMissing,
    DraftThere,
    NothingDiffers,
    NotSecondApprover,
    PolicyNotFound,
    PolicyRuleIdle,
    PolicyRuleMalformed,
)
from appliance.dlp.history import compare, get_policy, list_policies
from appliance.dlp.policy_values import ChangeKind, Draft, PolicyForm, PolicyState, PolicyVersion
from appliance.dlp.templates import TEMPLATES
from appliance.dlp.wording import WrittenRule
from appliance.evidence.values import Item
from appliance.identity import Role
from appliance.identity.errors import Forbidden, GroupNotFound
from appliance.kernel.ids import new_id
from appliance.policy import Term
from tests.support import policies
from tests.support.house import House, Member


@pytest.fixture(scope="module")
def house(lasting_house: House) -> House:
    return lasting_house


@pytest.fixture
def ada(house: House) -> Member:
    return house.founds("Harrow", f"ada-{new_id().hex}@harrow.example")


@pytest.fixture
def bo(house: House) -> Member:
    return house.founds("Birch", f"bo-{new_id().hex}@birch.example")


@pytest.fixture
def rule() -> WrittenRule:
    return WrittenRule(PolicyRule(uuid4(), Action.BLOCK, frozenset({Category.IBAN})), "No accounts", "Nobody's business.")


def begins(member: Member, template: str = "", *, is_empty: bool = False) -> Draft:
    with member.services.db.tenant(member.tenant_id) as tx:
        return begin_draft(tx, member.caller, template=template, is_empty=is_empty, clock=member.house.clock)


def saves(member: Member, *rules: WrittenRule, needs_second: bool = False, revision: int | None = None) -> Draft:
    with member.services.db.tenant(member.tenant_id) as tx:
        form = PolicyForm(rules, needs_second)
        return save_draft(tx, member.caller, form, revision=revision, clock=member.house.clock)


def enacts(member: Member, revision: int) -> PolicyVersion | Draft:
    with member.services.db.tenant(member.tenant_id) as tx:
        return put_in_force(tx, member.caller, revision=revision, clock=member.house.clock)


def approves(member: Member, revision: int) -> PolicyVersion:
    with member.services.db.tenant(member.tenant_id) as tx:
        return approve_draft(tx, member.caller, revision=revision, clock=member.house.clock)


def in_force(member: Member) -> Policy:
    with member.services.db.tenant(member.tenant_id) as tx:
        return policy_in_force(tx)


def test_an_organisation_that_says_nothing_has_the_floor_alone_and_the_newest_version_holds_for_it_alone(
    house: House, ada: Member, bo: Member
) -> None:
    rule = PolicyRule(
        uuid4(), Action.BLOCK, frozenset({Category.IBAN}), frozenset({Family.HEALTH}), frozenset({Direction.PROMPT}),
        frozenset({"patients"}), frozenset({uuid4()}), 0.7, frozenset({"baa"}), frozenset({"eu*"}), only_leaving=True,
    )  # fmt: skip

    first = policies.put_in_force(house, ada.tenant_id, [PolicyRule(uuid4(), Action.WARN)])
    second = policies.put_in_force(house, ada.tenant_id, [rule])

    assert (first.version, second) == (1, Policy(2, (rule,)))
    assert in_force(bo) == Policy()


def test_a_draft_holds_for_nothing_until_it_is_put_in_force(ada: Member, rule: WrittenRule) -> None:
    begins(ada)
    with pytest.raises(DraftThere):
        begins(ada)
    draft = saves(ada, rule)
    assert in_force(ada) == Policy()

    enacted = enacts(ada, draft.revision)

    assert isinstance(enacted, PolicyVersion)
    assert (enacted.version, enacted.asked_by, enacted.approved_by) == (1, ada.caller.user_id, ada.caller.user_id)
    assert in_force(ada) == Policy(1, (rule.rule,))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert find_draft(tx, ada.caller) is None


def test_nobody_puts_in_force_what_they_have_not_seen(ada: Member, rule: WrittenRule) -> None:
    seen = begins(ada)
    saves(ada, rule, revision=seen.revision)

    with pytest.raises(DraftDiffers):
        enacts(ada, seen.revision)
    with pytest.raises(DraftDiffers):
        saves(ada, revision=seen.revision)
    with pytest.raises(DraftDiffers), ada.services.db.tenant(ada.tenant_id) as tx:
        discard_draft(tx, ada.caller, revision=seen.revision)


def test_what_says_the_same_is_no_new_version_and_a_draft_can_be_thrown_away(ada: Member) -> None:
    draft = begins(ada)
    with pytest.raises(NothingDiffers):
        enacts(ada, draft.revision)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        discard_draft(tx, ada.caller)
        with pytest.raises(DraftMissing):
            discard_draft(tx, ada.caller)


def test_where_it_is_said_so_a_second_person_puts_it_in_force_and_takes_to_lift_that(
    house: House, ada: Member, rule: WrittenRule
) -> None:
    begins(ada)
    enacts(ada, saves(ada, rule, needs_second=True).revision)
    mia = ada.adds(f"mia-{new_id().hex}@harrow.example", Role.ADMIN)

    begins(ada, is_empty=True)
    waiting = enacts(ada, saves(ada, needs_second=False).revision)
    assert isinstance(waiting, Draft)
    assert waiting.asked_by == ada.caller.user_id
    assert in_force(ada).rules == (rule.rule,)
    with pytest.raises(NotSecondApprover):
        approves(ada, waiting.revision)
    with pytest.raises(ApproverTooNew):  # whom Ada invited today may be Ada
        approves(mia, waiting.revision)
    house.owners_settle()
    with pytest.raises(DraftDiffers):
        approves(mia, waiting.revision - 1)

    enacted = approves(mia, waiting.revision)
    assert (enacted.asked_by, enacted.approved_by) == (ada.caller.user_id, mia.caller.user_id)
    assert in_force(ada) == Policy(2, ())


def test_what_is_changed_or_sent_back_awaits_nobody_any_more(house: House, ada: Member, rule: WrittenRule) -> None:
    begins(ada)
    enacts(ada, saves(ada, rule, needs_second=True).revision)
    begins(ada)
    revision = saves(ada, needs_second=True).revision
    enacts(ada, revision)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert send_back_draft(tx, ada.caller, revision=revision).asked_by is None
    enacts(ada, revision)
    assert saves(ada, needs_second=True).asked_by is None


def test_the_history_tells_what_differed_and_from_when_until_when(house: House, ada: Member, rule: WrittenRule) -> None:
    other = WrittenRule(PolicyRule(uuid4(), Action.WARN), "Point all out")
    third = WrittenRule(PolicyRule(uuid4(), Action.ALLOW), "The rest")
    for rules in ((rule, other, third), (third, replace(rule, rule=replace(rule.rule, action=Action.REDACT)))):
        begins(ada)
        enacts(ada, saves(ada, *rules).revision)
        house.clock.passes(hours=1)

    with ada.services.db.tenant(ada.tenant_id) as tx:
        second, first = list_policies(tx, ada.caller)
        changes = compare(tx, ada.caller, earlier=1, later=2)
        assert get_policy(tx, ada.caller, 1) == first
        assert get_policy(tx, ada.caller) == second
        assert list_policies(tx, ada.caller, before=2) == [first]
        with pytest.raises(PolicyNotFound):
            get_policy(tx, ada.caller, 3)
    assert (first.state, first.past_at, second.past_at) == (PolicyState.PAST, second.in_force_at, None)
    told = [(one.kind, one.rule.name, one.before, one.after) for one in changes.rules]
    assert told == [
        (ChangeKind.REMOVED, "Point all out", 2, None),
        (ChangeKind.MOVED, "The rest", 3, 1),
        (ChangeKind.CHANGED, "No accounts", 1, 2),
    ]
    (field,) = changes.rules[-1].fields
    assert (field.field, field.before, field.after) == ("action", ("block",), ("redact",))


def test_what_was_in_force_cannot_be_rewritten_by_the_application(house: House, ada: Member) -> None:
    policies.put_in_force(house, ada.tenant_id, [PolicyRule(uuid4(), Action.WARN)])
    with house.server.connect("app", house.database) as app, app.transaction():
        app.execute(f"SET LOCAL app.tenant_id = '{ada.tenant_id}'")
        for statement in ("UPDATE cloister.dlp_policies SET rules = '[]'", "DELETE FROM cloister.dlp_policies"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
                app.execute(statement)


def test_the_log_tells_which_rule_became_what_and_digests_of_before_and_after(ada: Member, rule: WrittenRule) -> None:
    begins(ada)
    enacts(ada, saves(ada, rule).revision)
    begins(ada)
    enacts(ada, saves(ada, replace(rule, rule=replace(rule.rule, action=Action.WARN))).revision)

    first, second = policies.entries_of(ada, audit.Event.DLP_POLICY_IN_FORCE)
    assert first["facts"]["digest"] == second["facts"]["digest_before"]
    assert second["facts"]["changes"] == f"changed {rule.rule.rule_id} action=block>warn"
    assert (second["facts"]["before"], second["facts"]["version"]) == (1, 2)


def test_who_may_not_write_policies_reads_none(ada: Member) -> None:
    mia = ada.adds(f"mia-{new_id().hex}@harrow.example", Role.MEMBER)
    with pytest.raises(Forbidden):
        begins(mia)
    with mia.services.db.tenant(mia.tenant_id) as tx, pytest.raises(Forbidden):
        list_policies(tx, mia.caller)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"unless_terms": frozenset({"pia"})}, "unless_terms"),
        ({"unless_regions": frozenset({"e u"})}, "unless_regions"),
        ({"least": 1.5}, "least"),
        ({"labels": frozenset({"a,b"})}, "labels"),
    ],
    ids=["terms", "regions", "least", "labels"],
)
def test_what_cannot_be_a_rule_is_refused(ada: Member, rule: WrittenRule, change: dict[str, object], field: str) -> None:
    begins(ada)
    with pytest.raises(PolicyRuleMalformed, match=field):
        saves(ada, replace(rule, rule=replace(rule.rule, **change)))  # type: ignore[arg-type]  # one field each


def test_a_rule_that_would_never_hold_and_one_for_no_group_are_refused(ada: Member, rule: WrittenRule) -> None:
    begins(ada)
    uploads = replace(rule.rule, directions=frozenset({Direction.UPLOAD}), only_leaving=True)
    with pytest.raises(PolicyRuleIdle):
        saves(ada, replace(rule, rule=uploads))
    with pytest.raises(GroupNotFound):
        saves(ada, replace(rule, rule=replace(rule.rule, groups=frozenset({uuid4()}))))


def test_the_terms_are_those_of_contracts() -> None:
    assert set(TERMS) == {one.value for one in Term}


def decided(template: str, category: Category, now: Circumstances) -> Action:
    rules = next(one for one in TEMPLATES if one.code == template).rules
    decision: Decision = decide(Policy(1, tuple(one.rule for one in rules)), [Finding(category, "x", 0, 1)], now)
    return decision.action


OPENAI = Circumstances(Direction.PROMPT, is_local=False, region="us-east-1")
IN_EUROPE = replace(OPENAI, terms=frozenset({"dpa"}), region="EU-central-1")


@pytest.mark.parametrize(
    ("template", "category", "now", "action"),
    [
        ("gdpr", Category.PERSON, OPENAI, Action.BLOCK),
        ("gdpr", Category.PERSON, replace(OPENAI, terms=frozenset({"dpa"})), Action.BLOCK),
        ("gdpr", Category.PERSON, replace(IN_EUROPE, terms=frozenset()), Action.BLOCK),
        ("gdpr", Category.PERSON, IN_EUROPE, Action.TOKENISE),
        ("gdpr", Category.PERSON, replace(IN_EUROPE, direction=Direction.PASSAGE, terms=frozenset()), Action.REDACT),
        ("gdpr", Category.PERSON, Circumstances(Direction.PROMPT), Action.ALLOW),
        ("gdpr", Category.PERSON, Circumstances(Direction.UPLOAD), Action.WARN),
        ("gdpr", Category.MEDICAL_RECORD, Circumstances(Direction.UPLOAD), Action.QUARANTINE),
        ("gdpr", Category.API_KEY, OPENAI, Action.REDACT),
        ("hipaa", Category.MEDICAL_RECORD, IN_EUROPE, Action.BLOCK),
        ("hipaa", Category.MEDICAL_RECORD, replace(OPENAI, terms=frozenset({"baa"})), Action.TOKENISE),
        ("hipaa", Category.BIRTH_DATE, IN_EUROPE, Action.BLOCK),
        ("hipaa", Category.MEDICAL_RECORD, Circumstances(Direction.PASSAGE), Action.ALLOW),
        ("pci", Category.API_KEY, Circumstances(Direction.UPLOAD), Action.BLOCK),
        ("pci", Category.PERSON, OPENAI, Action.ALLOW),
        ("wiki", Category.MARKING, Circumstances(Direction.UPLOAD), Action.QUARANTINE),
        ("wiki", Category.MARKING, OPENAI, Action.BLOCK),
        ("wiki", Category.EMAIL, Circumstances(Direction.UPLOAD), Action.ALLOW),
    ],
    ids=[str(number) for number in range(18)],
)
def test_a_template_says_what_its_law_asks(template: str, category: Category, now: Circumstances, action: Action) -> None:
    assert decided(template, category, now) is action


@pytest.mark.parametrize("template", [one.code for one in TEMPLATES])
def test_every_template_can_be_put_in_force_lets_cards_nowhere_and_says_why(ada: Member, template: str) -> None:
    draft = begins(ada, template)
    assert all(one.why and one.name for one in draft.form.rules)
    assert isinstance(enacts(ada, saves(ada, *draft.form.rules).revision), PolicyVersion)
    for direction in Direction:
        for is_local in (True, False):
            now = Circumstances(direction, is_local=is_local, terms=frozenset(TERMS), region="eu-central-1")
            expected = Action.REDACT if direction is Direction.PASSAGE else Action.BLOCK
            assert decided(template, Category.PAYMENT_CARD, now) is expected


def test_an_auditor_is_shown_which_policy_held_from_when_on_and_its_digest(house: House, ada: Member, rule: WrittenRule) -> None:
    item = Item.DATA_PROTECTION
    before = evidence.gather(house.app.db, ada.caller, [item], clock=house.clock)[item]
    assert [one.code for one in before.gaps] == ["no_dlp_policy"]
    begins(ada)
    enacts(ada, saves(ada, rule).revision)
    (entry,) = policies.entries_of(ada, audit.Event.DLP_POLICY_IN_FORCE)
    shown = evidence.gather(house.app.db, ada.caller, [item], clock=house.clock)[item]
    (row,) = shown.rows
    assert (row[0], row[1], row[-1], shown.gaps) == ("1", "active", entry["facts"]["digest"], ())
