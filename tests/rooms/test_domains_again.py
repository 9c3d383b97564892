"""Verified domains that are looked at again, and what becomes of those whose record, or whose operator's word, is gone."""

from types import SimpleNamespace

import psycopg
import pytest

from appliance.identity.sso import domains
from appliance.identity.sso.domains import Approval, Domain
from appliance.identity.sso.errors import DomainDisputed, DomainTaken
from appliance.identity.sso.rechecking import Found, Trouble, look_again
from appliance.kernel.ids import TenantId, new_id
from appliance.worker import schedule
from appliance.worker.reminders import look_at_domains
from tests.support.house import House, Member
from tests.support.mailbox import Mailbox
from tests.support.provisioning import events
from tests.support.sign_on import connects, owns_domain

NAME = "harrow.example"


class Dns:
    """What the world's DNS says."""

    def __init__(self) -> None:
        self.says: list[str] | None = None
        self.others: dict[str, list[str]] = {}
        self.asked = 0

    def __call__(self, name: str) -> dict[str, list[str]]:
        assert name == f"_cloister-challenge.{NAME}"
        self.asked += 1
        found = {} if self.says is None else {"192.0.2.53": self.says}
        return found | self.others


@pytest.fixture
def dns() -> Dns:
    return Dns()


def proves(house: House, owner: Member, dns: Dns) -> Domain:
    with house.app.db.tenant(owner.tenant_id) as tx:
        named = domains.add_domain(tx, owner.caller, domain=NAME, clock=house.clock)
    dns.says = [named.challenge]
    return domains.verify_domain(house.app.db, owner.caller, named.domain_id, look_up=dns, clock=house.clock)


def looks(house: House, owner: Member, dns: Dns) -> list[Found]:
    return look_again(house.worker.db, owner.tenant_id, look_up=dns, clock=house.clock)


def state(house: House, owner: Member) -> Domain:
    with house.app.db.tenant(owner.tenant_id) as tx:
        (found,) = domains.list_domains(tx, owner.caller)
    return found


def told(owner: Member) -> list[str]:
    return [event.removeprefix("identity:domain:") for event, _ in reversed(events(owner, "identity:domain:"))]


def test_a_record_that_stays_is_asked_for_once_a_day(house: House, ada: Member, dns: Dns) -> None:
    proves(house, ada, dns)
    dns.asked = 0
    for hours in (0, 1, 12, 12):
        house.clock.passes(hours=hours)
        assert looks(house, ada, dns) == []
    assert dns.asked == 2
    assert told(ada) == ["added", "verified"]


def test_a_record_that_is_gone_is_told_and_after_two_weeks_counts_no_more(house: House, ada: Member, dns: Dns) -> None:
    idp = connects(ada).opens()
    proves(house, ada, dns)
    assert idp.who(idp.arrives("eve-1", email="eve@harrow.example")).email == "eve@harrow.example"
    house.clock.passes(days=1)
    dns.says = ["something else"]
    (lost,) = looks(house, ada, dns)
    assert (lost.domain, lost.trouble) == (NAME, Trouble.LOST)
    house.clock.passes(days=13)
    assert looks(house, ada, dns) == []  # it was told, and the days are not over
    assert state(house, ada).verified_at is not None
    house.clock.passes(days=1)
    (ended,) = looks(house, ada, dns)
    assert ended.trouble is Trouble.UNVERIFIED
    assert state(house, ada).verified_at is None
    assert told(ada) == ["added", "verified", "lost", "unverified"]
    assert idp.who(idp.arrives("mia-1", email="mia@harrow.example")).email == ""


def test_whoever_has_the_domain_now_may_prove_it_then(house: House, ada: Member, bo: Member, dns: Dns) -> None:
    proves(house, ada, dns)
    with pytest.raises(DomainTaken):
        proves(house, bo, dns)
    for _ in range(2):  # the record is Bo's now
        house.clock.passes(days=15)
        looks(house, ada, dns)
    (named,) = [state(house, bo)]
    assert domains.verify_domain(house.app.db, bo.caller, named.domain_id, look_up=dns, clock=house.clock).verified_at


def test_a_record_that_comes_back_counts_at_once(house: House, ada: Member, dns: Dns) -> None:
    named = proves(house, ada, dns)
    house.clock.passes(days=1)
    dns.says = []
    looks(house, ada, dns)
    dns.says = [named.challenge]
    found = domains.verify_domain(house.app.db, ada.caller, named.domain_id, look_up=dns, clock=house.clock)
    assert (found.lost_at, found.verified_by) == (None, "dns")
    dns.says = []
    house.clock.passes(days=1)
    looks(house, ada, dns)
    dns.says = [named.challenge]
    house.clock.passes(days=1)
    assert looks(house, ada, dns) == []
    assert state(house, ada).lost_at is None
    assert told(ada) == ["added", "verified", "lost", "verified", "lost", "verified"]


