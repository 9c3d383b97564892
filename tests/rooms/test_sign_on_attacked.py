"""Whom a provider's word, a role or a grant must not make more than they are."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from appliance import identity
from appliance.identity import NotSignedIn, Permission, Role
from appliance.identity.custom_roles import RoleForm, change_role_form
from appliance.identity.errors import (
    AlreadyMember,
    EmailMalformed,
    Forbidden,
    InvitationClosed,
    NameMissing,
    ResetByOperator,
    TokenRefused,
)
from appliance.identity.factors import remove_factors_of
from appliance.identity.invitations import Acceptance, InvitationForm, find_offer
from appliance.identity.naming import normal_email
from appliance.identity.permissions import GRANTS, held
from appliance.identity.places import list_places
from appliance.identity.policies import Bounds, SessionPolicy, change_policy
from appliance.identity.scim.service import TokenWish, change_provisioning, create_provisioning_token
from appliance.identity.scim.tokens import resolve_client
from appliance.identity.scim.values import Service
from appliance.identity.sso import connections
from appliance.identity.sso.connections import ConnectionChange
from appliance.identity.sso.errors import SignInThere, SubjectMissing
from appliance.identity.sso.values import ConnectionState, TransactionPurpose
from appliance.identity.support import end_support
from appliance.identity.tokens import TokenForm, caller_by_token, create_service_account
from appliance.identity.values import Scope
from tests.support.house import PASSWORD, House, Member
from tests.support.roles import inside, lets_in, makes_role, with_role
from tests.support.sign_on import SignOn, connects, owns_domain, refusals

P = Permission


@pytest.fixture
def boot(house: House) -> Iterator[psycopg.Connection[Any]]:
    """Whoever sees every organisation's rows."""
    with house.server.connect("boot", house.database) as connection:
        yield connection


@pytest.fixture
def idp(ada: Member) -> SignOn:
    return connects(ada).opens()


@pytest.fixture
def adam(ada: Member) -> Member:
    return ada.adds("adam@harrow.example", Role.ADMIN)


def token_of(idp: SignOn, person: Member) -> str:
    """Let somebody make a provider's program its token."""
    clock = person.house.clock
    with person.services.db.tenant(person.tenant_id) as tx:
        change_provisioning(tx, person.caller, idp.connection_id, Service(is_on=True), clock=clock)
        return create_provisioning_token(tx, person.caller, idp.connection_id, TokenWish(1), clock=clock).secret


def is_heard(idp: SignOn, secret: str) -> bool:
    house = idp.house
    try:
        resolve_client(house.app.db, secret, idp.connection_id, base="", address="192.0.2.7", request_id="r", clock=house.clock)
    except TokenRefused:
        return False
    return True


def test_an_administrators_program_does_not_say_who_an_owner_is(idp: SignOn, ada: Member, adam: Member) -> None:
    """By it Ada's account would be somebody else's, who signs in by the name that the program says."""
    theirs, hers = token_of(idp, adam), token_of(idp, ada)
    assert is_heard(idp, theirs)
    idp.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    assert (is_heard(idp, theirs), is_heard(idp, hers)) == (False, True)


def test_nor_who_becomes_one_later(idp: SignOn, ada: Member, adam: Member) -> None:
    eve = idp.who(idp.arrives("eve-1"))
    theirs = token_of(idp, adam)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.change_role(tx, ada.caller, eve.user_id, role=Role.OWNER)
    assert not is_heard(idp, theirs)


def test_an_administrator_does_not_lift_what_is_enforced_by_another_provider(idp: SignOn, ada: Member, adam: Member) -> None:
    db = ada.services.db
    ada.adds("olive@harrow.example", Role.OWNER)
    idp.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    idp.is_tested(ada)
    with db.tenant(ada.tenant_id) as tx:
        connections.enforce(tx, ada.caller, idp.connection_id)
        identity.change_role(tx, ada.caller, ada.caller.user_id, role=Role.MEMBER)  # no owner comes by it now
    change = ConnectionChange(settings={**idp.connection.settings, "issuer": "https://adam.example"})
    with db.tenant(ada.tenant_id) as tx, pytest.raises(Forbidden):
        connections.change_connection(
            tx, adam.caller, idp.connection_id, change, sealer=ada.services.vault, clock=ada.house.clock
        )
    assert idp.connection.state is ConnectionState.ENFORCED


@pytest.mark.parametrize("subject", ["eve\x001", "eve\ud8001"], ids=["zero", "half a character"])
def test_a_subject_that_cannot_be_kept_is_nobody_and_on_record(
    idp: SignOn, boot: psycopg.Connection[Any], subject: str
) -> None:
    with pytest.raises(SubjectMissing):
        idp.arrives(subject)
    assert refusals(boot) == ["subject_missing"]


