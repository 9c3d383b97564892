"""Who a provider's word lets in, as whom, and with what; and what nobody gets by it."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from appliance import identity
from appliance.audit import Actor, ActorKind
from appliance.identity import NotSignedIn, Role
from appliance.identity.errors import Forbidden
from appliance.identity.sso import connections, domains, links, mappings
from appliance.identity.sso.connections import ConnectionChange
from appliance.identity.sso.errors import (
    AddressTaken,
    AnotherPerson,
    ConnectionChanged,
    ConnectionClosed,
    ConnectionInUse,
    ConnectionNotYours,
    ConnectionUntested,
    DomainTaken,
    DomainUnproven,
    IdentityTaken,
    PersonRemoved,
    PersonUnknown,
    ProofTooOld,
    SetupLinkEnded,
    SignInThere,
    SignOnEnforced,
    SignOnRefused,
    SubjectMissing,
)
from appliance.identity.sso.values import ConnectionState, TransactionPurpose
from tests.support.house import Boot, House, Member
from tests.support.sign_on import CAME, SignOn, connects, owns_domain, refusals


@pytest.fixture
def idp(ada: Member) -> SignOn:
    """A connection of Ada's organisation that lets people in, and its domain."""
    owns_domain(ada, "harrow.example")
    return connects(ada).opens()


def group(ada: Member, name: str) -> identity.GroupId:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        return identity.create_group(tx, ada.caller, name=name, clock=ada.house.clock).group_id


def test_it_lets_nobody_in_before_the_test_and_the_activation(ada: Member, boot: Boot) -> None:
    one = connects(ada)
    with pytest.raises(ConnectionClosed):
        one.arrives("eve-1")
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(ConnectionUntested):
        connections.activate(tx, ada.caller, one.connection_id)
    one.is_tested(ada)
    with pytest.raises(ConnectionClosed):
        one.arrives("eve-1")
    assert refusals(boot) == ["connection_closed", "connection_closed"]


def test_it_makes_a_member_of_whom_the_provider_names(idp: SignOn) -> None:
    token = idp.arrives("eve-1", email="Eve@Harrow.example", display_name="Eve", groups=())
    eve = idp.who(token)
    assert (eve.role, eve.email, eve.display_name) == (Role.MEMBER, "eve@harrow.example", "Eve")
    assert eve.connection_id == idp.connection_id
    assert idp.who(idp.arrives("eve-1", email="eve@harrow.example")).user_id == eve.user_id


def test_a_person_is_found_by_subject_and_never_by_address(idp: SignOn, ada: Member, boot: Boot) -> None:
    with pytest.raises(AddressTaken):
        idp.arrives("mallory", email=ada.caller.email)
    assert refusals(boot) == ["address_taken"]
    assert idp.who(idp.arrives("mallory")).user_id != ada.caller.user_id


@pytest.mark.parametrize(
    "said",
    [
        {"email": "ceo@other.example"},
        {"email": "eve@harrow.example", "is_email_verified": False},
        {"email": "eve@sub.harrow.example"},
        {"email": "eve@harrow.example.evil.example"},
        {"email": "not an address"},
    ],
    ids=["another's domain", "unverified", "below the domain", "beside it", "malformed"],
)
def test_an_address_outside_of_the_verified_domains_is_not_taken(idp: SignOn, said: dict[str, Any]) -> None:
    assert idp.who(idp.arrives("eve-1", **said)).email == ""


def test_without_provisioning_it_lets_in_only_whom_it_knows(ada: Member, boot: Boot) -> None:
    one = connects(ada, provisions=False).opens()
    with pytest.raises(PersonUnknown):
        one.arrives("eve-1")
    one.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    assert one.who(one.arrives("ada-1")).user_id == ada.caller.user_id
    assert refusals(boot) == ["person_unknown"]


def test_a_role_follows_the_groups_in_both_directions(idp: SignOn) -> None:
    idp.maps("it", role=Role.ADMIN)
    idp.maps("audit", role=Role.AUDITOR)
    said = [("it", "audit"), ("audit",), (), ("it",), None]
    found = [idp.who(idp.arrives("eve-1", groups=groups)).role for groups in said]
    assert found == [Role.ADMIN, Role.AUDITOR, Role.MEMBER, Role.ADMIN, Role.ADMIN]


def test_groups_follow_in_both_directions_and_those_given_by_hand_stay(idp: SignOn, ada: Member) -> None:
    sales, board = group(ada, "Sales"), group(ada, "Board")
    idp.maps("cn=sales", group_id=sales)
    eve = idp.who(idp.arrives("eve-1", groups=("cn=sales",)))
    assert eve.groups == {sales}
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.set_group_members(tx, ada.caller, board, [eve.user_id])
        identity.set_group_members(tx, ada.caller, sales, [eve.user_id, ada.caller.user_id])
    assert idp.who(idp.arrives("eve-1", groups=())).groups == {board}


