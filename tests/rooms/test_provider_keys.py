"""Keys to model providers: sealed, lent by weight, revoked at once, kept apart; on real Postgres, as the app's role."""

import copy
import json
import pickle
from collections import Counter
from dataclasses import asdict
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from appliance.audit import PLATFORM, Entry, list_entries
from appliance.identity import Forbidden, Role, StepUpRequired
from appliance.kernel.sealing import IntegrityError
from appliance.vault.providing import (
    OwnKeys,
    ProviderKind,
    Secret,
    lend,
    note_error,
    service,
)
from appliance.vault.providing.credentials import read_key
from appliance.vault.providing.desk import KeyForm
from appliance.vault.providing.destinations import ProviderForm
from appliance.vault.providing.errors import (
    KeyNeededAgain,
    KeyNotNeeded,
    NoProviderKey,
    OwnKeysForbidden,
    OwnKeysRequired,
    ProviderChanged,
    ProviderKeyKnown,
    ProviderKeyMasked,
    ProviderKeyNotFound,
    ProviderKeyNotShown,
    ProviderKeyRevoked,
    ProviderNotFound,
)
from appliance.vault.providing.expiry import remind
from appliance.vault.providing.rules import set_own_keys
from appliance.vault.providing.service import KeyTerms
from appliance.vault.rotation import begin_rotation, finish_rotations, rotate
from appliance.vault.values import Level
from tests.support.house import House, Member, Server
from tests.support.providing import KEY, OTHER, adds, borrows, has, providers_of, revokes

AZURE = "https://harrow.openai.azure.com"


def rules(olga: Member, member: Member, rule: OwnKeys) -> None:
    with olga.services.db.tenant(PLATFORM) as tx:
        set_own_keys(tx, olga.caller, member.tenant_id, rule)


def entries(member: Member, event: str) -> list[Entry]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return [one for one in list_entries(tx) if one.event == f"vault:{event}"]


def test_it_lends_what_was_given_and_counts_it(ada: Member) -> None:
    (given,) = has(ada).keys
    lent = borrows(ada)
    borrows(ada)

    assert (lent.secret.reveal(), lent.fingerprint) == (KEY, given.fingerprint)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        note_error(tx, lent.key_id, "provider_refused", clock=ada.house.clock)
    ((key,),) = [one.keys for one in providers_of(ada)]
    now = ada.house.clock.now()
    assert (key.uses, key.last_four, key.last_error, key.last_used_at) == (2, "wxyz", "provider_refused", now)
    assert (key.created_by, key.check_code) == (ada.caller.user_id, None)
    assert KEY not in repr((lent, providers_of(ada)))


def test_a_secret_is_no_text_and_is_gone_after_use(ada: Member) -> None:
    has(ada)
    lent = borrows(ada)
    content = lent.secret.content
    with lent.secret as secret:
        for copied in (str, pickle.dumps, copy.copy, copy.deepcopy, json.dumps, "{}".format):
            with pytest.raises(TypeError):
                copied(secret)
        with pytest.raises(TypeError):
            asdict(lent)
    assert content == b""
    assert repr(Secret.of(KEY)) == "<secret>"


def test_it_lends_by_weight(ada: Member) -> None:
    provider = has(ada)
    heavy = adds(ada, provider, weight=4)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        lent = Counter(lend(tx, ada.services.vault, "openai", clock=ada.house.clock).key_id for _ in range(60))
    assert 30 < lent[heavy.key_id] < 60
    assert sum(lent.values()) == sum(key.uses for one in providers_of(ada) for key in one.keys) == 60


def test_a_revoked_key_is_refused_by_another_connection_at_once_and_is_erased(ada: Member, database: str) -> None:
    provider = has(ada)
    other, elsewhere = adds(ada, provider), ada.house.worker
    revokes(ada, provider, provider.keys[0])
    with elsewhere.db.tenant(ada.tenant_id) as tx:
        lent = {lend(tx, elsewhere.vault, "openai", clock=ada.house.clock).key_id for _ in range(5)}
    assert lent == {other.key_id}
    revokes(ada, provider, other)
    with elsewhere.db.tenant(ada.tenant_id) as tx, pytest.raises(NoProviderKey):
        lend(tx, elsewhere.vault, "openai", clock=ada.house.clock)

    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert tx.scalar(text("SELECT count(*) FROM provider_keys WHERE sealed IS NOT NULL")) == 0
    with pytest.raises(ProviderKeyRevoked):
        revokes(ada, provider, other)
    assert [one.subject for one in entries(ada, "provider_key:destroyed")] == [
        str(other.key_id),
        str(provider.keys[0].key_id),
    ]


