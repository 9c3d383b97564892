"""An organisation's sessions: how long, how many, from where, with what; and the histories of who signed in."""

from datetime import timedelta

import pyotp
import pytest
from flask import Flask

from appliance import identity
from appliance.identity import Role
from appliance.identity.history import forget_sign_ins
from appliance.identity.policies import Bounds, SessionPolicy, change_policy
from appliance.kernel.sealing import digest
from tests.support.house import House, Member
from tests.support.product import csrf
from tests.support.program import Program
from tests.support.site import Browser


def chooses(member: Member, **policy: object) -> None:
    """Let the console choose, which comes from nowhere and so locks nobody out."""
    with member.services.db.tenant(member.tenant_id) as tx:
        change_policy(tx, member.caller, SessionPolicy(**policy), bounds=Bounds(480, 24 * 60))  # type: ignore[arg-type]


def signed_in(site: Flask, member: Member) -> Browser:
    browser = Browser(site)
    assert browser.signs_in(member).status_code == 303
    return browser


def is_in(browser: Browser) -> bool:
    return browser.gets("/account").status_code == 200


def from_(browser: Browser, address: str) -> Browser:
    browser.client.environ_base["REMOTE_ADDR"] = address
    return browser


def logged(house: House, event: str) -> int:
    with house.server.connect("boot", house.database) as boot:
        found = boot.execute("SELECT count(*) FROM cloister.audit_inbox WHERE event = %s", [event]).fetchone()
    return int(str(found[0])) if found else 0


def test_a_page_narrows_what_the_host_allows_and_open_sessions_feel_it(house: House, at_ada: Browser) -> None:
    assert at_ada.posts("/settings/sessions", idle_minutes="5", lifetime_minutes="30").status_code == 303
    for _ in range(5):
        house.clock.passes(minutes=4)
        assert is_in(at_ada)
    house.clock.passes(minutes=4)
    assert is_in(at_ada)
    house.clock.passes(minutes=6.5)  # 24 + 6.5: the absolute end, or idleness, whichever comes first
    assert not is_in(at_ada)


def test_nothing_is_wider_than_the_host_allows(house: House, at_ada: Browser) -> None:
    for typed in ({"idle_minutes": str(house.settings.session_idle_minutes + 1)}, {"proof_minutes": "61"},
                  {"lifetime_minutes": "4"}, {"most_sessions": "0"}, {"networks": "nowhere"}):  # fmt: skip
        assert at_ada.posts("/settings/sessions", **typed).status_code == 422, typed
    assert at_ada.posts("/settings/sessions", idle_minutes="").status_code == 303


def test_a_fresh_proof_lasts_as_long_as_the_organisation_says(house: House, ada: Member, at_ada: Browser) -> None:
    chooses(ada, proof_minutes=2)
    house.clock.passes(minutes=3)
    assert at_ada.posts("/settings/organisation", name="Other").status_code == 403
    chooses(ada, proof_minutes=30)
    assert at_ada.posts("/settings/organisation", name="Other").status_code == 303


def test_of_one_session_too_many_the_oldest_ends(site: Flask, house: House, ada: Member) -> None:
    browsers = []
    for _ in range(3):
        browsers.append(signed_in(site, ada))
        house.clock.passes(seconds=1)
    chooses(ada, most_sessions=2)
    assert [is_in(one) for one in browsers] == [False, True, True]
    browsers.append(signed_in(site, ada))
    assert [is_in(one) for one in browsers] == [False, False, True, True]
    eve = signed_in(site, ada.adds("eve@harrow.example", Role.MEMBER))
    assert is_in(eve)
    assert is_in(browsers[3])


def test_people_come_from_the_organisations_networks_alone(site: Flask, house: House, ada: Member) -> None:
    at_ada = from_(signed_in(site, ada), "10.1.2.3")
    assert at_ada.posts("/settings/sessions", networks="192.0.2.0/24").status_code == 422  # they would lock themselves out
    assert at_ada.posts("/settings/sessions", networks="10.1.0.0/16\n2001:db8::/32").status_code == 303
    assert is_in(at_ada)
    for _ in range(3):
        assert from_(at_ada, "192.0.2.1").gets("/documents").status_code == 403
    assert at_ada.gets("/sign-in").status_code == 200  # a way to go elsewhere
    assert logged(house, "identity:session:misplaced") == 1  # once a minute
    assert is_in(from_(at_ada, "::ffff:10.1.2.3"))

    away = from_(Browser(site), "192.0.2.1")
    assert away.signs_in(ada).status_code == 403
    assert logged(house, "identity:session:misplaced") == 2
    assert not is_in(away)
    assert Program(site, ada).gets("/me").status_code == 200  # a program has networks of its own


