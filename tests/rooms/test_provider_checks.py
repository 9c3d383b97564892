"""A key is tried at its provider before it is kept: the vendors' wire formats, over TLS, by egress alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.kernel.clock import SystemClock
from appliance.kernel.egress import Egress
from appliance.kernel.errors import Refusal
from appliance.vault.providing import ProviderKind
from appliance.vault.providing.checks import check_key
from appliance.vault.providing.credentials import read_key
from appliance.vault.providing.desk import Desk, KeyForm
from appliance.vault.providing.destinations import ProviderForm, checked
from appliance.vault.providing.errors import (
    KeyNotPermitted,
    KeyRejected,
    ProviderAnswersOddly,
    ProviderBusy,
    ProviderHostClosed,
    ProviderKeyMalformed,
    ProviderTlsFailed,
    ProviderUnreachable,
)
from appliance.vault.providing.service import KeyTerms
from tests.support.house import Member
from tests.support.key_vendors import (
    ANTHROPIC,
    AWS_ID,
    AWS_SECRET,
    AZURE,
    OPENAI,
    Vendors,
    closed_port,
    service_account,
    vendors,
)

KINDS: dict[str, tuple[ProviderForm, str, str]] = {
    "openai": (ProviderForm("x", ProviderKind.OPENAI), OPENAI, "sk-wrong-0123456789"),
    "anthropic": (ProviderForm("x", ProviderKind.ANTHROPIC), ANTHROPIC, "sk-ant-wrong-0123456789"),
    "azure": (ProviderForm("x", ProviderKind.AZURE_OPENAI, "https://harrow.openai.azure.com/"), AZURE, "0" * 32),
    "bedrock": (ProviderForm("x", ProviderKind.BEDROCK, region="eu-central-1"), f"{AWS_ID}:{AWS_SECRET}", f"{AWS_ID}:wrong0123456789"),
    "bedrock-stranger": (ProviderForm("x", ProviderKind.BEDROCK, region="eu-central-1"), f"{AWS_ID}:{AWS_SECRET}", f"AKIASTRANGER:{AWS_SECRET}"),
    "compatible": (ProviderForm("x", ProviderKind.OPENAI_COMPATIBLE, "https://models.harrow.example/v1"), OPENAI, "sk-wrong"),
    "vertex": (ProviderForm("x", ProviderKind.VERTEX, region="europe-west4"), "known", "unknown"),
}  # fmt: skip


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendors]:
    with vendors(tmp_path_factory.mktemp("vendors")) as found:
        yield found


@pytest.fixture(autouse=True)
def _at_rest(street: Vendors) -> None:
    street.status = None
    street.asked.clear()


def tries(egress: Egress, form: ProviderForm, key: str) -> None:
    text = service_account(known=key == "known") if form.kind is ProviderKind.VERTEX else key
    with read_key(form.kind, text).secret as secret:
        check_key(egress, checked(form), secret, clock=SystemClock())


@pytest.mark.parametrize("kind", KINDS)
def test_it_knows_a_good_key_from_a_bad_one(street: Vendors, kind: str) -> None:
    form, good, bad = KINDS[kind]
    tries(street.egress(), form, good)
    assert len(street.asked) == 1
    with pytest.raises(KeyRejected) as refused:
        tries(street.egress(), form, bad)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_a_compatible_server_may_ask_for_no_key(street: Vendors) -> None:
    tries(street.egress(), KINDS["compatible"][0], "")
    assert "authorization" not in street.asked[0][2]


STATUSES = {401: KeyRejected, 403: KeyNotPermitted, 404: ProviderAnswersOddly, 302: ProviderAnswersOddly, 429: ProviderBusy, 503: ProviderBusy}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
def test_it_says_what_is_wrong_and_repeats_nothing_of_the_answer(street: Vendors, status: int) -> None:
    street.status = status
    with pytest.raises(STATUSES[status]) as refused:
        tries(street.egress(), KINDS["openai"][0], OPENAI)
    assert OPENAI not in str(refused.value) + repr(refused.value.facts)


def test_it_says_that_a_host_is_closed_and_asks_nothing(street: Vendors) -> None:
    with pytest.raises(ProviderHostClosed, match=r"api\.anthropic\.com"):
        tries(street.egress("api.openai.com"), KINDS["anthropic"][0], ANTHROPIC)
    assert street.asked == []


def test_it_sends_no_key_to_who_does_not_prove_who_they_are(street: Vendors) -> None:
    strangers = Egress(
        ["api.openai.com"], proxy=f"http://127.0.0.1:{street.port}"
    )  # trusts the system's authorities alone
    with pytest.raises(ProviderTlsFailed):
        tries(strangers, KINDS["openai"][0], OPENAI)
    assert street.asked == []


def test_it_says_that_nobody_answers() -> None:
    port = closed_port()
    form = ProviderForm("x", ProviderKind.OPENAI_COMPATIBLE, f"http://127.0.0.1:{port}/v1")
    with pytest.raises(ProviderUnreachable) as refused:
        tries(Egress(["127.0.0.1", f"127.0.0.1:{port}"]), form, OPENAI)
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ProviderKind.OPENAI, ""), (ProviderKind.OPENAI, "two words"), (ProviderKind.OPENAI, "sk-ünder"),
        (ProviderKind.BEDROCK, "AKIAALONE"), (ProviderKind.BEDROCK, "{}"), (ProviderKind.BEDROCK, "not/alnum:secret"),
        (ProviderKind.VERTEX, "{}"), (ProviderKind.VERTEX, "no json"), (ProviderKind.VERTEX, "[" * 9000),
        (ProviderKind.VERTEX, service_account().replace("PRIVATE KEY", "PUBLIC KEY")),
        (ProviderKind.VERTEX, service_account().replace("https://oauth2", "http://oauth2")),
        (ProviderKind.VERTEX, service_account().replace("service_account", "authorized_user")),
    ],
)  # fmt: skip
def test_it_takes_nothing_that_is_no_key_of_its_kind(kind: ProviderKind, text: str) -> None:
    with pytest.raises(ProviderKeyMalformed) as refused:
        read_key(kind, text)
    assert "PRIVATE" not in str(refused.value)


def test_it_shows_four_signs_of_long_keys_and_none_of_short_ones() -> None:
    assert read_key(ProviderKind.OPENAI, OPENAI).last_four == "wxyz"
    assert read_key(ProviderKind.OPENAI, "sk-short-key").last_four == ""
    assert read_key(ProviderKind.BEDROCK, f"{AWS_ID}:{AWS_SECRET}").last_four == AWS_ID[-4:]
    assert read_key(ProviderKind.VERTEX, service_account()).last_four == "d7c6"
    as_json: dict[str, Any] = {"secret_access_key": AWS_SECRET, "access_key_id": AWS_ID}
    typed = [
        read_key(ProviderKind.BEDROCK, one).secret.content
        for one in (f" {AWS_ID} : {AWS_SECRET} ", json.dumps(as_json))
    ]
    assert typed[0] == typed[1]


def test_a_key_that_is_refused_is_not_kept_unless_one_says_so(ada: Member, street: Vendors) -> None:
    house = ada.services
    desk = Desk(house.db, house.vault, street.egress(), clock=ada.house.clock)
    form, wrong = ProviderForm("openai", ProviderKind.OPENAI), "sk-wrong-0123456789"
    for egress, refusal in ((street.egress(), KeyRejected), (street.egress("api.anthropic.com"), ProviderHostClosed)):
        with pytest.raises(refusal):
            Desk(house.db, house.vault, egress, clock=ada.house.clock).create(
                ada.caller, form, KeyForm(wrong, KeyTerms("k"))
            )
    made = desk.create(ada.caller, form, KeyForm(wrong, KeyTerms("k"), is_checked=False))
    (key,) = made.keys
    assert key.check_code is None

    assert desk.check(ada.caller, made.provider_id, key.key_id).check_code == "provider_key_rejected"
    put = desk.replace_key(ada.caller, made.provider_id, key.key_id, KeyForm(OPENAI, KeyTerms("k")))
    assert (put.check_code, put.checked_at) == ("ok", ada.house.clock.now())
    closed = Desk(house.db, house.vault, Egress(), clock=ada.house.clock)
    assert closed.check(ada.caller, made.provider_id, put.key_id).check_code == "provider_host_closed"
    with pytest.raises(Refusal):
        desk.create(ada.caller, form, KeyForm(OPENAI, KeyTerms("k")))
