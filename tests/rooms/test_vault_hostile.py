"""Who has the host's files, an old backup, or a token, and no key: what they try, and what the log says of it."""

import shutil
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from appliance.assembly import roots_of
from appliance.audit import Outcome
from appliance.identity import Role
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable, seal
from appliance.ops.key_findings import check_keys_open, check_root
from appliance.ops.preflight import Level
from appliance.vault import FirstFormat, KeyFiles, RootKeyUnusable, Vault
from appliance.vault.keyfiles import KekId
from appliance.vault.keyring import Keyring
from appliance.vault.providing import ProviderKind
from appliance.vault.providing.desk import KeyForm
from appliance.vault.providing.destinations import ProviderForm, checked
from appliance.vault.providing.errors import (
    BaseUrlMalformed,
    ProviderHostClosed,
    ProviderKeyMasked,
    ProviderKeyNotShown,
    ProviderNotFound,
)
from appliance.vault.providing.service import KeyTerms
from appliance.vault.values import End
from tests.rooms.test_provider_keys import entries
from tests.support.house import House, Member
from tests.support.opening import remote_roots
from tests.support.providing import KEY, borrows, has, providers_of
from tests.support.vault import PLACE, destroyed, only_file, opened_by, sealed_by


def first_kek(member: Member) -> KekId:
    sealed_by(member, b"sk-live-4711")
    (kek,) = member.services.vault.files.stored_of(member.tenant_id)
    return kek


def test_a_key_file_in_the_place_of_anothers_opens_nothing_from_the_cache_either(
    house: House, ada: Member, bo: Member, tmp_path: Path
) -> None:
    mine, theirs = first_kek(ada), first_kek(bo)
    shutil.copytree(house.settings.secrets, tmp_path / "copy")
    files = KeyFiles(tmp_path / "copy" / "keys", lambda: remote_roots(tmp_path / "copy"))
    files.open(mine)
    place = tmp_path / "copy" / "keys" / str(theirs.tenant_id) / f"{theirs.number}.key"
    place.unlink()
    shutil.copy(tmp_path / "copy" / "keys" / str(mine.tenant_id) / f"{mine.number}.key", place)

    with pytest.raises(IntegrityError):
        files.open(theirs)


@pytest.mark.parametrize("has_keys", [True, False])
def test_an_earlier_backup_of_before_there_were_data_keys_opens_nothing_after_destruction(
    house: House, ada: Member, has_keys: bool
) -> None:
    """Its files were sealed by the root itself, which is still there; its database knows of no destruction."""
    file_id, path = only_file(ada)
    context = b"blob\0" + ada.tenant_id.bytes + file_id.bytes
    old = seal(
        Keyring(house.settings.secrets / "root.key").tenant_key(ada.tenant_id), b"an old upload", context=context
    )
    with ada.services.db.tenant(ada.tenant_id) as tx:
        earlier = tx.execute(text("SELECT wrapped FROM data_keys")).one()
    eve = ada.adds("eve@harrow.example", Role.OWNER)
    house.owners_settle()
    for kek in destroyed(ada, eve):
        ada.services.vault.files.destroy(kek, End.ALL)
    path.write_bytes(old)
    with psycopg.connect(house.server.postgres.url(database=house.database)) as restoring:
        restoring.execute("SET session_replication_role = replica")  # no trigger sees a restore
        restoring.execute(
            "UPDATE cloister.data_keys SET wrapped = %s, state = 'active', destroyed_at = NULL WHERE tenant_id = %s",
            [earlier.wrapped, ada.tenant_id],
        )
        if not has_keys:
            restoring.execute("DELETE FROM cloister.data_keys WHERE tenant_id = %s", [ada.tenant_id])
            restoring.execute("DELETE FROM cloister.key_encryption_keys WHERE tenant_id = %s", [ada.tenant_id])

    with pytest.raises(KeyDestroyed):
        house.app.blobs.get(ada.tenant_id, file_id)
    with pytest.raises(KeyDestroyed):
        sealed_by(ada, b"something new")


def test_a_value_marked_as_of_the_first_format_is_an_alarm_where_the_root_is_elsewhere(
    house: House, ada: Member, tmp_path: Path
) -> None:
    """No message about a root.key that this house never had: somebody changed the first byte."""
    sealed = b"\1" + sealed_by(ada, b"sk-live-4711")[1:]
    elsewhere = Vault(house.app.db, ada.services.vault.files, clock=house.clock, first=FirstFormat(tmp_path / "root.key"))
    with pytest.raises(IntegrityError), house.app.db.tenant(ada.tenant_id) as tx:
        elsewhere.unseal(tx, sealed, PLACE)


def test_a_root_key_that_others_may_read_is_said_to_the_operator_and_to_nobody_else(house: House, ada: Member) -> None:
    sealed, root = sealed_by(ada, b"sk-live-4711"), house.settings.secrets / "root.key"
    root.chmod(0o440)
    with pytest.raises(KeyUnavailable) as refused:
        opened_by(ada, sealed)
    assert "0400" in refused.value.reason
    assert str(house.settings.secrets) not in str(refused.value)
    with pytest.raises(RootKeyUnusable):  # no start
        roots_of(house.settings)
    root.chmod(0o400)
    assert opened_by(ada, sealed) == b"sk-live-4711"


