"""Limits of keys, rules of organisations and groups, labels and contracts, at the real door."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from sqlalchemy import text

from appliance import budgets, gateway, identity, knowledge, policy
from appliance.budgets import BudgetForm, Period, Subject, SubjectKind, Unit
from appliance.gateway import Endpoint, Tried, Trying
from appliance.identity import GroupId, Scope, TokenLimits
from appliance.identity.tokens import TokenForm, create_token
from appliance.identity.values import ModelEndpoint
from appliance.policy import ContractForm, Hours, Limits, Term
from appliance.vault.providing import list_providers
from appliance.vault.providing.errors import ProviderNotFound
from tests.support.door import Door, door
from tests.support.house import Member, Server
from tests.support.model_host import said
from tests.support.upstreams import COMPLETION, MESSAGE

ASKED = [{"role": "user", "content": "What is the weather in Köln?"}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("rules")) as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_ruled(at: Door) -> Iterator[None]:
    at.upstream.says(said(COMPLETION))
    yield
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        for rule in policy.list_rules(tx, at.ada.caller):
            policy.remove_rule(tx, at.ada.caller, rule.rule_id)
        for label in policy.list_data_labels(tx, at.ada.caller):
            policy.remove_label(tx, at.ada.caller, label.label)
        for one in policy.list_contracts(tx, at.ada.caller):
            if one.ended_at is None:
                policy.end_contract(tx, at.ada.caller, one.contract_id, clock=at.house.clock)


def limited(at: Door, **limits: tuple[str, ...]) -> str:
    form = TokenForm("program", frozenset({Scope.MODELS, Scope.CHAT}), 30, None, TokenLimits(**limits))  # type: ignore[arg-type]
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        return create_token(tx, at.ada.caller, form, clock=at.house.clock).secret


def ruled(member: Member, name: str, limits: Limits, group_id: GroupId | None = None) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        policy.create_rule(tx, member.caller, name, group_id, limits, clock=member.house.clock)


def asks(at: Door, key: str | None = None, model: str = "openai/gpt-6", **more: Any) -> object:
    return at.openai(key).chat.completions.create(model=model, messages=ASKED, **more)


def last_refusal(at: Door) -> str:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        said_ = text("SELECT convert_from(body, 'UTF8') FROM audit_inbox WHERE event = 'gateway:call:refused' ORDER BY event_id DESC LIMIT 1")
        return str(tx.scalar(said_))


def test_a_key_for_some_models_calls_those_and_lists_those(at: Door) -> None:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        for model in ("openai/gpt-6", "anthropic/claude-opus-5"):
            gateway.allow_model(tx, at.ada.caller, model)
        gateway.set_alias(tx, at.ada.caller, "general", ["openai/gpt-6"])
        gateway.set_alias(tx, at.ada.caller, "other", ["anthropic/claude-opus-5"])
    key = limited(at, models=("openai/*",))
    asks(at, key)
    asks(at, key, "general")
    made, calls = len(at.upstream.asked), len(at.calls())

    with pytest.raises(openai.PermissionDeniedError, match="not listed") as refusal:
        asks(at, key, "anthropic/claude-opus-5")

    assert refusal.value.code == "key_limited"
    assert (len(at.upstream.asked), len(at.calls())) == (made, calls)
    assert '"rule":"models"' in last_refusal(at)
    assert {one.id for one in at.openai(key).models.list()} == {"general", "openai/gpt-6"}
    with pytest.raises(openai.NotFoundError):
        at.openai(key).models.retrieve("other")


def test_an_alias_goes_on_to_the_model_that_the_key_is_for(at: Door) -> None:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        gateway.set_alias(tx, at.ada.caller, "either", ["openai/gpt-6", "anthropic/claude-opus-5"])
    at.upstream.says(said(MESSAGE))
    asks(at, limited(at, models=("anthropic/*",)), "either")
    assert [one.path for one in at.upstream.asked] == ["/v1/messages"]


def test_a_key_for_some_endpoints_and_no_chatbot(at: Door) -> None:
    key = limited(at, endpoints=(ModelEndpoint.EMBEDDINGS,), models=("openai/*",))
    with pytest.raises(openai.PermissionDeniedError, match="chat/completions is not listed"):
        asks(at, key)
    with pytest.raises(anthropic.PermissionDeniedError, match="messages"):
        at.anthropic(key).messages.create(model="openai/gpt-6", max_tokens=10, messages=ASKED)
    with pytest.raises(openai.PermissionDeniedError, match="key"):
        asks(at, limited(at, models=("openai/*",)), "bot:any")
    (model, *_) = (one.name for one in at.house.app.gateway.embedding_models if one.is_installed)
    with pytest.raises(openai.PermissionDeniedError, match="key"):
        at.openai(key).embeddings.create(model=model, input="x")
    assert at.openai(limited(at, models=(model,))).embeddings.create(model=model, input="x").data


@pytest.mark.parametrize("networks", [("127.0.0.0/8",), ("2001:db8::/32", "::ffff:127.0.0.0/104"), ("127.0.0.1",)])
def test_a_key_works_from_its_networks(at: Door, networks: tuple[str, ...]) -> None:
    asks(at, limited(at, networks=networks))


def test_a_key_is_refused_from_elsewhere_at_every_door(at: Door) -> None:
    key = limited(at, networks=("10.0.0.0/8", "2001:db8::/32"))
    with pytest.raises(openai.PermissionDeniedError) as refusal:
        asks(at, key)
    assert refusal.value.code == "token_misplaced"
    assert "10.0.0.0" not in str(refusal.value)
    answer = httpx2.get(f"{at.address}/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "token_misplaced")
    assert at.events().count("identity:token:misplaced") == 1  # once a minute


def test_a_limited_token_issues_none_that_may_do_more(at: Door) -> None:
    form = TokenForm(
        "issuer", frozenset({Scope.MODELS, Scope.TOKENS_WRITE}), 30, None,
        TokenLimits(("openai/*",), (ModelEndpoint.EMBEDDINGS,), ("127.0.0.0/8",)),
    )  # fmt: skip
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        secret = create_token(tx, at.ada.caller, form, clock=at.house.clock).secret
    db = at.ada.services.db
    caller = identity.resolve_token(db, identity.Guesses(), identity.Tally("test"), secret, address="127.0.0.1", request_id="t", clock=at.house.clock)
    narrow = (("openai/gpt-6",), (ModelEndpoint.EMBEDDINGS,), ("127.0.0.1",))
    wide: list[tuple[tuple[str, ...], tuple[ModelEndpoint, ...], tuple[str, ...]]] = [
        ((), narrow[1], narrow[2]), (("open*",), narrow[1], narrow[2]), (narrow[0], (), narrow[2]),
        (narrow[0], tuple(ModelEndpoint), narrow[2]), (*narrow[:2], ()), (*narrow[:2], ("126.0.0.0/7",)),
    ]  # fmt: skip
    for limits in (narrow, *wide):
        with db.tenant(at.ada.tenant_id) as tx:
            form = TokenForm("made", frozenset({Scope.MODELS}), 1, None, TokenLimits(*limits))
            if limits is narrow:
                create_token(tx, caller, form, clock=at.house.clock)
            else:
                with pytest.raises(identity.errors.LimitsBeyond):
                    create_token(tx, caller, form, clock=at.house.clock)


def test_a_rule_of_a_group_holds_for_its_people_alone(at: Door) -> None:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        group = identity.create_group(tx, at.ada.caller, name="Interns", clock=at.house.clock)
    ruled(at.ada, "No tools", Limits(tools=("none",)), group.group_id)
    asks(at, tools=[TOOL])
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        identity.set_group_members(tx, at.ada.caller, group.group_id, [at.ada.caller.user_id])

    with pytest.raises(openai.PermissionDeniedError, match="No tools"):
        asks(at, tools=[TOOL])

    assert '"rule":"No tools"' in last_refusal(at)
    asks(at)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        identity.delete_group(tx, at.ada.caller, group.group_id)


def test_tools_are_found_wherever_a_dialect_has_them(at: Door) -> None:
    ruled(at.ada, "Tools", Limits(tools=("weather", "type:web_search_2025*")))
    at.upstream.says(said(MESSAGE))
    claude = at.anthropic().messages
    search = {"type": "web_search_20250305", "name": "web_search"}
    known = {"name": "weather", "input_schema": {"type": "object"}}
    claude.create(model="anthropic/claude-opus-5", max_tokens=10, messages=ASKED, tools=[known, search])
    for tool in ({"type": "bash_20250124", "name": "bash"}, known | {"name": "other"}, known | {"type": "custom", "name": "x"}):
        with pytest.raises(anthropic.PermissionDeniedError, match="Tools"):
            claude.create(model="anthropic/claude-opus-5", max_tokens=10, messages=ASKED, tools=[tool])
    responses = at.openai().responses
    for hosted in (
        {"type": "web_search"}, {"type": "mcp", "server_label": "x"}, {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "other"}]},
    ):  # fmt: skip
        with pytest.raises(openai.PermissionDeniedError, match="Tools"):
            responses.create(model="openai/gpt-6", input="x", tools=[hosted])
    found = [{"type": "tool_search_output", "tools": [{"type": "function", "name": "other"}]}]
    with pytest.raises(openai.PermissionDeniedError, match="Tools"):
        responses.create(model="openai/gpt-6", input=found)
    for more in ({"functions": [{"name": "other"}]}, {"extra_body": {"web_search_options": {"x": 1}}}):
        with pytest.raises(openai.PermissionDeniedError, match="Tools"):
            asks(at, **more)


def test_tokens_above_a_rules_number_are_refused_and_nothing_is_rewritten(at: Door) -> None:
    ruled(at.ada, "Short", Limits(most_answer_tokens=100))
    asks(at, max_completion_tokens=100)
    assert at.upstream.asked[-1].json["max_completion_tokens"] == 100
    bounds: list[dict[str, Any]] = [{"max_tokens": 101}, {"max_completion_tokens": 60, "n": 2}, {"max_tokens": 10, "max_completion_tokens": 500}]
    for more in bounds:
        with pytest.raises(openai.PermissionDeniedError, match="100 are the most"):
            asks(at, **more)
    with pytest.raises(openai.PermissionDeniedError, match="at most 100 tokens"):
        asks(at)


def test_rules_on_providers_models_and_hours(at: Door) -> None:
    ruled(at.ada, "Ours", Limits(providers=("vllm",)))
    with pytest.raises(openai.PermissionDeniedError, match=r"Ours.*providers"):
        asks(at)
    asks(at, model="vllm/qwen")
    now = at.house.clock.now()
    past = Hours((), (now - timedelta(hours=3)).strftime("%H:%M"), (now - timedelta(hours=2)).strftime("%H:%M"), "UTC")
    ruled(at.ada, "Working time", Limits(hours=past))
    with pytest.raises(openai.PermissionDeniedError, match="Working time"):
        asks(at, model="vllm/qwen")
    (bot,) = (one.id for one in at.openai().models.list() if one.id.startswith("bot:"))
    with pytest.raises(openai.PermissionDeniedError, match="Working time"):
        asks(at, model=bot)


def test_another_organisations_rules_are_its_own(at: Door) -> None:
    ruled(at.bo, "Nothing", Limits(providers=("nobody",)))
    asks(at)


def test_a_label_needs_its_contract_and_the_record_says_under_which_a_call_ran(at: Door) -> None:
    caller, clock, db = at.ada.caller, at.house.clock, at.ada.services.db
    header = {"Cloister-Data-Label": "PHI"}
    with pytest.raises(openai.BadRequestError, match="no data label PHI"):
        asks(at, extra_headers=header)
    with db.tenant(at.ada.tenant_id) as tx:
        policy.set_label(tx, caller, "phi", [Term.BAA], stays=False)
    with pytest.raises(openai.PermissionDeniedError, match="baa") as refusal:
        asks(at, extra_headers=header)
    assert refusal.value.code == "contract_missing"
    assert '"rule":"phi"' in last_refusal(at)
    made = len(at.calls())
    with db.tenant(at.ada.tenant_id) as tx:
        (openai_,) = (one for one in list_providers(tx, caller) if one.name == "openai")
        ends = clock.now() + timedelta(hours=1)
        form = ContractForm(openai_.provider_id, frozenset({Term.BAA}), "Folder 7", "eu", ends)
        contract = policy.add_contract(tx, caller, form, clock=clock)

    asks(at, extra_headers=header)

    call = at.calls()[0]
    assert len(at.calls()) == made + 1
    assert (call["contract_ids"], call["contract_terms"], call["labels"]) == ([contract.contract_id], ["baa"], ["phi"])
    with db.tenant(at.ada.tenant_id) as tx:
        admitted = text("SELECT convert_from(body, 'UTF8') FROM audit_inbox WHERE event = 'gateway:call:admitted' ORDER BY event_id DESC LIMIT 1")
        assert f'"contracts":"{contract.contract_id}"' in str(tx.scalar(admitted))
    with pytest.raises(openai.PermissionDeniedError, match="baa"):
        asks(at, model="vllm/qwen", extra_headers=header)
    asks(at, model="vllm/qwen")
    assert at.calls()[0]["contract_ids"] == []
    clock.passes(hours=2)
    with pytest.raises(openai.PermissionDeniedError, match="baa"):
        asks(at, extra_headers=header)
    assert "cloister-data-label" not in at.upstream.asked[-1].headers


def tries(house: Door, model: str = "openai/gpt-6", **more: Any) -> Tried:
    trying = Trying(more.pop("endpoint", Endpoint.CHAT_COMPLETIONS), model, **more)
    return house.house.app.gate.try_call(house.ada.caller, trying)


def refusing(found: Tried) -> list[tuple[str, str]]:
    return [(one.step.value, one.rule) for one in found.checks if not one.passes]


def test_a_trial_says_what_the_door_does_and_leaves_no_trace(at: Door) -> None:
    made, used = len(at.calls()), at.events()
    found = tries(at)
    assert (found.passes, found.model, refusing(found)) == (True, "openai/gpt-6", [])
    assert [one.step.value for one in found.checks] == ["key", "name", "allowed models", "provider", "endpoint", "host", "budget"]
    assert (len(at.calls()), at.events(), at.upstream.asked) == (made, used, [])
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        (openai_,) = (one for one in list_providers(tx, at.ada.caller) if one.name == "openai")
        uses = sum(key.uses for key in openai_.keys)
    tries(at)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        (openai_,) = (one for one in list_providers(tx, at.ada.caller) if one.name == "openai")
    assert sum(key.uses for key in openai_.keys) == uses


def test_a_trial_names_each_rule_that_refuses(at: Door) -> None:
    ruled(at.ada, "Ours", Limits(providers=("vllm",), regions=("eu*",), most_answer_tokens=10))
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        policy.set_label(tx, at.ada.caller, "phi", [Term.BAA], stays=False)
    found = tries(at, labels=("phi", "pih"), answer_tokens=11)
    assert not found.passes
    assert refusing(found) == [("labels", ""), ("rule", "Ours"), ("rule", "Ours"), ("rule", "Ours"), ("data label", "phi")]
    assert {str(one) for one in found.checks} >= {"It asks for 11 tokens, and 10 are the most.", "pih is no data label here."}
    assert refusing(tries(at, "nobody/x"))[-1] == ("provider", "")
    assert refusing(tries(at, "no-such-alias")) == [("name", "")]
    assert ("endpoint", "") in refusing(tries(at, "vllm/qwen", endpoint=Endpoint.COUNT_TOKENS))


def test_a_trial_of_a_key_asks_its_limits_networks_and_scopes(at: Door) -> None:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        form = TokenForm("k", frozenset({Scope.MODELS}), 5, None, TokenLimits(("anthropic/*",), (ModelEndpoint.MESSAGES,), ("10.0.0.0/8",)))
        token = create_token(tx, at.ada.caller, form, clock=at.house.clock).token
        other = create_token(tx, at.ada.caller, TokenForm("o", frozenset({Scope.CHAT}), 5), clock=at.house.clock).token
    assert refusing(tries(at, token_id=token.token_id)) == [("key limits", ""), ("key limits", "")]
    good = tries(at, "anthropic/claude", endpoint=Endpoint.MESSAGES, token_id=token.token_id, address="::ffff:10.1.2.3")
    assert good.passes
    for more in ({"address": "192.0.2.1"}, {"at": at.house.clock.now() + timedelta(days=6)}):
        assert refusing(tries(at, "anthropic/claude", token_id=token.token_id, **more)) == [("key", "")]
    assert refusing(tries(at, token_id=other.token_id)) == [("key", "")]
    assert ("key", "") in refusing(tries(at, "bot:x", token_id=token.token_id))
    (model, *_) = (one.name for one in at.house.app.gateway.embedding_models if one.is_installed)
    assert tries(at, model, endpoint=Endpoint.EMBEDDINGS).passes
    assert refusing(tries(at, model)) == [("endpoint", "")]


def test_a_trial_of_a_name_passes_by_the_first_model_that_does(at: Door) -> None:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        gateway.set_alias(tx, at.ada.caller, "both", ["openai/gpt-6", "vllm/qwen"])
    ruled(at.ada, "Ours", Limits(providers=("vllm",)))
    found = tries(at, "both")
    assert (found.passes, found.model) == (True, "vllm/qwen")
    assert [(one.target, one.rule) for one in found.checks if not one.passes] == [("openai/gpt-6", "Ours")]


def test_nobody_tries_out_another_organisations_keys_or_people(at: Door) -> None:
    with at.bo.services.db.tenant(at.bo.tenant_id) as tx:
        token = create_token(tx, at.bo.caller, TokenForm("b", frozenset({Scope.MODELS}), 5), clock=at.house.clock).token
    with pytest.raises(identity.errors.TokenNotFound):
        tries(at, token_id=token.token_id)
    with pytest.raises(identity.errors.PersonNotFound):
        tries(at, user_id=at.bo.caller.user_id)
    eve = at.ada.adds("eve@harrow.example", identity.Role.MEMBER)
    with pytest.raises(identity.Forbidden):
        at.house.app.gate.try_call(eve.caller, Trying(Endpoint.MESSAGES, "openai/gpt-6"))


def test_another_organisations_groups_and_providers_are_none(at: Door) -> None:
    with at.bo.services.db.tenant(at.bo.tenant_id) as tx:
        theirs = identity.create_group(tx, at.bo.caller, name="Theirs", clock=at.house.clock)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        (openai_, *_) = list_providers(tx, at.ada.caller)
    with pytest.raises(identity.errors.GroupNotFound):
        ruled(at.ada, "x", Limits(tools=("none",)), theirs.group_id)
    with at.bo.services.db.tenant(at.bo.tenant_id) as tx, pytest.raises(ProviderNotFound):
        form = ContractForm(openai_.provider_id, frozenset({Term.BAA}), "Folder 7")
        policy.add_contract(tx, at.bo.caller, form, clock=at.house.clock)


def test_a_chatbots_label_follows_from_its_documents_and_is_on_record(at: Door) -> None:
    (document, db) = at.ada.reads_in("cafeteria.md"), at.ada.services.db
    (bot,) = (one.id for one in at.openai().models.list() if one.id.startswith("bot:"))
    question = [{"role": "user", "content": "When does the cafeteria open?"}]
    at.openai().chat.completions.create(model=bot, messages=question)
    assert at.calls()[0]["labels"] == []
    with db.tenant(at.ada.tenant_id) as tx:
        knowledge.label(tx, at.ada.caller, document.document_id, ["STRASSE", "Ärzte", "other"])
        policy.set_label(tx, at.ada.caller, "Straße", [], stays=True)
        policy.set_label(tx, at.ada.caller, "ärzte", [], stays=True)
        policy.set_label(tx, at.ada.caller, "said", [], stays=False)
    at.openai().chat.completions.create(model=bot, messages=question, extra_headers={"Cloister-Data-Label": "said"})
    assert next(one for one in at.calls() if one["kind"] == "chat")["labels"] == ["said", "Straße", "ärzte"]
    found = tries(at, bot)
    assert (found.passes, found.labels) == (True, ("Straße", "ärzte"))
    with pytest.raises(openai.BadRequestError, match="no data label"):
        at.openai().chat.completions.create(model=bot, messages=question, extra_headers={"Cloister-Data-Label": "nope"})


def test_a_trial_asks_every_budget_and_takes_nothing(at: Door) -> None:
    kim = at.ada.adds("kim@harrow.example", identity.Role.MEMBER).caller.user_id
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        limits = budgets.Limits(soft=1, hard=500)
        form = BudgetForm("Kim's", Subject(SubjectKind.PERSON, kim), Unit.TOKENS, Period.DAY, limits)
        budget = budgets.create_budget(tx, at.ada.caller, form, clock=at.house.clock)
    before = at.events()
    assert refusing(tries(at, answer_tokens=501, user_id=kim)) == [("budget", "")]
    for _ in range(3):
        assert tries(at, answer_tokens=499, user_id=kim).passes
    assert tries(at, "anthropic/claude", answer_tokens=501, endpoint=Endpoint.COUNT_TOKENS, user_id=kim).passes
    assert at.events() == before
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        assert budgets.get_standing(tx, at.ada.caller, budget.budget_id, clock=at.house.clock).counted == 0
        budgets.remove_budget(tx, at.ada.caller, budget.budget_id)


def test_a_trial_asks_for_the_hosts_of_tokens_too(at: Door) -> None:
    def refusing(model: str) -> list[str]:
        found = at.house.app.gate.try_call(at.ada.caller, Trying(Endpoint.MESSAGES, model))
        return [one.step.value for one in found.checks if not one.passes]

    assert refusing("bedrock/eu.anthropic.claude-opus-5-v1:0") == []
    assert refusing("vertex/claude-opus-5@20261001") == ["host"]  # Google's own, which this house does not allow
