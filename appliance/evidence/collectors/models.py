"""Where data may go: providers, contracts, keys to them, and the rules in force."""

from dataclasses import asdict
from typing import Any, Final

from appliance import chat, policy
from appliance.dlp.history import latest
from appliance.dlp.policy_values import PolicyState
from appliance.dlp.wording import digest_of, to_stored
from appliance.evidence.sources import MONTH, YEAR, Sources
from appliance.evidence.values import Cell, Found, Gap
from appliance.gateway.errors import ModelNotFound
from appliance.gateway.naming import targets_of
from appliance.policy import Contract, Term
from appliance.vault.providing.values import ModelProvider

_LOCAL: Final = "local"


def data_flows(sources: Sources) -> Found:
    """Return each provider with the contracts that are about it as it stands."""
    contracts = sources.rules.contracts
    bots = _chatbots(sources)
    rows: list[tuple[Cell, ...]] = [(_LOCAL, _LOCAL, "", "", "", "", None, ", ".join(bots.get(_LOCAL, ())))]
    bare: list[str] = []
    for one in sources.providers:
        place = policy.Place(one.provider_id, one.base_url, one.region)
        found = [contract for contract in contracts if contract.covers(place)]
        rows += [(*_flow(one, contract), ", ".join(bots.get(one.name, ()))) for contract in (found or (None,))]
        if not any(Term.DPA in contract.terms and contract.is_in_force(sources.now) for contract in found):
            bare.append(one.name)
    gaps = [Gap("provider_without_contract", {"names": ", ".join(bare)})] if bare else []
    ending = sum(one.expires_at is not None and one.expires_at <= sources.now + MONTH for one in contracts)
    if ending:
        gaps.append(Gap("contract_expired", {"number": ending}))
    return Found(sources.now, rows, tuple(gaps))


def _chatbots(sources: Sources) -> dict[str, list[str]]:
    """Return the chatbots that people can talk to, by the providers that answer for them."""
    found: dict[str, list[str]] = {}
    for name, model in chat.published_models(sources.tx):
        try:
            targets = () if model == chat.QUOTES else targets_of(sources.tx, model)
        except ModelNotFound:  # its name is gone: it can be asked nothing
            continue
        for provider in dict.fromkeys(one.provider for one in targets) or (_LOCAL,):
            found.setdefault(provider, []).append(name)
    return found


def _flow(provider: ModelProvider, contract: Contract | None) -> tuple[Cell, ...]:
    terms = " ".join(sorted(contract.terms)) if contract else ""
    region = (contract.region if contract else None) or provider.region or ""
    reference, ends = (contract.reference, contract.expires_at) if contract else ("", None)
    return provider.name, provider.kind.value, provider.base_url, region, terms, reference, ends


def data_protection(sources: Sources) -> Found:
    """Return the policies on what is found in texts, the newest first, each with its digest: the log has it, too."""
    found = latest(sources.tx)
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        rules = [to_stored(rule) for rule in one.form.rules]
        said = f"rules={len(rules)}" + ("; needs_second" if one.form.needs_second else "")
        state = "active" if one.state is PolicyState.IN_FORCE else "past"
        digest = digest_of(rules, needs_second=one.form.needs_second)
        rows.append((str(one.version), state, one.in_force_at, one.asked_by, one.approved_by, said, digest))
    return Found(sources.now, rows, () if found else (Gap("no_dlp_policy"),))


def provider_keys(sources: Sources) -> Found:
    """Return the organisation's own keys to providers: everything but the keys."""
    rows: list[tuple[Cell, ...]] = []
    old = 0
    for provider in sources.providers:
        for key in provider.keys:
            rows.append(
                (provider.name, key.label, key.fingerprint, key.created_at, key.expires_at, key.last_used_at,
                 key.revoked_at, key.uses)
            )  # fmt: skip
            old += key.is_live(sources.now) and sources.now - key.created_at > YEAR
    return Found(sources.now, rows, (Gap("old_provider_keys", {"number": old}),) if old else ())


def ai_register(sources: Sources) -> Found:
    """Return the providers' models that may be called."""
    allowed = sorted((one.provider, one.model) for one in sources.rules.allowed)
    return Found(sources.now, [(_LOCAL, policy.EVERY_MODEL), *allowed])


def policies(sources: Sources) -> Found:
    """Return the rules on model calls, and what data labels demand."""
    rules = sources.rules
    rows: list[tuple[Cell, ...]] = []
    for rule in rules.rules:
        whom = f"group={rule.group_id}; " if rule.group_id else ""
        rows.append(("rule", rule.name, whom + _said(asdict(rule.limits))))
    labels = sorted(rules.labels.values(), key=lambda one: one.label)
    rows += [("label", one.label, _said({"terms": one.terms, "stays": one.stays or None})) for one in labels]
    return Found(sources.now, rows, () if rows else (Gap("no_policy"),))


def _said(limits: dict[str, Any]) -> str:
    parts = []
    for name, value in limits.items():
        if isinstance(value, dict):
            value = _said(value)  # noqa: PLW2901 - hours are limits in limits
        if value not in (None, (), ""):
            parts.append(f"{name}={' '.join(map(str, value)) if isinstance(value, tuple) else value}")
    return "; ".join(parts)