def test_an_expired_key_is_not_lent(ada: Member) -> None:
    provider = has(ada)
    revokes(ada, provider, provider.keys[0])
    adds(ada, provider, days=3)
    borrows(ada)
    ada.house.clock.passes(days=3, seconds=1)
    with pytest.raises(NoProviderKey):
        borrows(ada)


def test_a_replaced_key_keeps_its_place_and_the_former_one_ends(ada: Member) -> None:
    provider = has(ada)
    with pytest.raises(ProviderKeyKnown):
        adds(ada, provider, KEY)
    form = KeyForm(OTHER, KeyTerms("-"), is_checked=False)
    made = ada.services.desk.replace_key(ada.caller, provider.provider_id, provider.keys[0].key_id, form)
    assert (made.label, made.last_four) == ("first", "efgh")
    assert borrows(ada).secret.reveal() == OTHER
    with pytest.raises(ProviderKeyRevoked):
        ada.services.desk.replace_key(ada.caller, provider.provider_id, provider.keys[0].key_id, form)
    (entry,) = entries(ada, "provider_key:replaced")
    assert (entry.subject, entry.facts["by"]) == (str(provider.keys[0].key_id), str(made.key_id))


MASKS = ["••••wxyz", "…wxyz", "****************wxyz", "...wxyz", "sk-l****wxyz", "XXXXXXXXwxyz", "----wxyz"]


def test_a_mask_that_comes_back_overwrites_nothing(ada: Member) -> None:
    provider = has(ada, "azure", kind=ProviderKind.AZURE_OPENAI, base_url=AZURE)
    desk, moved = ada.services.desk, ProviderForm("azure", provider.kind, "https://evil.example")
    for masked in MASKS:
        mask = KeyForm(masked, KeyTerms("first"), is_checked=False)
        with pytest.raises(ProviderKeyMasked):
            desk.add_key(ada.caller, provider.provider_id, mask)
        with pytest.raises(ProviderKeyMasked):
            desk.replace_key(ada.caller, provider.provider_id, provider.keys[0].key_id, mask)
        with pytest.raises(KeyNeededAgain):
            desk.change(ada.caller, provider.provider_id, moved, mask)
        desk.change(ada.caller, provider.provider_id, ProviderForm("azure", provider.kind, AZURE), mask)
    assert borrows(ada, "azure").secret.reveal() == KEY


def test_another_address_takes_the_key_again_and_ends_the_others(ada: Member) -> None:
    provider = has(ada, "azure", kind=ProviderKind.AZURE_OPENAI, base_url=AZURE)
    adds(ada, provider)
    moved = ProviderForm("azure", provider.kind, "https://elsewhere.openai.azure.com")
    desk = ada.services.desk
    with pytest.raises(KeyNeededAgain):
        desk.change(ada.caller, provider.provider_id, moved, None)
    with pytest.raises(KeyNotNeeded):
        desk.change(
            ada.caller,
            provider.provider_id,
            ProviderForm("x", provider.kind, AZURE),
            KeyForm("sk-other", KeyTerms("k"), is_checked=False),
        )
    assert borrows(ada, "azure").provider.base_url == AZURE

    desk.change(
        ada.caller, provider.provider_id, moved, KeyForm("sk-anew-0123456789", KeyTerms("anew"), is_checked=False)
    )
    lent = borrows(ada, "azure")
    assert (lent.provider.base_url, lent.secret.reveal()) == (moved.base_url, "sk-anew-0123456789")
    (found,) = providers_of(ada)
    assert [key.label for key in found.keys if key.revoked_at is None] == ["anew"]


def test_a_key_that_was_given_for_one_address_is_not_sealed_for_another(ada: Member) -> None:
    provider = has(ada, "azure", kind=ProviderKind.AZURE_OPENAI, base_url=AZURE)
    form = KeyForm(OTHER, KeyTerms("late"), is_checked=False, address="https://what-the-page-said.example")
    with pytest.raises(ProviderChanged):
        ada.services.desk.add_key(ada.caller, provider.provider_id, form)
    before = ProviderForm("azure", provider.kind, "https://before.example")
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(ProviderChanged):
        new = service.NewKey(read_key(provider.kind, OTHER), KeyTerms("late"))
        service.add_key(
            tx, ada.caller, ada.services.vault, provider.provider_id, new, expected=before, clock=ada.house.clock
        )


