"""What was under way when a password, a session, a membership or a token ended does nothing more: no session, no link, no change."""

import io
import json
from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
from flask import Flask

from appliance import identity
from appliance.identity import NotSignedIn, Role, Scope, places, signin
from appliance.identity.errors import SecondStepClosed, SignInFailed
from appliance.identity.history import note_sign_in
from appliance.identity.locks import Attempt
from appliance.identity.scim import users
from appliance.identity.scim.service import revoke_provisioning_token
from appliance.identity.signin import Proof
from appliance.identity.sso import ways
from appliance.identity.sso.errors import TransactionClosed
from appliance.identity.sso.values import TransactionPurpose, Wish
from appliance.kernel.sealing import digest
from tests.doors.test_switching import joins
from tests.support.house import PASSWORD, House, Member
from tests.support.program import Program
from tests.support.provisioning import BULK, USER, events, people, provisions
from tests.support.roles import has_factor
from tests.support.sign_on import connects
from tests.support.site import Browser

NEW = "quite another sentence"


def attempt(member: Member, password: str = PASSWORD) -> Attempt:
    return Attempt(member.caller.email, password, "192.0.2.7", "b", "r")


def changes_password(member: Member) -> None:
    identity.change_password(
        member.services.db, member.caller, attempt(member), new=NEW, session=digest("none"), clock=member.house.clock
    )


def sessions_of(house: House, member: Member) -> int:
    with house.server.connect("boot", house.database) as boot:
        row = boot.execute("SELECT count(*) FROM cloister.sessions WHERE user_id = %s", [member.caller.user_id]).fetchone()
    return int(str(row[0])) if row else -1


def signs_in(member: Member) -> object:
    return identity.sign_in(member.services.db, attempt(member), lifetime=timedelta(hours=1), clock=member.house.clock)