def test_a_second_factor_is_asked_for_and_nothing_else_is_open_before(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    at_eve = signed_in(site, eve)
    chooses(ada, needs_second_factor=True)
    assert at_eve.gets("/documents").headers["Location"].startswith("/account?notice=factor-needed")
    assert "asks for a second factor" in at_eve.gets("/account?notice=factor-needed").text
    for path in ("/settings/organisation", "/people/invitations", "/tokens"):
        assert at_eve.posts(path, name="x", email="x@y.example", role="member").status_code == 403, path

    page = at_eve.posts("/account/factors/totp", label="phone").text
    secret = page.split("secret=")[1].split("&")[0] if "secret=" in page else _secret(house, eve)
    factor = page.split("/account/factors/")[1].split("/")[0]
    code = pyotp.TOTP(secret).at(int(house.clock.now().timestamp()))
    assert at_eve.posts(f"/account/factors/{factor}/confirmation", code=code).status_code == 200
    assert at_eve.gets("/documents").status_code == 200
    assert at_ada.gets("/documents").status_code == 303  # whoever asked for it has to have one as well


def _secret(house: House, member: Member) -> str:
    from appliance.identity.factors import get_new_totp, rows_of

    with house.app.db.tenant(member.tenant_id) as tx:
        (row,) = rows_of(tx, member.caller.user_id)
        return get_new_totp(tx, member.caller, row.factor_id, sealer=house.app.vault.platform).secret


def test_everybody_sees_their_own_history_and_the_log_s_readers_all_of_them(
    site: Flask, house: House, ada: Member, at_ada: Browser, at_bo: Browser
) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    wrong = from_(Browser(site), "192.0.2.99")
    assert wrong.signs_in(eve, password="not the one, at all").status_code == 401
    at_eve = from_(signed_in(site, eve), "192.0.2.5")
    own = at_eve.gets("/account/sign-ins").text
    assert "wrong password" in own
    assert "192.0.2.99" in own
    assert "ada" not in own.lower().split("<main")[1]
    in_german = at_eve.client.get("/account/sign-ins", headers={"Accept-Language": "de"}).text
    assert ("falsches Passwort" in in_german, ">password<" in in_german) == (True, False)
    assert at_eve.gets("/sign-ins").status_code == 403
    assert at_eve.gets(f"/people/{ada.caller.user_id}/sign-ins").status_code == 403
    assert "192.0.2.99" in at_ada.gets(f"/people/{eve.caller.user_id}/sign-ins").text
    everybody = at_ada.gets("/sign-ins").text
    assert "192.0.2.99" in everybody
    assert "not the one" not in everybody
    assert "192.0.2.99" not in at_bo.gets("/sign-ins").text
    assert at_bo.gets(f"/people/{eve.caller.user_id}/sign-ins").status_code == 404
    items = Program(site, ada).gets(f"/people/{eve.caller.user_id}/sign-ins").get_json()["items"]
    assert [(one["succeeded"], one["method"]) for one in items] == [(True, "password"), (False, "password")]


def test_an_address_of_nobody_leaves_nothing_in_any_history(site: Flask, house: House, at_ada: Browser) -> None:
    stranger = Browser(site)
    token = csrf(stranger.gets("/sign-in").text)
    form = {"email": "nobody@harrow.example", "password": "x" * 20, "csrf": token}
    assert stranger.client.post("/sign-in", data=form).status_code == 401
    assert "wrong password" not in at_ada.gets("/sign-ins").text


def test_histories_end_after_half_a_year(site: Flask, house: House, ada: Member) -> None:
    signed_in(site, ada)
    house.clock.passes(days=181)
    with house.worker.db.tenant(ada.tenant_id) as tx:
        forget_sign_ins(tx, clock=house.clock)
    at_ada = signed_in(site, ada)
    assert at_ada.gets("/account/sign-ins").text.count('class="status ready"') == 1


def test_a_session_that_an_administrator_ends_is_over_at_once(site: Flask, ada: Member, at_ada: Browser) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    at_eve = signed_in(site, eve)
    at_ada.posts(f"/people/{eve.caller.user_id}/sessions/end")
    assert not is_in(at_eve)


@pytest.mark.parametrize("settings", [{"idle_minutes": 1, "networks": ["203.0.113.0/24"]}])
def test_the_console_and_programs_read_and_change_it(
    site: Flask, ada: Member, settings: dict[str, object]
) -> None:
    program = Program(site, ada)
    assert program.asks("PUT", "/organisation/session-policy", settings).status_code == 422  # not from there
    answer = program.asks("PUT", "/organisation/session-policy", settings | {"networks": ["127.0.0.0/8"]})
    assert answer.get_json()["networks"] == ["127.0.0.0/8"]
    assert program.gets("/organisation/session-policy").get_json()["idle_minutes"] == 1


def test_a_policy_is_one_organisations_own(site: Flask, house: House, ada: Member, at_bo: Browser) -> None:
    chooses(ada, idle_minutes=1, networks=("203.0.113.0/24",))
    house.clock.passes(minutes=2)
    assert is_in(at_bo)


def test_a_session_is_looked_up_in_one_query_and_one_that_ended_is_seen_at_once(site: Flask, ada: Member) -> None:
    """One for all that stands behind it: a policy costs none of its own. In whose organisation it is, is asked the first time."""
    from sqlalchemy import event

    chooses(ada, idle_minutes=30, networks=("127.0.0.0/8",), needs_second_factor=False)
    seen: list[str] = []
    with ada.services.db.tenant(ada.tenant_id) as tx:
        token = identity.open_session(
            tx, ada.caller.user_id, address="127.0.0.1", agent="a", request_id=None, lifetime=timedelta(hours=1),
            clock=ada.house.clock,
        )  # fmt: skip

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    engine = ada.services.db.engine

    def looks() -> int:
        seen.clear()
        identity.resolve_session(
            ada.services.db, token, address="127.0.0.1", request_id="r", idle=timedelta(hours=8), clock=ada.house.clock
        )
        return len([one for one in seen if "BEGIN" not in one])

    event.listen(engine, "before_cursor_execute", note)
    assert [looks(), looks(), looks()] == [2, 1, 1]
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.close_session(tx, ada.caller, session=digest(token))
    for _ in range(2):
        with pytest.raises(identity.NotSignedIn):
            looks()
    event.remove(engine, "before_cursor_execute", note)
