"""Providers and keys of somebody's organisation, for the tests."""

from datetime import timedelta

from appliance.vault.providing import Lent, ModelProvider, ProviderKey, ProviderKind, lend, list_providers, service
from appliance.vault.providing.desk import KeyForm
from appliance.vault.providing.destinations import ProviderForm
from appliance.vault.providing.service import KeyTerms
from tests.support.house import Member

KEY, OTHER = "sk-live-4711-0815-abcdefgh-wxyz", "sk-live-9999-1234-ijklmnop-efgh"


def has(
    member: Member, name: str = "openai", key: str = KEY, *, kind: ProviderKind = ProviderKind.OPENAI, **form: str
) -> ModelProvider:
    """Give a provider, unchecked: nothing leaves this house."""
    chosen = KeyForm(key, KeyTerms("first"), is_checked=False)
    return member.services.desk.create(member.caller, ProviderForm(name, kind, **form), chosen)


def adds(
    member: Member, provider: ModelProvider, key: str = OTHER, *, days: int | None = None, weight: int = 1
) -> ProviderKey:
    ends = None if days is None else member.house.clock.now() + timedelta(days=days)
    form = KeyForm(key, KeyTerms("second", weight, ends), is_checked=False)
    return member.services.desk.add_key(member.caller, provider.provider_id, form)


def borrows(member: Member, name: str = "openai") -> Lent:
    with member.services.db.tenant(member.tenant_id) as tx:
        return lend(tx, member.services.vault, name, clock=member.house.clock)


def providers_of(member: Member) -> list[ModelProvider]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return list_providers(tx, member.caller)


def revokes(member: Member, provider: ModelProvider, key: ProviderKey) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        service.revoke_key(tx, member.caller, provider.provider_id, key.key_id, clock=member.house.clock)