def test_a_sealed_key_that_was_put_elsewhere_does_not_open(
    ada: Member, bo: Member, server: Server, database: str
) -> None:
    mine, theirs = [has(ada, name, f"sk-{name}-0123456789") for name in ("a", "b", "c", "d")], has(bo)
    key = [one.keys[0].key_id for one in (*mine, theirs)]
    with server.connect("boot", database) as boot:
        sealed = "UPDATE cloister.provider_keys SET sealed = (SELECT sealed FROM cloister.provider_keys WHERE key_id = %s) WHERE key_id = %s"
        boot.execute(sealed, [key[1], key[0]])  # of another row
        boot.execute(sealed, [key[4], key[1]])  # of another organisation
        boot.execute("DELETE FROM cloister.provider_keys WHERE key_id = %s", [key[3]])
        boot.execute(
            "UPDATE cloister.provider_keys SET provider_id = %s WHERE key_id = %s", [mine[3].provider_id, key[2]]
        )
    for name in ("a", "b", "d"):
        with pytest.raises(IntegrityError):
            borrows(ada, name)
    with pytest.raises(NoProviderKey):
        borrows(ada, "c")


def test_a_key_is_sent_nowhere_else_whoever_changes_the_database(ada: Member, server: Server, database: str) -> None:
    for name in ("a", "b", "c"):
        has(ada, name)
    with server.connect("boot", database) as boot:
        boot.execute("UPDATE cloister.model_providers SET base_url = 'https://evil.example' WHERE name = 'a'")
        boot.execute("UPDATE cloister.model_providers SET kind = 'openai_compatible' WHERE name = 'b'")
        boot.execute("UPDATE cloister.model_providers SET region = 'x' WHERE name = 'c'")
    for name in ("a", "b", "c"):
        with pytest.raises(IntegrityError):
            borrows(ada, name)


def test_a_rotation_seals_provider_keys_and_their_fingerprints_anew(ada: Member) -> None:
    provider = has(ada)
    worker = ada.house.worker
    with ada.services.db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, Level.DEK)
    rotate(worker.db, worker.vault, worker.shelves, ada.tenant_id)
    finish_rotations(worker.db, worker.vault, worker.shelves, ada.tenant_id, grace=timedelta(0))

    assert borrows(ada).secret.reveal() == KEY
    with pytest.raises(ProviderKeyKnown):  # so the fingerprint is the same
        adds(ada, provider, KEY)


def test_a_fingerprint_is_the_same_in_an_organisation_and_says_nothing_to_others(
    ada: Member, bo: Member, house: House
) -> None:
    olga = house.operator("olga@platform.example")
    prints = [has(one, name).keys[0].fingerprint for one, name in ((ada, "a"), (ada, "b"), (bo, "a"), (olga, "a"))]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_one_organisation_neither_sees_nor_borrows_nor_changes_anothers(ada: Member, bo: Member) -> None:
    provider = has(ada)
    assert providers_of(bo) == []
    with pytest.raises(ProviderNotFound):
        borrows(bo)
    with pytest.raises(ProviderNotFound):
        revokes(bo, provider, provider.keys[0])
    with pytest.raises(ProviderNotFound):
        bo.services.desk.check(bo.caller, provider.provider_id, provider.keys[0].key_id)
    mine = has(bo)
    with pytest.raises(ProviderKeyNotFound):
        revokes(bo, mine, provider.keys[0])


def test_it_lends_a_shared_key_by_its_name_and_shows_nothing_of_it(house: House, ada: Member, bo: Member) -> None:
    olga = house.operator("olga@platform.example")
    shared = has(olga, "shared")
    lent = borrows(ada, "shared")
    borrows(bo, "shared")
    assert (lent.secret.reveal(), lent.provider.is_shared) == (KEY, True)
    assert providers_of(olga)[0].keys[0].uses == 2  # of all organisations together

    (seen,) = providers_of(ada)
    assert (seen.is_shared, seen.keys) == (True, ())
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert tx.scalar(text("SELECT count(*) FROM provider_keys")) == 0
        assert tx.scalar(text("SELECT count(*) FROM model_providers")) == 0
        assert (
            tx.execute(text("SELECT * FROM shared_key_uses(ARRAY[:id]::uuid[])"), {"id": shared.keys[0].key_id}).all()
            == []
        )
        assert tx.execute(text("SELECT * FROM list_own_keys()")).all() == []
    revokes(olga, shared, shared.keys[0])
    with pytest.raises(NoProviderKey):
        borrows(ada, "shared")


def test_ones_own_provider_comes_before_a_shared_one_of_its_name(house: House, ada: Member) -> None:
    olga = house.operator("olga@platform.example")
    has(olga, "openai", OTHER)
    mine = has(ada, "openai", KEY)
    assert borrows(ada).secret.reveal() == KEY
    revokes(ada, mine, mine.keys[0])
    with pytest.raises(NoProviderKey):  # no silent change of who pays
        borrows(ada)