def test_what_is_shown_of_a_key_is_no_key_when_it_comes_back(ada: Member) -> None:
    provider = has(ada)
    (key,) = provider.keys
    desk = ada.services.desk
    for shown in (key.last_four, key.fingerprint):
        form = KeyForm(shown, KeyTerms("first"), is_checked=False)
        with pytest.raises(ProviderKeyMasked):
            desk.replace_key(ada.caller, provider.provider_id, key.key_id, form)
        with pytest.raises(ProviderKeyMasked):
            desk.add_key(ada.caller, provider.provider_id, form)
        with pytest.raises(ProviderKeyMasked):
            moved = ProviderForm("openai", provider.kind, "https://evil.example")
            desk.change(ada.caller, provider.provider_id, moved, form)
    assert borrows(ada).secret.reveal() == KEY


@pytest.mark.parametrize("host", ["169.254.169.254", "169.254.170.2", "[fe80::1]", "[fd00:ec2::254]"])
def test_no_provider_is_where_a_host_gets_its_own_credentials(host: str) -> None:
    """An operator may have opened it for the root in KMS; that opens it to no organisation."""
    with pytest.raises(BaseUrlMalformed):
        checked(ProviderForm("x", ProviderKind.OPENAI_COMPATIBLE, f"http://{host}/latest"))


def said_of_keys(house: House) -> list[tuple[str, str, str]]:
    secrets = house.settings.secrets
    found = [check_root(lambda: roots_of(house.settings), secrets)]
    if found[0].level is Level.OK:
        url = house.server.url("cloister_worker", house.database)
        found += check_keys_open(lambda: url, secrets, lambda: roots_of(house.settings))
    return [(one.name, one.level.value, one.detail) for one in found]


def test_the_doctor_tells_keys_that_are_away_from_altered_and_ended_ones(house: House, ada: Member, bo: Member) -> None:
    mine, theirs = first_kek(ada), first_kek(bo)
    directory = house.settings.secrets / "keys"
    assert [one[0:2] for one in said_of_keys(house)] == [("root key", "ok"), ("keys", "ok")]

    file = directory / f"{mine.name}.key"
    content = file.read_bytes()
    away = file.rename(file.with_suffix(".away"))
    name, level, detail = said_of_keys(house)[-1]
    assert (name, level) == ("keys", "fail")
    assert detail == f"key_unavailable, organisation {ada.tenant_id}: the key file {mine.name}.key is missing"
    away.rename(file)

    file.chmod(0o600)
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    name, level, detail = said_of_keys(house)[-1]
    assert (level, detail.partition(":")[0]) == ("fail", f"seal_broken, organisation {ada.tenant_id}")
    file.write_bytes(content)

    ada.services.vault.files.destroy(theirs, End.ALL)
    assert said_of_keys(house)[-1] == ("keys", "ok", "2 open, 1 destroyed on purpose")

    root = house.settings.secrets / "root.key"
    root.chmod(0o440)
    ((name, level, detail),) = said_of_keys(house)
    assert (name, level) == ("root key", "fail")
    assert "too open" in detail or "0400" in detail
    root.chmod(0o400)


def test_a_key_that_was_sent_out_and_not_kept_is_on_record(ada: Member) -> None:
    """Else whoever holds an administrator's token tries found keys, and looks around in the network, unseen."""
    form = ProviderForm("x", ProviderKind.OPENAI_COMPATIBLE, "https://models.harrow.example:8443/v1")
    with pytest.raises(ProviderHostClosed):
        ada.services.desk.create(ada.caller, form, KeyForm(KEY, KeyTerms("first")))
    (entry,) = entries(ada, "provider_key:checked")
    assert (entry.outcome, entry.facts["code"], entry.facts["host"]) == (
        Outcome.FAILURE, "provider_host_closed", "models.harrow.example:8443",
    )  # fmt: skip
    assert KEY not in str(entry)
    assert providers_of(ada) == []


def test_who_asks_to_be_shown_anothers_key_is_told_of_none_and_stands_in_the_log(ada: Member, bo: Member) -> None:
    theirs = has(bo)
    key = theirs.keys[0].key_id
    with pytest.raises(ProviderNotFound):
        ada.services.desk.refuse_reveal(ada.caller, theirs.provider_id, key)
    with pytest.raises(ProviderKeyNotShown):
        bo.services.desk.refuse_reveal(bo.caller, theirs.provider_id, key)
    for member, fingerprint in ((ada, ""), (bo, theirs.keys[0].fingerprint)):
        (entry,) = entries(member, "provider_key:reveal_refused")
        assert (entry.subject, entry.outcome, entry.facts["fingerprint"]) == (str(key), Outcome.FAILURE, fingerprint)