def test_a_programs_token_ends_where_its_role_becomes_more_than_its_holders(ada: Member) -> None:
    db, clock = ada.services.db, ada.house.clock
    keeper = with_role(ada, "eve@harrow.example", makes_role(ada, "Keeper", [P.SERVICE_ACCOUNT_CHANGE, P.DOCUMENT_READ]))
    reader = makes_role(ada, "Reader", [P.DOCUMENT_READ])
    with db.tenant(ada.tenant_id) as tx:
        program = create_service_account(tx, ada.caller, name="Reads", role=Role.MEMBER, clock=clock)
        identity.change_role(tx, ada.caller, program, role=Role.CUSTOM, custom_role_id=reader.role_id)
    form = TokenForm("Reads", frozenset({Scope.DOCUMENTS_WRITE}), 1, program)
    with db.tenant(ada.tenant_id) as tx:
        made = identity.create_token(tx, keeper.caller, form, clock=clock).token.token_id
        assert P.DOCUMENT_DELETE not in held_by_token(tx, made, ada)
    wider = RoleForm("Reader", "", frozenset({P.DOCUMENT_READ, P.DOCUMENT_DELETE}))
    with db.tenant(ada.tenant_id) as tx:
        change_role_form(tx, ada.caller, reader.role_id, wider, clock=clock)
    with db.tenant(ada.tenant_id) as tx, pytest.raises(TokenRefused):
        held_by_token(tx, made, ada)


def held_by_token(tx: Any, token_id: Any, ada: Member) -> frozenset[Permission]:
    return held(caller_by_token(tx, token_id, address=None, now=ada.house.clock.now()))


def test_the_links_of_whom_a_provider_puts_out_close_whatever_role_made_them(idp: SignOn, ada: Member) -> None:
    from appliance.identity.scim.following import put_out
    from appliance.identity.tables import MembershipRow

    db, clock = ada.services.db, ada.house.clock
    eve = with_role(ada, "eve@harrow.example", makes_role(ada, "Helpdesk", [P.PEOPLE_CHANGE, *GRANTS[Role.MEMBER]]))
    with db.tenant(ada.tenant_id) as tx:
        made = identity.invite(tx, eve.caller, InvitationForm("mallory@elsewhere.example", Role.MEMBER), clock=clock)
    find_offer(db, made.token, clock=clock)
    with db.tenant(ada.tenant_id) as tx:
        member = tx.get_one(MembershipRow, (tx.tenant_id, eve.caller.user_id), with_for_update=True)
        put_out(tx, ada.caller.actor, member, idp.connection_id, now=clock.now())
    with pytest.raises(InvitationClosed):
        find_offer(db, made.token, clock=clock)


def test_support_ends_with_the_operators_own_access(house: House, idp: SignOn, ada: Member, adam: Member) -> None:
    olga, otto = house.operator("olga@host.example"), house.operator("otto@host.example")
    lets_in(ada, olga)
    db = ada.services.db
    with db.tenant(ada.tenant_id) as tx:
        token = identity.open_session(
            tx, olga.caller.user_id, address="192.0.2.7", agent="", request_id="r",
            lifetime=timedelta(hours=1), clock=house.clock,
        )  # fmt: skip
    assert idp.who(token).role is Role.SUPPORT
    with db.tenant(otto.tenant_id) as tx:
        identity.remove_member(tx, otto.caller, olga.caller.user_id, clock=house.clock)
    with pytest.raises(NotSignedIn):
        idp.who(token)
    assert list_places(db, olga.caller.user_id) == []
    for act in (
        lambda tx: identity.create_password_reset(tx, adam.caller, olga.caller.user_id, clock=house.clock),
        lambda tx: remove_factors_of(tx, adam.caller, olga.caller.user_id),
    ):
        with db.tenant(ada.tenant_id) as tx, pytest.raises((ResetByOperator, Forbidden)):
            act(tx)


def test_provisioning_lets_no_operator_in_again(house: House, ada: Member) -> None:
    from appliance.identity.scim.following import _let_in
    from appliance.identity.tables import MembershipRow

    olga = house.operator("olga@host.example")
    grant = lets_in(ada, olga)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        end_support(tx, ada.caller, grant.grant_id, clock=house.clock)
        member = tx.get_one(MembershipRow, (tx.tenant_id, olga.caller.user_id))
        _let_in(tx, ada.caller.actor, member, grant.grant_id, now=house.clock.now())
    with pytest.raises(NotSignedIn):
        inside(ada, olga)


def test_an_account_is_one_person_of_a_provider(ada: Member, idp: SignOn, boot: psycopg.Connection[Any]) -> None:
    """Whoever had a colleague's password once linked their own person with the account, beside its owner's, and stayed for good."""
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    link = {"purpose": TransactionPurpose.LINK, "user_id": eve.caller.user_id}
    theirs = idp.arrives("mallory", **link)  # type: ignore[arg-type]  # by her password, which Eve has changed since
    assert idp.who(theirs).user_id == eve.caller.user_id

    hers = idp.arrives("eve", **link)  # type: ignore[arg-type]

    with pytest.raises(NotSignedIn):
        idp.who(theirs)
    assert idp.who(idp.arrives("mallory")).user_id != eve.caller.user_id
    assert idp.who(hers).user_id == eve.caller.user_id
    assert boot.execute("SELECT count(*) FROM cloister.audit_inbox WHERE event = 'identity:identity:unlinked'").fetchone() == (1,)


