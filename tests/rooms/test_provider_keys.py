"""Keys to model providers: sealed, lent by weight, revoked at once, kept apart; on real Postgres, as the app's role."""

from appliance.vault.providing import ProviderKind, lend, list_providers, note_error
from appliance.vault.providing.credentials import read_key
from appliance.vault.providing.destinations import ProviderForm, checked
from appliance.vault.providing.service import KeyTerms, NewKey, create_provider
from tests.support.house import House, Member

KEY = "sk-live-4711-0815-abcdefgh-wxyz"


def given(
    text: str = KEY, *, kind: ProviderKind = ProviderKind.OPENAI, label: str = "first", weight: int = 1, **terms: object
) -> NewKey:
    return NewKey(read_key(kind, text), KeyTerms(label, weight, **terms))  # type: ignore[arg-type]


def has(member: Member, name: str = "openai", text: str = KEY):
    services = member.services
    with services.db.tenant(member.tenant_id) as tx:
        form = checked(ProviderForm(name, ProviderKind.OPENAI))
        return create_provider(tx, member.caller, services.vault, form, given(text), clock=member.house.clock)


def borrows(member: Member, name: str = "openai"):
    services = member.services
    with services.db.tenant(member.tenant_id) as tx:
        return lend(tx, services.vault, name, clock=member.house.clock)


def test_it_lends_what_was_given_and_counts_it(ada: Member) -> None:
    has(ada)
    lent = borrows(ada)
    borrows(ada)

    assert lent.secret.reveal() == KEY
    with ada.services.db.tenant(ada.tenant_id) as tx:
        note_error(tx, lent.key_id, "provider_refused", clock=ada.house.clock)
        (found,) = list_providers(tx, ada.caller)
    (key,) = found.keys
    assert (key.uses, key.last_four, key.last_error, key.last_used_at) == (
        2,
        "wxyz",
        "provider_refused",
        ada.house.clock.now(),
    )
    assert KEY not in repr((lent, found))


def test_it_lends_a_shared_key_to_whoever_may(house: House, ada: Member, bo: Member) -> None:
    olga = house.operator("olga@platform.example")
    has(olga, "shared")
    assert borrows(ada, "shared").secret.reveal() == KEY
    borrows(bo, "shared")
    with olga.services.db.tenant(olga.tenant_id) as tx:
        (found,) = list_providers(tx, olga.caller)
    assert found.keys[0].uses == 2
    with olga.services.db.tenant(ada.tenant_id) as tx:
        (found,) = list_providers(tx, ada.caller)
    assert found.is_shared
    assert found.keys == ()
