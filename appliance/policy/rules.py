"""Whether a call may be made: pure functions over the call and all that the organisation says of calls.

Every rule is asked, and all must let the call pass; each says why, so that an administrator can be shown all of them.
What stays on this host passes the rules about where calls go.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from appliance.identity import GroupId, TokenLimits
from appliance.kernel.errors import Refusal
from appliance.kernel.patterns import fits
from appliance.policy import reasons
from appliance.policy.errors import CallRuleRefused, ContractMissing, Judged, KeyLimited, ModelNotAllowed
from appliance.policy.values import (
    EVERY_MODEL,
    NO_TOOLS,
    TYPED,
    Allowed,
    Aspect,
    Call,
    DataLabel,
    Hours,
    Place,
    Rule,
    Rules,
    Source,
    Term,
    Verdict,
)

NOTHING_LIMITED: Final = TokenLimits()
_REFUSALS: Final[dict[Source, type[Judged]]] = {Source.KEY: KeyLimited, Source.RULE: CallRuleRefused, Source.LABEL: ContractMissing}


def judge(
    call: Call, rules: Rules, *, groups: Collection[GroupId], limits: TokenLimits = NOTHING_LIMITED, now: datetime
) -> list[Verdict]:
    """Return what is said of a call before it is known where it goes; `limits` are the key's own.

    Deny by default: a model that is not in the catalogue does not pass, nor one that would leave this host unless the
    organisation allows that provider's model.
    """
    found = [*_of_key(call, limits), *_of_allowed(call, rules)]
    for rule in rules_for(rules, groups):
        found += _of_rule(call, rule, now)
    return found


def judge_place(call: Call, rules: Rules, place: Place, *, groups: Collection[GroupId], now: datetime) -> list[Verdict]:
    """Return what is said of where a call goes: its region, and what contracts grant there."""
    contracts = rules.in_force(place, now)
    region = place.region or next((one.region for one in contracts if one.region), None)
    found = [_of_region(call, rule, region) for rule in rules_for(rules, groups) if rule.limits.regions]
    granted = {term for one in contracts for term in one.terms}
    labels = (rules.labels.get(label.casefold()) for label in call.asked.labels)
    return found + [_of_label(call, label, granted) for label in labels if label is not None]


def decide(verdicts: Iterable[Verdict], call: Call) -> None:
    """Raise the refusal of the first verdict that lets the call not pass; it names the rule."""
    for one in verdicts:
        if not one.passes:
            raise _refusal(one, call)


def rules_for(rules: Rules, groups: Collection[GroupId]) -> Iterator[Rule]:
    """Yield the rules of everybody, and of these groups."""
    return (one for one in rules.rules if one.group_id is None or one.group_id in groups)


def may_ask(names: Collection[str], provider: str | None, rules: Rules, *, groups: Collection[GroupId], limits: TokenLimits) -> bool:
    """Say whether a model by one of these names may be asked for at all, whatever is asked of it; provider None: here."""
    if limits.models and not fits(limits.models, names):
        return False
    if provider is None:
        return True
    return all(
        (not one.limits.providers or provider in one.limits.providers)
        and (not one.limits.models or fits(one.limits.models, names))
        for one in rules_for(rules, groups)
    )


def _refusal(verdict: Verdict, call: Call) -> Refusal:
    if verdict.source is Source.ALLOWED:
        return ModelNotAllowed(model=call.model, rule=str(verdict).removesuffix("."))
    facts = {"rule": verdict.rule or verdict.aspect.value, "aspect": verdict.aspect.value, "reason": str(verdict)}
    refusal = _REFUSALS[verdict.source](**facts)
    refusal.verdict = verdict
    return refusal


def _names(call: Call) -> tuple[str, ...]:
    return tuple(filter(None, (call.asked.name, f"{call.provider}/{call.model}")))


def _of_key(call: Call, limits: TokenLimits) -> Iterator[Verdict]:
    if limits.endpoints:
        listed = call.asked.endpoint in limits.endpoints
        yield _listed(Source.KEY, Aspect.ENDPOINT, call.asked.endpoint, listed)
    if limits.models:
        yield _listed(Source.KEY, Aspect.MODELS, call.asked.name or call.model, fits(limits.models, _names(call)))


def _of_allowed(call: Call, rules: Rules) -> Iterator[Verdict]:
    if not call.is_known:
        yield Verdict(Source.ALLOWED, Aspect.MODELS, False, reasons.UNKNOWN_MODEL)
    elif call.is_local:
        yield Verdict(Source.ALLOWED, Aspect.MODELS, True, reasons.HERE)
    else:
        wanted = {Allowed(call.provider, call.model), Allowed(call.provider, EVERY_MODEL)}
        is_allowed = not wanted.isdisjoint(rules.allowed)
        reason = reasons.IS_ALLOWED if is_allowed else reasons.NOT_ALLOWED
        yield Verdict(Source.ALLOWED, Aspect.MODELS, is_allowed, reason, {"value": f"{call.provider}/{call.model}"})


def _of_rule(call: Call, rule: Rule, now: datetime) -> Iterator[Verdict]:
    limits = rule.limits
    if limits.providers:
        yield _unless_here(call, rule, Aspect.PROVIDERS, call.provider, call.provider in limits.providers)
    if limits.models:
        named = f"{call.provider}/{call.model}"
        yield _unless_here(call, rule, Aspect.MODELS, named, fits(limits.models, _names(call)))
    if limits.labels:
        yield _of_labels(call, rule)
    if limits.tools:
        yield _of_tools(call, rule)
    if limits.most_answer_tokens is not None:
        yield _of_tokens(call, rule, limits.most_answer_tokens)
    if limits.hours.are_limited:
        yield _of_hours(rule, limits.hours, now)


def _listed(source: Source, aspect: Aspect, value: str, is_listed: bool, rule: str = "") -> Verdict:
    reason = reasons.LISTED if is_listed else reasons.UNLISTED
    return Verdict(source, aspect, is_listed, reason, {"value": value}, rule)


def _unless_here(call: Call, rule: Rule, aspect: Aspect, value: str, is_listed: bool) -> Verdict:
    if call.is_local:
        return Verdict(Source.RULE, aspect, True, reasons.HERE, rule=rule.name)
    return _listed(Source.RULE, aspect, value, is_listed, rule.name)


def _of_labels(call: Call, rule: Rule) -> Verdict:
    """A call must say its label where a rule lists some: what says none could be anything."""
    if call.is_local:
        return Verdict(Source.RULE, Aspect.LABELS, True, reasons.HERE, rule=rule.name)
    if not call.asked.labels:
        return Verdict(Source.RULE, Aspect.LABELS, False, reasons.NO_LABEL, rule=rule.name)
    listed = {one.casefold() for one in rule.limits.labels}
    other = [one for one in call.asked.labels if one.casefold() not in listed]
    return _listed(Source.RULE, Aspect.LABELS, ", ".join(other or call.asked.labels), not other, rule.name)


def _of_tools(call: Call, rule: Rule) -> Verdict:
    tools = call.asked.tools
    if not tools:
        return Verdict(Source.RULE, Aspect.TOOLS, True, reasons.WITHOUT_TOOLS, rule=rule.name)
    if rule.limits.tools == (NO_TOOLS,):
        return Verdict(Source.RULE, Aspect.TOOLS, False, reasons.NO_TOOL, {"value": tools[0]}, rule.name)
    other = [one for one in tools if not _fits_tool(rule.limits.tools, one)]
    return _listed(Source.RULE, Aspect.TOOLS, ", ".join(other or tools), not other, rule.name)


def _fits_tool(entries: Iterable[str], tool: str) -> bool:
    """A function of the program's never opens the way for what a provider runs, however an entry ends."""
    is_typed = tool.startswith(TYPED)
    return fits((one for one in entries if one.startswith(TYPED) == is_typed), (tool,))


