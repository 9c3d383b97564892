"""What a request asks for, as rules judge it; and the judgement, in the transaction that admits the call."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from appliance import dlp, policy
from appliance.gateway.endpoints import Endpoint
from appliance.gateway.estimating import answer_bound
from appliance.gateway.requests import Parsed
from appliance.identity import Caller
from appliance.kernel.db import Tx
from appliance.kernel.questions import ask
from appliance.policy import Asked, Call, Contract, LabelUnknown, Place, Rules
from appliance.vault.providing import ModelProvider

LABEL_HEADER: Final = "cloister-data-label"
_TYPED: Final = "type:"
_FUNCTIONS: Final = {None, "function", "custom"}
_UNNAMED: Final = "type:unknown"
# Tools that are asked for by a field of their own.
_FIELDS: Final = ("web_search_options", "container", "plugins")


def asked_of(endpoint: Endpoint, name: str, parsed: Parsed, headers: Mapping[str, str]) -> Asked:
    """Return what a request asks for. Raises RequestMalformed."""
    return Asked(
        name, where(endpoint), tuple(dict.fromkeys(_tools(parsed.body))), answer_bound(endpoint, parsed),
        tuple(labels_said(headers.get(LABEL_HEADER, ""))),
    )  # fmt: skip


def where(endpoint: Endpoint) -> str:
    """Return an endpoint as keys name it."""
    return endpoint.value.removeprefix("/v1/")


def labels_said(header: str) -> list[str]:
    """Return the labels of a header: separated by commas, in UTF-8 as far as it is that."""
    try:
        said = header.encode("latin-1").decode()
    except UnicodeError:
        said = header
    found = (" ".join(one.split()) for one in said.split(","))
    return list(dict.fromkeys(one for one in found if one))


def admit(tx: Tx, caller: Caller, call: Call, now: datetime) -> tuple[Rules, dlp.Policy]:
    """Return the organisation's rules if they let the call pass, wherever it goes, and its policy on data. Raises the refusal of the first that does not."""
    rules, on_data = ask(tx, policy.loading(), dlp.policy_asked())
    admit_by(rules, caller, call, now)
    return rules, on_data


def admit_by(rules: Rules, caller: Caller, call: Call, now: datetime) -> None:
    """Raise the refusal of the first rule that does not let the call pass, wherever it goes."""
    check_labels(call.asked.labels, rules)
    policy.decide(policy.judge(call, rules, groups=caller.groups, limits=caller.limits, now=now), call)


def admit_place(rules: Rules, caller: Caller, call: Call, provider: ModelProvider, now: datetime) -> tuple[Contract, ...]:
    """Return the contracts that the call runs under, if the rules let it go to this provider. Raises a refusal."""
    place = place_of(provider)
    policy.decide(policy.judge_place(call, rules, place, groups=caller.groups, now=now), call)
    return rules.in_force(place, now)


def place_of(provider: ModelProvider) -> Place:
    """Return where a provider is, as rules see it."""
    return Place(provider.provider_id, provider.base_url, provider.region)


def check_labels(labels: Iterable[str], rules: Rules) -> None:
    """Raise LabelUnknown for a label of which nothing is said: mistyped, it would demand nothing."""
    for one in labels:
        if one.casefold() not in rules.labels:
            raise LabelUnknown(label=one[:40])


def _tools(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tools: the program's functions by their name, all others by `type:` and their type."""
    yield from _of_list(body.get("tools"))
    functions = body.get("functions")
    if isinstance(functions, list):
        functions = [{"type": "function", "function": one} for one in functions]
    yield from _of_list(functions)
    for item in body["input"] if isinstance(body.get("input"), list) else ():  # found or added in the conversation
        if isinstance(item, Mapping):
            yield from _of_list(item.get("tools"))
    for name in _FIELDS:
        if body.get(name):
            yield _TYPED + name


def _of_list(tools: Any) -> Iterator[str]:
    if tools and not isinstance(tools, list):  # whoever takes it may read it as one tool
        yield _UNNAMED
    for one in tools if isinstance(tools, list) else ():
        tool = one if isinstance(one, Mapping) else {}
        kind = tool.get("type")
        if isinstance(tool.get("tools"), list):  # a namespace of them
            yield from _of_list(tool["tools"])
        elif kind in _FUNCTIONS:
            inner = tool.get(str(kind))
            yield _function(inner if isinstance(inner, Mapping) else tool)
        else:
            yield _TYPED + str(kind)[:120] if isinstance(kind, str) else _UNNAMED


def _function(tool: Mapping[str, Any]) -> str:
    name = tool.get("name")
    return name[:120] if isinstance(name, str) and name else _UNNAMED