def once_before(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Let something happen right before a step of a sign-in, once."""
    real = getattr(signin, name)

    def disturbed(*given: object, **named: object) -> object:
        monkeypatch.setattr(signin, name, real)
        act()
        return real(*given, **named)

    monkeypatch.setattr(signin, name, disturbed)


def test_an_old_password_that_was_right_a_moment_ago_opens_no_session(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has it signs in again and again: one of these is under way when its owner changes it."""
    once_before(monkeypatch, "list_places", lambda: changes_password(ada))

    with pytest.raises(SignInFailed):
        signs_in(ada)

    assert sessions_of(house, ada) == 0


def test_nor_does_the_second_step_behind_it(house: House, ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = has_factor(ada)
    house.clock.passes(minutes=1)
    step = signs_in(ada)
    assert isinstance(step, signin.SecondStep)
    once_before(monkeypatch, "_open_session", lambda: changes_password(ada))

    with pytest.raises((SignInFailed, SecondStepClosed)):
        identity.finish_sign_in(
            house.app.db, step.token, Proof(signin_code(house, secret)), attempt(ada), site=None,
            sealer=house.app.vault.platform, lifetime=timedelta(hours=1), clock=house.clock,
        )  # fmt: skip

    assert sessions_of(house, ada) == 0


def signin_code(house: House, secret: str) -> str:
    return pyotp.TOTP(secret).at(int(house.clock.now().timestamp()))


def test_a_session_that_goes_elsewhere_does_not_escape_its_end(
    house: House, ada: Member, bo: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stole it goes from one organisation to the other and back, without end."""
    joins(house, bo, ada)
    with house.app.db.tenant(ada.tenant_id) as tx:
        token = identity.open_session(
            tx, ada.caller.user_id, address="a", agent="b", request_id="r", lifetime=timedelta(hours=1), clock=house.clock
        )
    real = note_sign_in

    def disturbed(*given: object, **named: object) -> None:
        real(*given, **named)  # type: ignore[arg-type]
        with house.server.connect("boot", house.database) as boot:  # as where an administrator signs them out
            boot.execute("DELETE FROM cloister.sessions WHERE digest = %s", [digest(token)])

    monkeypatch.setattr(places, "note_sign_in", disturbed)
    with pytest.raises(NotSignedIn):
        identity.enter(house.app.db, ada.caller, bo.tenant_id, token=token, clock=house.clock)

    assert sessions_of(house, ada) == 0


def test_no_link_is_begun_by_what_has_ended(house: House, ada: Member) -> None:
    """Between the proof and the way lies a call to the provider, which may take its time."""
    desk, connection = house.app.sign_on.desk, connects(ada).opens().connection
    stranger = Wish(TransactionPurpose.LINK, ada.caller.user_id, password_hash="an old one")
    gone = Wish(TransactionPurpose.LINK, ada.caller.user_id, session=digest("ended"))
    for wish in (stranger, gone):
        with house.app.db.tenant(ada.tenant_id) as tx, pytest.raises(TransactionClosed):
            ways.begin(tx, desk, connection, wish, secrets={})


class Slowly(io.BytesIO):
    """A body in the middle of which something happens."""

    def __init__(self, content: bytes, act: Callable[[], object]) -> None:
        super().__init__(content)
        self._act: Callable[[], object] | None = act

    def read(self, size: int | None = -1) -> bytes:
        return self._first(super().read(size))

    def readline(self, size: int | None = -1) -> bytes:
        return self._first(super().readline(size))

    def readinto(self, buffer: object) -> int:
        self._first(b"")
        return super().readinto(buffer)  # type: ignore[arg-type]

    def _first(self, read: bytes) -> bytes:
        if self._act is not None:
            act, self._act = self._act, None
            act()
        return read


def removes(owner: Member, member: Member) -> None:
    with owner.services.db.tenant(owner.tenant_id) as tx:
        identity.remove_member(tx, owner.caller, member.caller.user_id, clock=owner.house.clock)


def test_whoever_is_removed_while_their_form_comes_invites_nobody(site: Flask, ada: Member, at_ada: Browser) -> None:
    """A form of a megabyte may take minutes: what is asked in its head is not true at its end."""
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    browser = Browser(site)
    browser.signs_in(eve)
    form = f"csrf={browser.form_token()}&email=back%40harrow.example&role=admin&fill={'x' * 70_000}".encode()

    answer = browser.client.post(
        "/people/invitations", input_stream=Slowly(form, lambda: removes(ada, eve)), content_length=len(form),
        content_type="application/x-www-form-urlencoded",
    )  # fmt: skip

    assert answer.status_code in {303, 401}
    assert "back@harrow.example" not in at_ada.gets("/people").text


def test_nor_does_their_program(site: Flask, ada: Member, at_ada: Browser) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    program = Program(site, eve, [Scope.PEOPLE_WRITE])
    body = json.dumps({"email": "back@harrow.example", "role": "admin"}) + " " * 70_000

    answer = site.test_client().post(
        "/api/v1/invitations", input_stream=Slowly(body.encode(), lambda: removes(ada, eve)), content_length=len(body),
        content_type="application/json", headers={"Authorization": f"Bearer {program.secret}"},
    )  # fmt: skip

    assert answer.status_code == 401, answer.text
    assert "back@harrow.example" not in at_ada.gets("/people").text


def test_a_revoked_token_finishes_no_bulk(site: Flask, ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    entra = provisions(site, ada)
    real, done = users.create_user, list[str]()

    def disturbed(tx: object, client: object, said: object, **named: object) -> object:
        row = real(tx, client, said, **named)  # type: ignore[arg-type]
        if not done:
            done.append("revoked")
            with ada.services.db.tenant(ada.tenant_id) as other:
                revoke_provisioning_token(other, ada.caller, entra.connection_id, client.token_id)  # type: ignore[attr-defined]
        return row

    monkeypatch.setattr(users, "create_user", disturbed)
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": name, "data": {"schemas": [USER], "userName": name, "externalId": name}}
        for name in ("mia", "noa")
    ]
    answer = entra.asks("POST", "/Bulk", {"schemas": [BULK], "Operations": operations})

    assert [one["status"] for one in answer.get_json(force=True)["Operations"]] == ["201", "401"]
    assert set(people(ada)) == {"Ada", "mia"}
    assert events(ada, "identity:provisioning:refused")[0][1]["status"] == 401
