"""Second factors, recovery codes, and the question before a sensitive step."""

import re

import pyotp
from flask import Flask

from appliance.identity import Role
from tests.support.house import PASSWORD, House, Member
from tests.support.product import csrf
from tests.support.site import Browser


def code_of(secret: str, house: House) -> str:
    return pyotp.TOTP(secret).at(int(house.clock.now().timestamp()))


def adds_app(browser: Browser, house: House) -> tuple[str, list[str]]:
    """Add an authenticator app; return its seed and the recovery codes."""
    page = browser.posts("/account/factors/totp", label="Telephone").text
    secret = re.search(r'value="([A-Z2-7]{32})"', page)
    path = re.search(r'action="(/account/factors/[^"]+/confirmation)"', page)
    assert secret is not None
    assert path is not None
    codes = browser.posts(path[1], code=code_of(secret[1], house)).text
    house.clock.passes(seconds=30)
    return secret[1], re.findall(r"<code>([a-z2-7-]{19})</code>", codes)


def steps_on(browser: Browser, code: str) -> int:
    token = csrf(browser.gets("/sign-in/second-step").text)
    return browser.client.post("/sign-in/second-step", data={"code": code, "csrf": token}).status_code


def test_it_asks_for_the_second_factor_and_nothing_opens_before(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    secret, codes = adds_app(at_ada, house)
    assert len(codes) == 10
    browser = Browser(site)

    assert "/sign-in/second-step" in browser.signs_in(ada).headers["Location"]
    assert browser.gets("/").status_code == 303
    assert steps_on(browser, "000000") == 401
    assert steps_on(browser, code_of(secret, house)) == 303
    assert browser.gets("/").status_code == 200


def test_it_takes_a_code_once(site: Flask, house: House, ada: Member, at_ada: Browser) -> None:
    secret, _ = adds_app(at_ada, house)
    code = code_of(secret, house)
    first, second = Browser(site), Browser(site)
    first.signs_in(ada)
    second.signs_in(ada)

    assert steps_on(first, code) == 303
    assert steps_on(second, code) == 401


def test_it_takes_a_recovery_code_once(site: Flask, house: House, ada: Member, at_ada: Browser) -> None:
    _, codes = adds_app(at_ada, house)
    first, second = Browser(site), Browser(site)
    first.signs_in(ada)
    second.signs_in(ada)

    assert steps_on(first, codes[0].upper().replace("-", " ")) == 303
    assert steps_on(second, codes[0]) == 401
    assert "9 recovery codes are left" in first.gets("/account").text


def test_it_lets_nobody_guess_codes_without_end(site: Flask, house: House, ada: Member, at_ada: Browser) -> None:
    secret, _ = adds_app(at_ada, house)
    browser = Browser(site)
    statuses = []
    for _ in range(4):  # whoever has the password gets no more tries by starting again
        if browser.signs_in(ada).status_code != 303:
            break
        statuses += [steps_on(browser, "123456") for _ in range(4)]

    assert statuses.count(401) <= 10
    assert browser.signs_in(ada).status_code == 429
    house.clock.passes(minutes=16)
    assert browser.signs_in(ada).status_code == 303
    assert steps_on(browser, code_of(secret, house)) == 303


def test_it_closes_a_step_after_five_tries_or_five_minutes(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    secret, _ = adds_app(at_ada, house)
    browser = Browser(site)
    browser.signs_in(ada)
    assert [steps_on(browser, "123456") for _ in range(5)] == [401] * 5
    token = csrf(browser.gets("/sign-in").text)
    last = browser.client.post("/sign-in/second-step", data={"code": code_of(secret, house), "csrf": token})
    assert "Start again with your password" in last.text

    browser.signs_in(ada)
    house.clock.passes(minutes=6)
    assert browser.gets("/sign-in/second-step").status_code == 401


def test_it_stores_no_seed_that_a_dump_could_use(house: House, ada: Member, at_ada: Browser) -> None:
    secret, codes = adds_app(at_ada, house)
    with house.server.connect("boot", house.database) as boot:
        rows = str(boot.execute("SELECT * FROM cloister.second_factors").fetchall())
        rows += str(boot.execute("SELECT * FROM cloister.recovery_codes").fetchall())

    assert secret not in rows
    assert codes[0] not in rows
    assert codes[0].replace("-", "") not in rows


def test_it_asks_who_is_there_before_a_sensitive_step_and_then_does_it(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    house.clock.passes(minutes=11)
    path = f"/people/{eve.caller.user_id}/role"
    asked = at_ada.posts(path, role="admin")
    assert asked.status_code == 403
    assert "Is it you?" in asked.text
    assert f'value="{path}"' in asked.text
    assert 'name="role" value="admin"' in asked.text
    step = re.search(r'name="confirm_step" value="([^"]+)"', asked.text)
    assert step is not None
    given = {"confirm_target": path, "confirm_step": step[1], "role": "admin"}

    wrong = at_ada.posts("/confirm", **given, confirm_password="not the password")
    assert wrong.status_code == 401
    assert 'name="role" value="admin"' in wrong.text
    step = re.search(r'name="confirm_step" value="([^"]+)"', wrong.text)
    assert step is not None
    right = at_ada.posts("/confirm", **given | {"confirm_step": step[1]}, confirm_password=PASSWORD)
    assert right.status_code == 307
    assert right.headers["Location"] == path
    assert at_ada.posts(path, role="admin").status_code == 303


def test_it_asks_for_the_code_too_where_there_is_a_factor(house: House, at_ada: Browser) -> None:
    secret, _ = adds_app(at_ada, house)
    house.clock.passes(minutes=11)

    def confirms(code: str) -> int:
        step = re.search(r'name="confirm_step" value="([^"]+)"', at_ada.posts("/account/recovery-codes").text)
        assert step is not None
        return at_ada.posts(
            "/confirm", confirm_target="/account", confirm_step=step[1], confirm_password=PASSWORD, confirm_code=code
        ).status_code

    assert confirms("") == 401
    assert confirms("123456") == 401
    assert confirms(code_of(secret, house)) == 307


def test_it_sends_a_confirmed_step_nowhere_else(house: House, at_ada: Browser) -> None:
    house.clock.passes(minutes=11)
    step = re.search(r'name="confirm_step" value="([^"]+)"', at_ada.posts("/account/factors/totp", label="x").text)
    assert step is not None
    answer = at_ada.posts(
        "/confirm", confirm_target="https://evil.example", confirm_step=step[1], confirm_password=PASSWORD
    )

    assert answer.headers["Location"] == "/"


def test_it_removes_factors_and_their_codes(site: Flask, house: House, ada: Member, at_ada: Browser) -> None:
    adds_app(at_ada, house)
    path = at_ada.first(r'action="(/account/factors/[^"]+/removal)"', "/account")
    assert at_ada.posts(path).status_code == 303

    assert Browser(site).signs_in(ada).headers["Location"] == "/"


def test_it_lets_an_admin_remove_the_factors_of_somebody_who_lost_them(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    browser = Browser(site)
    browser.signs_in(eve)
    adds_app(browser, house)
    assert at_ada.posts(f"/people/{eve.caller.user_id}/factors/removal").status_code == 303

    assert Browser(site).signs_in(eve).headers["Location"] == "/"