def test_an_organisation_may_be_forbidden_its_own_keys_or_bound_to_them(house: House, ada: Member) -> None:
    olga = house.operator("olga@platform.example")
    has(olga, "openai", OTHER)
    has(olga, "shared")
    provider = has(ada)
    has(ada, "alone", "sk-alone-0123456789")
    rules(olga, ada, OwnKeys.FORBIDDEN)
    assert borrows(ada).secret.reveal() == OTHER
    for refused in (lambda: borrows(ada, "alone"), lambda: has(ada, "new"), lambda: adds(ada, provider)):
        with pytest.raises(OwnKeysForbidden):
            refused()
    with pytest.raises(OwnKeysForbidden):
        ada.services.desk.check(ada.caller, provider.provider_id, provider.keys[0].key_id)

    rules(olga, ada, OwnKeys.REQUIRED)
    assert borrows(ada).secret.reveal() == KEY
    assert {one.is_shared for one in providers_of(ada)} == {False}
    with pytest.raises(OwnKeysRequired):
        borrows(ada, "shared")
    with ada.services.db.tenant(ada.tenant_id) as tx:  # and the database says no, too
        assert tx.execute(text("SELECT * FROM lend_shared_key('shared', now())")).all() == []


def test_nobody_is_reminded_of_keys_that_may_not_be_replaced(house: House, ada: Member) -> None:
    adds(ada, has(ada), days=10)
    olga = house.operator("olga@platform.example")
    for rule, reminded in ((OwnKeys.FORBIDDEN, 0), (OwnKeys.ALLOWED, 1), (OwnKeys.ALLOWED, 0)):
        rules(olga, ada, rule)
        with ada.services.db.tenant(ada.tenant_id) as tx:
            assert len(remind(tx, clock=house.clock)) == reminded


def test_no_organisation_lifts_the_operators_rule(house: House, ada: Member) -> None:
    rules(house.operator("olga@platform.example"), ada, OwnKeys.REQUIRED)
    for db in (house.app.db, house.worker.db):
        with pytest.raises(DBAPIError), db.tenant(ada.tenant_id) as tx:
            tx.execute(text("UPDATE provider_rules SET own_keys = 'allowed'"))
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert tx.scalar(text("SELECT set_own_keys(:id, 'allowed')"), {"id": ada.tenant_id}) is False
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(Forbidden):
        set_own_keys(tx, ada.caller, ada.tenant_id, OwnKeys.ALLOWED)


def test_a_reveal_is_refused_and_recorded(ada: Member) -> None:
    provider = has(ada)
    with pytest.raises(ProviderKeyNotShown):
        ada.services.desk.refuse_reveal(ada.caller, provider.provider_id, provider.keys[0].key_id)
    (entry,) = entries(ada, "provider_key:reveal_refused")
    assert (entry.subject, entry.outcome.value) == (str(provider.keys[0].key_id), "failure")


def test_a_removed_provider_takes_its_keys_along_and_frees_its_name(ada: Member) -> None:
    provider = has(ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        service.remove_provider(tx, ada.caller, provider.provider_id, clock=ada.house.clock)
    with pytest.raises(ProviderNotFound):
        borrows(ada)
    has(ada, key=OTHER)
    assert borrows(ada).secret.reveal() == OTHER


def test_it_asks_for_a_fresh_proof_and_lets_members_see_nothing(ada: Member) -> None:
    provider = has(ada)
    stale = Member(ada.house, ada.caller.__class__(**{**vars(ada.caller), "is_recent": False}))
    with pytest.raises(StepUpRequired):
        adds(stale, provider)
    for role in (Role.MEMBER, Role.AUDITOR):
        person = ada.adds(f"{role.value}@harrow.example", role)
        with pytest.raises(Forbidden):
            adds(person, provider)
        with pytest.raises(Forbidden):
            providers_of(person)


def test_nothing_of_a_key_stands_in_the_log_or_the_database(ada: Member, server: Server, database: str) -> None:
    provider = has(ada)
    borrows(ada)
    revokes(ada, provider, adds(ada, provider))
    with server.connect("boot", database) as boot:
        for (table,) in boot.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'cloister'::regnamespace AND relkind = 'r'"
        ).fetchall():
            (found,) = boot.execute(
                f"SELECT count(*) FROM cloister.{table} t WHERE t::text LIKE '%4711-0815%' OR t::text LIKE '%{b'4711-0815'.hex()}%'"
            ).fetchone() or (1,)
            assert found == 0, table
