"""Who had somebody's password, and began to link their account, does not finish it once that password is no more."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from appliance import identity
from appliance.identity import Role
from appliance.identity.locks import Attempt
from appliance.identity.people import join
from appliance.identity.sessions import close_sessions_of
from appliance.identity.sso import transactions
from appliance.identity.sso.errors import TransactionClosed
from appliance.identity.sso.saml.ending import end_by_provider
from appliance.identity.sso.saml.signing_out import SignedOut
from appliance.identity.sso.values import TransactionPurpose
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import digest
from tests.support.house import PASSWORD, House, Member
from tests.support.sign_on import CAME, SignOn, connects

Act = Callable[[House, Member, Member], object]


def changes_password(house: House, _: Member, eve: Member) -> None:
    attempt = Attempt("eve@harrow.example", PASSWORD, "192.0.2.7", "b", "r")
    identity.change_password(
        house.app.db, eve.caller, attempt, new="quite another sentence", session=digest("none"), clock=house.clock
    )


def resets_password(house: House, ada: Member, eve: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        link = identity.create_password_reset(tx, ada.caller, eve.caller.user_id, clock=house.clock)
    new = "quite another sentence"
    identity.reset_password(house.app.db, link.token, new=new, address="a", request_id="r", clock=house.clock)


def is_signed_out(house: House, ada: Member, eve: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        close_sessions_of(tx, ada.caller, eve.caller.user_id)


def signs_out(house: House, _: Member, eve: Member) -> None:
    """Whoever sits down at the browser next signs in at the provider as themselves: that would be linked with Eve's account."""
    with house.app.db.tenant(eve.tenant_id) as tx:
        token = identity.open_session(
            tx, eve.caller.user_id, address="a", agent="b", request_id="r", lifetime=timedelta(hours=1), clock=house.clock
        )
    with house.app.db.tenant(eve.tenant_id) as tx:
        identity.close_session(tx, eve.caller, session=digest(token))


def goes_elsewhere(house: House, ada: Member, eve: Member) -> None:
    """Where they sign out then is another organisation: nothing there knows of what they began here."""
    there = house.founds("Elsewhere", f"{new_id()}@elsewhere.example")
    with house.app.db.tenant(there.tenant_id) as tx:
        join(tx, there.caller.actor, eve.caller.user_id, email="eve@harrow.example", display_name="Eve", role=Role.MEMBER, clock=house.clock)
    with house.app.db.tenant(eve.tenant_id) as tx:
        token = identity.open_session(
            tx, eve.caller.user_id, address="a", agent="b", request_id="r", lifetime=timedelta(hours=1), clock=house.clock
        )
    identity.enter(house.app.db, eve.caller, there.tenant_id, token=token, clock=house.clock)


def begins(idp: SignOn, member: Member) -> str:
    with idp.house.app.db.tenant(idp.owner.tenant_id) as tx:
        return transactions.begin(
            tx, idp.connection_id, purpose=TransactionPurpose.LINK, user_id=member.caller.user_id, secrets={}, target="/",
            sealer=idp.house.app.vault, clock=idp.house.clock,
        )  # fmt: skip


def comes_back(idp: SignOn, token: str) -> object:
    with idp.house.app.db.tenant(idp.owner.tenant_id) as tx:
        return transactions.take(tx, token, idp.connection_id, sealer=idp.house.app.vault, clock=idp.house.clock)


@pytest.mark.parametrize("act", [changes_password, resets_password, is_signed_out, signs_out, goes_elsewhere], ids=lambda one: one.__name__)
def test_what_was_begun_with_it_ends(house: House, ada: Member, act: Act) -> None:
    idp, eve = connects(ada).opens(), ada.adds("eve@harrow.example", Role.MEMBER)
    hers, adas = begins(idp, eve), begins(idp, ada)
    act(house, ada, eve)
    with pytest.raises(TransactionClosed):
        comes_back(idp, hers)
    assert comes_back(idp, adas)


def test_it_ends_where_their_provider_signs_them_out(house: House, ada: Member) -> None:
    idp, eve = connects(ada).opens(), ada.adds("eve@harrow.example", Role.MEMBER)
    idp.arrives("eve", purpose=TransactionPurpose.LINK, user_id=eve.caller.user_id)
    hers = begins(idp, eve)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert end_by_provider(tx, idp.connection_id, SignedOut("r", "eve", ()), CAME, is_named=True) == 1
    with pytest.raises(TransactionClosed):
        comes_back(idp, hers)