@pytest.mark.parametrize(
    "address",
    ["x@evil.example,ada@harrow.example", "ada@evil.example@harrow.example", "ada\uff20evil.example@harrow.example", "a\u200bda@harrow.example", "ada;x@harrow.example",
     "<ada@harrow.example>", "ada(x)@harrow.example"],
)  # fmt: skip
def test_an_address_is_one_address_and_all_of_it_is_seen(ada: Member, idp: SignOn, address: str) -> None:
    """Mail for it went to the other one as well, and two members looked the same."""
    owns_domain(ada, "harrow.example")
    assert idp.who(idp.arrives("m", email=address)).email == ""
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(EmailMalformed):
        identity.invite(tx, ada.caller, InvitationForm(address, Role.MEMBER), clock=ada.house.clock)


def test_an_address_is_the_same_however_its_letters_are_put_together(ada: Member) -> None:
    assert normal_email("Jose\u0301@harrow.example") == normal_email("jos\u00e9@HARROW.example")


def test_two_members_never_come_to_one_address(ada: Member, idp: SignOn) -> None:
    """By an invitation that lay about, or by being let in again."""
    owns_domain(ada, "harrow.example")
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        link = identity.invite(tx, ada.caller, InvitationForm("mia@harrow.example", Role.MEMBER), clock=ada.house.clock).token
        identity.remove_member(tx, ada.caller, eve.caller.user_id, clock=ada.house.clock)
    for name in ("mia", "eve"):
        assert idp.who(idp.arrives(name, email=f"{name}@harrow.example")).email == f"{name}@harrow.example"

    with pytest.raises(AlreadyMember):
        identity.accept(ada.services.db, link, Acceptance("Mia", PASSWORD), address="a", request_id="r", clock=ada.house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(AlreadyMember):
        identity.restore_member(tx, ada.caller, eve.caller.user_id, clock=ada.house.clock)


def test_neither_a_token_nor_a_providers_word_takes_ones_own_password_or_factors(house: House, ada: Member, idp: SignOn) -> None:
    """Each would become more than it is: the account itself, from anywhere, whatever becomes of the token or the connection."""
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    by_provider = idp.who(
        idp.arrives("eve", purpose=TransactionPurpose.LINK, user_id=eve.caller.user_id, authenticated_at=house.clock.now())
    )
    with house.app.db.tenant(ada.tenant_id) as tx:
        form = TokenForm("help desk", frozenset({Scope.PEOPLE_WRITE}), 3)
        token = identity.create_token(tx, eve.caller, form, clock=house.clock).token
        by_token = caller_by_token(tx, token.token_id, address=None, now=house.clock.now())
    for who, refused in ((by_provider, SignInThere), (by_token, Forbidden)):
        with house.app.db.tenant(ada.tenant_id) as tx:
            with pytest.raises(refused):
                identity.create_password_reset(tx, who, eve.caller.user_id, clock=house.clock)
            with pytest.raises(refused):
                remove_factors_of(tx, who, eve.caller.user_id)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert identity.create_password_reset(tx, eve.caller, eve.caller.user_id, clock=house.clock)


def test_a_name_is_one_line_that_reads_as_it_is_written(ada: Member, idp: SignOn) -> None:
    """In a mail of ours a second line would be our words; turned letters are somebody else's name."""
    said = "Eve\r\n\r\nYour password has expired:\u2028\u202ehttps://evil.example\x07"
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.change_profile(tx, ada.caller, display_name=said, language=None, zone=None)
        assert identity.get_person(tx, ada.caller, ada.caller.user_id).display_name == "Eve Your password has expired: https://evil.example"
        with pytest.raises(NameMissing):
            identity.change_profile(tx, ada.caller, display_name="\u200b", language=None, zone=None)
    assert idp.who(idp.arrives("m", display_name="Ada\u202e Lovelace")).display_name == "Ada Lovelace"


def test_a_sign_in_of_which_nobody_says_when_it_was_is_never_fresh(ada: Member, idp: SignOn) -> None:
    """However long a proof lasts here: the provider's session may be weeks old, and a proxy's header proves nothing fresh."""
    with ada.services.db.tenant(ada.tenant_id) as tx:
        change_policy(tx, ada.caller, SessionPolicy(proof_minutes=60), bounds=Bounds(60, 720))
    assert not idp.who(idp.arrives("m")).is_recent
    assert idp.who(idp.arrives("m", authenticated_at=ada.house.clock.now() - timedelta(minutes=50))).is_recent