def test_that_nobody_answers_counts_for_nothing(house: House, ada: Member, dns: Dns) -> None:
    proves(house, ada, dns)
    dns.says = None
    for _ in range(5):
        house.clock.passes(days=20)
        assert looks(house, ada, dns) == []
    assert state(house, ada).verified_at is not None
    house.clock.passes(minutes=30)
    asked = dns.asked
    looks(house, ada, dns)
    assert dns.asked == asked  # asked again within the hour, not at each visit


def test_an_operators_word_is_for_a_year_and_can_be_given_again(house: House, ada: Member, dns: Dns) -> None:
    owns_domain(ada, NAME)
    house.clock.passes(days=340)
    (ending,) = looks(house, ada, dns)
    assert ending.trouble is Trouble.EXPIRING
    assert looks(house, ada, dns) == []
    with house.app.db.tenant(ada.tenant_id) as tx:
        domains.approve_domain(tx, ada.caller.actor, domain=NAME, clock=house.clock)
    house.clock.passes(days=100)
    assert looks(house, ada, dns) == []
    house.clock.passes(days=266)
    assert [one.trouble for one in looks(house, ada, dns)] == [Trouble.UNVERIFIED]
    assert dns.asked == 0
    assert told(ada) == ["added", "verified", "expiring", "verified", "unverified"]


def test_name_servers_that_disagree_prove_nothing_and_are_named(house: House, ada: Member, dns: Dns) -> None:
    dns.others = {"198.51.100.53": ["v=spf1"]}
    with pytest.raises(DomainDisputed, match=r"192\.0\.2\.53 has the TXT record, 198\.51\.100\.53 has not"):
        proves(house, ada, dns)
    named = state(house, ada)
    assert named.verified_at is None
    dns.others = {"198.51.100.53": [named.challenge]}
    assert domains.verify_domain(house.app.db, ada.caller, named.domain_id, look_up=dns, clock=house.clock).verified_at
    dns.others = {"198.51.100.53": []}
    house.clock.passes(days=1)
    assert [one.trouble for one in looks(house, ada, dns)] == [Trouble.LOST]
    ((_, facts),) = events(ada, "identity:domain:lost")
    assert (facts["seen_at"], facts["missing_at"]) == ("192.0.2.53", "198.51.100.53")


def test_an_operators_word_says_what_became_of_it(house: House, ada: Member, dns: Dns) -> None:
    def approves() -> tuple[Approval, str | None]:
        with house.app.db.tenant(ada.tenant_id) as tx:
            found, approval = domains.approve_domain(tx, ada.caller.actor, domain=NAME, clock=house.clock)
        return approval, found.verified_by

    proves(house, ada, dns)
    assert approves() == (Approval.NEEDLESS, "dns")
    dns.says = []
    house.clock.passes(days=1)
    looks(house, ada, dns)
    assert approves() == (Approval.INSTEAD, "operator")
    house.clock.passes(days=20)
    assert looks(house, ada, dns) == []
    assert approves() == (Approval.GIVEN, "operator")
    assert told(ada) == ["added", "verified", "lost", "verified", "verified"]


def test_an_operators_word_is_replaced_by_a_record(house: House, ada: Member, dns: Dns) -> None:
    owns_domain(ada, NAME)
    named = state(house, ada)
    dns.says = [named.challenge]
    found = domains.verify_domain(house.app.db, ada.caller, named.domain_id, look_up=dns, clock=house.clock)
    assert (found.verified_by, found.approved_until) == ("dns", None)


def test_the_app_alone_keeps_no_domain_verified(house: House, ada: Member, dns: Dns) -> None:
    """Whoever takes the web process over writes neither that a domain is proved nor until when."""
    proves(house, ada, dns)
    for column in ("verified_at", "approved_until", "lost_at", "looked_at"):
        with house.server.connect("app", house.database) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(f"UPDATE cloister.sso_domains SET {column} = now()")


def test_people_are_told_by_mail_in_their_language(house: House, ada: Member, dns: Dns) -> None:
    proves(house, ada, dns)
    dns.says = []
    house.clock.passes(days=1)
    object.__setattr__(house.worker, "sign_on", house.worker.sign_on.__class__(
        house.worker.sign_on.desk, house.worker.sign_on.providers, dns))  # fmt: skip
    with Mailbox() as mailbox:
        mailbox.serves(house)
        look_at_domains(house.worker, ada.tenant_id)
        look_at_domains(house.worker, ada.tenant_id)
    (mail,) = mailbox.mails
    assert str(mail["To"]) == "ada@harrow.example"
    assert "harrow.example" in mail.get_content()


def test_slow_name_servers_keep_nothing_else_from_being_done(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many organisations there are, a round asks for a minute, and after all else."""
    now = [0.0]
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic=lambda: now[0]))
    asked = list[TenantId]()

    def slow(_: object, tenant_id: TenantId) -> None:
        asked.append(tenant_id)
        now[0] += 40

    monkeypatch.setattr(schedule, "look_at_domains", slow)
    tenants = [ada.tenant_id, *(TenantId(new_id()) for _ in range(4))]

    schedule._look_at_domains(house.worker, tenants)

    assert len(asked) == len(set(asked)) == 2