def test_a_role_given_by_hand_stays(idp: SignOn, ada: Member) -> None:
    idp.maps("it", role=Role.ADMIN)
    eve = idp.who(idp.arrives("eve-1", groups=("it",)))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.change_role(tx, ada.caller, eve.user_id, role=Role.AUDITOR)
    assert idp.who(idp.arrives("eve-1", groups=("it",))).role is Role.AUDITOR


def test_the_last_owner_stays_whatever_the_provider_says(idp: SignOn, ada: Member, boot: Boot) -> None:
    idp.maps("owners", role=Role.OWNER)
    eve = idp.who(idp.arrives("eve-1", groups=("owners",)))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.change_role(tx, ada.caller, ada.caller.user_id, role=Role.ADMIN)
    assert idp.who(idp.arrives("eve-1", groups=())).role is Role.OWNER
    assert idp.who(idp.arrives("bea-1", groups=("owners",))).role is Role.OWNER
    assert idp.who(idp.arrives("eve-1", groups=())).role is Role.MEMBER
    kept = boot.execute("SELECT count(*) FROM cloister.audit_inbox WHERE event = 'identity:last_owner:kept'").fetchone()
    assert kept == (1,)
    assert eve.role is Role.OWNER


def test_somebody_who_was_removed_stays_out(idp: SignOn, ada: Member, boot: Boot) -> None:
    token = idp.arrives("eve-1")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.remove_member(tx, ada.caller, idp.who(token).user_id, clock=ada.house.clock)
    with pytest.raises(NotSignedIn):
        idp.who(token)
    with pytest.raises(PersonRemoved):
        idp.arrives("eve-1")
    assert refusals(boot) == ["person_removed"]


def test_an_empty_or_endless_subject_is_nobody(idp: SignOn, boot: Boot) -> None:
    for subject in ("", "x" * 1001):
        with pytest.raises(SubjectMissing):
            idp.arrives(subject)
    assert refusals(boot) == ["subject_missing"] * 2


def test_the_same_subject_of_another_issuer_is_somebody_else(idp: SignOn, ada: Member) -> None:
    token = idp.arrives("eve-1")
    eve = idp.who(token)
    settings = {**idp.connection.settings, "issuer": "https://other.harrow.example"}
    with ada.services.db.tenant(ada.tenant_id) as tx:
        changed = connections.change_connection(
            tx, ada.caller, idp.connection_id, ConnectionChange(settings=settings), sealer=ada.services.vault,
            clock=ada.house.clock,
        )  # fmt: skip
    assert changed.state is ConnectionState.DRAFT
    with pytest.raises(NotSignedIn):
        idp.who(token)
    idp.house.clock.passes(seconds=1)
    assert idp.opens().who(idp.arrives("eve-1")).user_id != eve.user_id


def test_what_was_checked_by_other_settings_is_worth_nothing(idp: SignOn, ada: Member) -> None:
    before = idp.connection
    idp.house.clock.passes(seconds=1)
    change = ConnectionChange(settings={**before.settings, "client_id": "another"})
    with ada.services.db.tenant(ada.tenant_id) as tx:
        connections.change_connection(
            tx, ada.caller, idp.connection_id, change, sealer=ada.services.vault, clock=ada.house.clock
        )
    with pytest.raises(ConnectionChanged):
        idp.arrives("eve-1", connection=before)


def test_an_admin_does_not_change_what_an_owner_comes_by(idp: SignOn, ada: Member) -> None:
    admin = ada.adds("adam@harrow.example", Role.ADMIN)
    idp.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    change = ConnectionChange(settings={**idp.connection.settings, "issuer": "https://adam.example"})
    for act in (
        lambda tx: connections.change_connection(
            tx, admin.caller, idp.connection_id, change, sealer=ada.services.vault, clock=ada.house.clock
        ),
        lambda tx: mappings.add_mapping(tx, admin.caller, idp.connection_id, said="it", role=Role.OWNER),
        lambda tx: connections.turn_off(tx, admin.caller, idp.connection_id),
    ):
        with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(Forbidden):
            act(tx)