def _of_tokens(call: Call, rule: Rule, most: int) -> Verdict:
    if call.is_local:
        return Verdict(Source.RULE, Aspect.TOKENS, True, reasons.HERE, rule=rule.name)
    asked = call.asked.answer_tokens
    if asked is None:
        return Verdict(Source.RULE, Aspect.TOKENS, False, reasons.UNBOUNDED, {"most": most}, rule.name)
    if asked < 0:
        return Verdict(Source.RULE, Aspect.TOKENS, True, reasons.NO_ANSWER, rule=rule.name)
    reason = reasons.WITHIN if asked <= most else reasons.ABOVE
    return Verdict(Source.RULE, Aspect.TOKENS, asked <= most, reason, {"asked": asked, "most": most}, rule.name)


def _of_hours(rule: Rule, hours: Hours, now: datetime) -> Verdict:
    local = now.astimezone(ZoneInfo(hours.zone or "UTC"))
    facts = {"moment": f"{local:%Y-%m-%d %H:%M}", "zone": hours.zone or "UTC",
             "hours": f"{hours.starts or '00:00'}–{hours.ends or '24:00'}"}  # fmt: skip
    days = set(hours.weekdays) or set(range(1, 8))
    is_day, is_time = local.isoweekday() in days, True
    if hours.starts is not None and hours.ends is not None and hours.starts != hours.ends:
        starts, ends, at = time.fromisoformat(hours.starts), time.fromisoformat(hours.ends), local.time()
        is_time = starts <= at < ends if starts < ends else at >= starts or at < ends
        if starts > ends and at < ends:  # of the night that began the day before
            is_day = (local - timedelta(days=1)).isoweekday() in days
    reason = reasons.IN_TIME if is_day and is_time else reasons.OUT_OF_TIME if is_day else reasons.OTHER_DAY
    return Verdict(Source.RULE, Aspect.HOURS, is_day and is_time, reason, facts, rule.name)


def _of_region(call: Call, rule: Rule, region: str | None) -> Verdict:
    if call.is_local:
        return Verdict(Source.RULE, Aspect.REGIONS, True, reasons.HERE, rule=rule.name)
    if region is None:
        return Verdict(Source.RULE, Aspect.REGIONS, False, reasons.NO_REGION, {"provider": call.provider}, rule.name)
    is_listed = fits(map(str.casefold, rule.limits.regions), (region.casefold(),))
    return _listed(Source.RULE, Aspect.REGIONS, region, is_listed, rule.name)


def _of_label(call: Call, label: DataLabel, granted: Collection[Term]) -> Verdict:
    def verdict(reason: str, *, passes: bool) -> Verdict:
        terms = ", ".join(label.terms)
        facts = {"label": label.label, "provider": call.provider, "terms": terms}
        return Verdict(Source.LABEL, Aspect.TERMS, passes, reason, facts, label.label)

    if call.is_local:
        return verdict(reasons.HERE, passes=True)
    if label.stays:
        return verdict(reasons.STAYS, passes=False)
    if not label.terms:
        return verdict(reasons.NOTHING_DEMANDED, passes=True)
    is_granted = set(label.terms) <= set(granted)
    return verdict(reasons.GRANTED if is_granted else reasons.NOT_GRANTED, passes=is_granted)