def test_an_admin_does_not_choose_the_provider_that_makes_owners(ada: Member) -> None:
    """Or they would begin one of their own, and come in as an owner."""
    admin, one = ada.adds("adam@harrow.example", Role.ADMIN), connects(ada)
    one.maps("owners", role=Role.OWNER)
    one.is_tested()
    change = ConnectionChange(settings={**one.connection.settings, "issuer": "https://adam.example"})
    for act in (
        lambda tx: connections.change_connection(
            tx, admin.caller, one.connection_id, change, sealer=ada.services.vault, clock=ada.house.clock
        ),
        lambda tx: connections.activate(tx, admin.caller, one.connection_id),
        lambda tx: links.create_link(tx, admin.caller, one.connection_id, clock=ada.house.clock),
    ):
        with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(Forbidden):
            act(tx)


def test_a_linked_person_is_linked_with_nobody_else(idp: SignOn, ada: Member, boot: Boot) -> None:
    idp.arrives("eve-1")
    with pytest.raises(IdentityTaken):
        idp.arrives("eve-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    assert refusals(boot) == ["identity_taken"]


def test_a_confirmation_is_of_the_same_person_and_fresh(idp: SignOn, boot: Boot) -> None:
    now, eve = idp.house.clock.now(), idp.who(idp.arrives("eve-1"))
    assert not eve.is_recent
    with pytest.raises(AnotherPerson):
        idp.arrives("bea-1", purpose=TransactionPurpose.CONFIRM, user_id=eve.user_id, authenticated_at=now)
    with pytest.raises(ProofTooOld):
        idp.arrives("eve-1", purpose=TransactionPurpose.CONFIRM, user_id=eve.user_id)
    with pytest.raises(ProofTooOld):
        idp.arrives(
            "eve-1", purpose=TransactionPurpose.CONFIRM, user_id=eve.user_id, authenticated_at=now - timedelta(hours=1)
        )
    token = idp.arrives("eve-1", purpose=TransactionPurpose.CONFIRM, user_id=eve.user_id, authenticated_at=now)
    assert idp.who(token).is_recent
    assert refusals(boot) == ["another_person", "proof_too_old", "proof_too_old"]


def test_it_is_enforced_only_by_an_owner_who_comes_by_it_and_then_passwords_do_not(idp: SignOn, ada: Member) -> None:
    db = ada.services.db

    def enforces() -> None:
        with db.tenant(ada.tenant_id) as tx:
            connections.enforce(tx, ada.caller, idp.connection_id)

    with pytest.raises(ConnectionNotYours):
        enforces()
    idp.is_tested(ada)
    with pytest.raises(ConnectionNotYours):
        enforces()
    idp.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    with db.tenant(ada.tenant_id) as tx:
        password = identity.open_session(
            tx, ada.caller.user_id, address="a", agent="b", request_id="r", lifetime=timedelta(hours=1), clock=ada.house.clock
        )
    enforces()
    with pytest.raises(NotSignedIn):
        idp.who(password)
    with db.tenant(ada.tenant_id) as tx, pytest.raises(SignOnEnforced):
        identity.open_session(
            tx, ada.caller.user_id, address="a", agent="b", request_id="r", lifetime=timedelta(hours=1), clock=ada.house.clock
        )
    assert idp.who(idp.arrives("ada-1")).user_id == ada.caller.user_id


def test_a_session_of_one_organisations_provider_enters_no_other(idp: SignOn, ada: Member, bo: Member) -> None:
    token = idp.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    with pytest.raises(SignInThere):
        identity.enter(ada.services.db, idp.who(token), bo.tenant_id, token=token, clock=ada.house.clock)


def test_two_organisations_that_share_a_provider_keep_their_people_apart(idp: SignOn, bo: Member) -> None:
    owns_domain(bo, "bo.example")
    other = connects(bo).opens()
    ceo = other.who(other.arrives("ceo", email="ceo@bo.example"))
    mallory = idp.who(idp.arrives("mallory", email="ceo@bo.example"))
    assert (mallory.tenant_id, mallory.email) == (idp.owner.tenant_id, "")
    assert mallory.user_id != ceo.user_id
    assert idp.who(idp.arrives("ceo", email="ceo@bo.example")).user_id not in {ceo.user_id, mallory.user_id}


def test_a_connection_in_use_is_turned_off_before_it_is_removed(idp: SignOn, ada: Member) -> None:
    token, db = idp.arrives("eve-1"), ada.services.db
    with db.tenant(ada.tenant_id) as tx, pytest.raises(ConnectionInUse):
        connections.remove_connection(tx, ada.caller, idp.connection_id)
    with db.tenant(ada.tenant_id) as tx:
        connections.turn_off(tx, ada.caller, idp.connection_id)
    with pytest.raises(NotSignedIn):
        idp.who(token)
    with db.tenant(ada.tenant_id) as tx:
        connections.remove_connection(tx, ada.caller, idp.connection_id)
        assert connections.list_connections(tx, ada.caller) == []


def test_a_link_sets_up_its_connection_until_that_is_in_use(ada: Member) -> None:
    one, services = connects(ada), ada.services
    with services.db.tenant(ada.tenant_id) as tx:
        token = links.create_link(tx, ada.caller, one.connection_id, clock=ada.house.clock)
    change = ConnectionChange(
        name="Mine now", default_role=Role.ADMIN, settings={**one.connection.settings, "client_id": "theirs"}
    )
    changed = links.change_by_link(services.db, token, change, CAME, sealer=services.vault, clock=ada.house.clock)
    assert (changed.name, changed.default_role, changed.settings["client_id"]) == ("Our IdP", Role.MEMBER, "theirs")
    ada.house.clock.passes(seconds=1)
    one.opens()
    with pytest.raises(SetupLinkEnded):
        links.find_link(services.db, token, clock=ada.house.clock)
    with services.db.tenant(ada.tenant_id) as tx, pytest.raises(ConnectionInUse):
        links.create_link(tx, ada.caller, one.connection_id, clock=ada.house.clock)


def test_a_link_ends_after_a_week(ada: Member) -> None:
    one = connects(ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        token = links.create_link(tx, ada.caller, one.connection_id, clock=ada.house.clock)
    ada.house.clock.passes(days=7)
    with pytest.raises(SetupLinkEnded):
        links.find_link(ada.services.db, token, clock=ada.house.clock)


def test_a_domain_is_proved_by_its_record_and_is_one_organisations(ada: Member, bo: Member) -> None:
    db, clock = ada.services.db, ada.house.clock
    with db.tenant(ada.tenant_id) as tx:
        ours = domains.add_domain(tx, ada.caller, domain="Harrow.Example.", clock=clock)
    with db.tenant(bo.tenant_id) as tx:
        theirs = domains.add_domain(tx, bo.caller, domain="harrow.example", clock=clock)
    records = {"_cloister-challenge.harrow.example": ["v=spf1", ours.challenge, theirs.challenge]}
    with pytest.raises(DomainUnproven):
        domains.verify_domain(db, ada.caller, ours.domain_id, look_up=lambda _name: {"192.0.2.53": []}, clock=clock)
    found = domains.verify_domain(db, ada.caller, ours.domain_id, look_up=lambda name: {"192.0.2.53": records[name]}, clock=clock)
    assert (found.domain, found.verified_by) == ("harrow.example", "dns")
    with pytest.raises(DomainTaken):
        domains.verify_domain(db, bo.caller, theirs.domain_id, look_up=lambda name: {"192.0.2.53": records[name]}, clock=clock)


def test_the_app_itself_cannot_call_a_domain_verified(ada: Member, house: House) -> None:
    owns_domain(ada, "harrow.example")
    with house.server.connect("app", house.database) as app:
        app.execute("SET app.tenant_id = %s" % f"'{ada.tenant_id}'")  # noqa: UP031 - SET takes no parameters
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("UPDATE cloister.sso_domains SET verified_at = now()")


def test_each_refusal_is_one_entry_without_what_was_sent(idp: SignOn, boot: Boot) -> None:
    with pytest.raises(SignOnRefused):
        idp.arrives("")
    rows = boot.execute(
        "SELECT convert_from(body, 'UTF8') FROM cloister.audit_inbox WHERE event = 'identity:sign_on:refused'"
    ).fetchall()
    assert len(rows) == 1
    assert "actor.address" in str(rows[0][0])
    assert "192.0.2.7" not in str(rows[0][0])  # a personal value: it stands sealed beside the entry


def test_strangers_do_not_fill_the_log(idp: SignOn, boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.identity.sso.noting.MOST_A_MINUTE", 3)
    minutes = iter([1] * 5 + [2])
    monkeypatch.setattr("appliance.identity.sso.noting._minute", lambda: next(minutes))
    for _ in range(6):
        with pytest.raises(SubjectMissing):
            idp.arrives("")
    assert len(refusals(boot)) == 4
    rows = boot.execute(
        "SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' -> 'left_out' FROM cloister.audit_inbox"
        " WHERE event = 'identity:sign_on:refused' ORDER BY event_id DESC LIMIT 1"
    ).fetchall()
    assert rows == [(2,)]


def test_the_console_approves_domains_and_lets_passwords_do_again(idp: SignOn, ada: Member) -> None:
    idp.is_tested(ada)
    idp.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        connections.enforce(tx, ada.caller, idp.connection_id)
    with ada.house.worker.db.tenant(ada.tenant_id) as tx:
        assert connections.relax_at_console(tx, Actor(ActorKind.OPERATOR)) == 1
    assert idp.connection.state is ConnectionState.ACTIVE
