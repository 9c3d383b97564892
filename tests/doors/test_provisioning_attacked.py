"""What a token of one connection cannot do: reach beyond it, ask too much, take somebody else's place."""

import time
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from appliance import identity
from appliance.identity import Role, StepUpRequired
from appliance.identity.errors import Forbidden
from appliance.identity.scim.errors import ProvisioningTokensTaken
from appliance.identity.scim.service import (
    TokenWish,
    change_provisioning,
    create_provisioning_token,
    get_provisioning,
    revoke_provisioning_token,
)
from appliance.identity.scim.values import Service, SubjectOf
from appliance.identity.sso.values import TransactionPurpose
from tests.support.door import key_of
from tests.support.house import Member
from tests.support.provisioning import BULK, ENTERPRISE, ERROR, GROUP, PATCH, USER, Provider, events, people, provisions
from tests.support.sign_on import connects, owns_domain

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


@pytest.fixture
def entra(site: Flask, ada: Member) -> Provider:
    return provisions(site, ada)


@pytest.fixture
def birch(site: Flask, bo: Member) -> Provider:
    return provisions(site, bo)


def _refused(answer: object) -> tuple[int, str | None]:
    body = answer.get_json(force=True)  # type: ignore[attr-defined]  # an answer of the test client
    assert body["schemas"] == [ERROR]
    assert body["status"] == str(answer.status_code)  # type: ignore[attr-defined]
    return int(body["status"]), body.get("scimType")


FILTERS = (
    ("userName eq \"x' OR '1'='1\"", None),
    ('userName eq "\\"; DROP TABLE memberships; --"', None),
    ('userName sw "%"', None),
    ('userName co "_"', None),
    ('title eq "x\\\\"', None),
    ('emails.value co "\') OR true --"', None),
    ('password eq "x"', "invalidFilter"),
    ("password pr", "invalidFilter"),
    ('user_name_key eq "x"', "invalidFilter"),
    ('userName; DROP TABLE x eq "x"', "invalidFilter"),
    ("userName eq x", "invalidFilter"),
    ('userName lk "x"', "invalidFilter"),
    ("active gt true", "invalidFilter"),
    ('active eq "perhaps"', "invalidFilter"),
    ('meta.created gt "yesterday"', "invalidFilter"),
    ('schemas eq "x"', "invalidFilter"),
    ('emails[type eq "work"', "invalidFilter"),
    ('emails[emails[type eq "x"]]', "invalidFilter"),
    ("(" * 480 + "title pr" + ")" * 480, None),
    ("not (" * 33 + "title pr" + ")" * 33, "invalidFilter"),
    ("(" * 5000 + "title pr" + ")" * 5000, "invalidFilter"),
    (" or ".join(['title eq "x"'] * 100), "invalidFilter"),
)  # fmt: skip


def test_a_filter_finds_nothing_that_it_should_not_and_costs_little(entra: Provider) -> None:
    entra.adds("mia")
    for said, word in FILTERS:
        began = time.process_time()

        answer = entra.asks("POST", "/Users/.search", {"schemas": [SEARCH], "filter": said})

        assert time.process_time() - began < 0.2, said[:80]
        if word is None:
            assert answer.status_code == 200, said[:80]
            assert answer.get_json(force=True)["totalResults"] == 0, said[:80]
        else:
            assert _refused(answer) == (400, word), said[:80]


OTHERS = (
    ("GET", "/Users/{}", None),
    ("PUT", "/Users/{}", {"schemas": [USER], "userName": "x"}),
    ("PATCH", "/Users/{}", {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": False}]}),
    ("DELETE", "/Users/{}", None),
    ("DELETE", "/Groups/{}", None),
    ("GET", "/Groups/{}", None),
)  # fmt: skip


def test_no_id_of_another_organisation_or_connection_is_there(site: Flask, entra: Provider, birch: Provider, ada: Member) -> None:
    beside = provisions(site, ada, connection_id=_another(ada))
    theirs, mine = birch.adds("bob"), beside.adds("bob")
    groups = birch.groups("G", theirs), beside.groups("G", mine)
    for method, path, body in OTHERS:
        for one in groups if "Groups" in path else (theirs, mine):
            assert _refused(entra.asks(method, path.format(one["id"]), body))[0] == 404
    assert {one[2] for one in people(birch.member).values()} == {True}


def _another(member: Member) -> UUID:
    return connects(member, "Another").opens().connection_id


def test_nobody_of_another_organisation_comes_into_a_group(entra: Provider, birch: Provider) -> None:
    theirs, group = birch.adds("bob"), entra.groups("G")
    into = {"op": "add", "path": "members", "value": [{"value": theirs["id"]}]}

    assert _refused(entra.patches(f"/Groups/{group['id']}", into)) == (400, "invalidValue")
    assert _refused(entra.asks("POST", "/Groups", {"schemas": [GROUP], "displayName": "H", "members": [{"value": theirs["id"]}]})) == (400, "invalidValue")
    assert entra.finds("Groups", 'displayName eq "H"') == []


def test_a_token_is_good_at_its_own_connection_alone_and_from_its_networks(site: Flask, ada: Member, entra: Provider, birch: Provider) -> None:
    stolen = Provider(site, ada, birch.connection_id, entra.token)
    afar = provisions(site, ada, networks=("192.0.2.0/24",), connection_id=_another(ada))

    for _ in range(3):
        assert _refused(stolen.asks("GET", "/Users"))[0] == 401
        assert _refused(afar.asks("GET", "/Users"))[0] == 403
    assert len(events(ada, "identity:provisioning_token:misplaced")) == 2  # each once a minute
    assert events(birch.member, "identity:provisioning_token:misplaced") == []


def test_what_is_no_token_opens_nothing(entra: Provider, ada: Member, site: Flask) -> None:
    for secret in ("", "x", entra.token + "x", key_of(ada)):
        answer = Provider(site, ada, entra.connection_id, secret).asks("GET", "/Users")
        assert _refused(answer)[0] == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert site.test_client().get(f"{entra.base}/Users").status_code == 401
    answer = site.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {entra.token}"})
    assert answer.status_code == 401


def test_two_tokens_work_at_once_and_each_ends(entra: Provider, ada: Member, site: Flask) -> None:
    db, clock = ada.services.db, ada.house.clock
    with db.tenant(ada.tenant_id) as tx:
        second = create_provisioning_token(tx, ada.caller, entra.connection_id, TokenWish(1), clock=clock)
    with pytest.raises(ProvisioningTokensTaken), db.tenant(ada.tenant_id) as tx:
        create_provisioning_token(tx, ada.caller, entra.connection_id, TokenWish(1), clock=clock)
    new = Provider(site, ada, entra.connection_id, second.secret)
    assert [one.asks("GET", "/Users").status_code for one in (entra, new)] == [200, 200]

    with db.tenant(ada.tenant_id) as tx:
        old = next(one for one in get_provisioning(tx, ada.caller, entra.connection_id).tokens if one.token_id != second.token.token_id)
        revoke_provisioning_token(tx, ada.caller, entra.connection_id, old.token_id)
    assert [one.asks("GET", "/Users").status_code for one in (entra, new)] == [401, 200]

    clock.passes(days=1)
    assert new.asks("GET", "/Users").status_code == 401


def test_provisioning_that_is_off_is_off(entra: Provider, ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        change_provisioning(tx, ada.caller, entra.connection_id, Service(is_on=False), clock=ada.house.clock)

    assert _refused(entra.asks("GET", "/Users"))[0] == 403


def test_only_an_owner_hands_out_a_token_where_an_owner_comes_by_the_connection(entra: Provider, ada: Member) -> None:
    lee = ada.adds("lee@harrow.example", Role.ADMIN)
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    entra.sign_on.maps("Owners", role=Role.OWNER)

    for person in (lee, mia):
        with pytest.raises(Forbidden), ada.services.db.tenant(ada.tenant_id) as tx:
            create_provisioning_token(tx, person.caller, entra.connection_id, TokenWish(1), clock=ada.house.clock)
        with pytest.raises(Forbidden), ada.services.db.tenant(ada.tenant_id) as tx:
            change_provisioning(tx, person.caller, entra.connection_id, Service(is_on=True), clock=ada.house.clock)


def test_no_administrators_token_outlives_that_a_group_makes_owners(site: Flask, entra: Provider, ada: Member) -> None:
    lee = ada.adds("lee@harrow.example", Role.ADMIN)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        theirs = create_provisioning_token(tx, lee.caller, entra.connection_id, TokenWish(1), clock=ada.house.clock)

    entra.sign_on.maps("Owners", role=Role.OWNER)

    assert Provider(site, ada, entra.connection_id, theirs.secret).asks("GET", "/Users").status_code == 401
    assert entra.asks("GET", "/Users").status_code == 200


def test_a_token_takes_a_fresh_proof(entra: Provider, ada: Member) -> None:
    with pytest.raises(StepUpRequired), ada.services.db.tenant(ada.tenant_id) as tx:
        create_provisioning_token(tx, replace(ada.caller, is_recent=False), entra.connection_id, TokenWish(1), clock=ada.house.clock)


@pytest.mark.parametrize("how", ["create", "patch", "put"])
def test_nobody_is_renamed_onto_an_owner(entra: Provider, ada: Member, how: str) -> None:
    owns_domain(ada, "harrow.example")
    entra.sign_on.arrives("subject-of-ada", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        change_provisioning(tx, ada.caller, entra.connection_id, Service(is_on=True, subject_of=SubjectOf.USER_NAME), clock=ada.house.clock)
    mallory = entra.adds("mallory", displayName="Mallory")
    address = [{"value": "ADA@harrow.example", "primary": True}]
    ways: dict[str, Callable[[], object]] = {
        "create": lambda: entra.asks("POST", "/Users", {"schemas": [USER], "userName": "eve", "emails": address}),
        "patch": lambda: entra.patches(f"/Users/{mallory['id']}", {"op": "replace", "value": {"emails": address}}),
        "put": lambda: entra.asks("PUT", f"/Users/{mallory['id']}", {"schemas": [USER], "userName": "subject-of-ada"}),
    }  # fmt: skip

    assert _refused(ways[how]()) == (409, "uniqueness")
    assert people(ada)["Ada"] == ("owner", "ada@harrow.example", True)
    assert people(ada)["Mallory"][1] == ""
    assert [facts["reason"] for _, facts in events(ada, "identity:provisioning:refused")] == ["uniqueness"]


def test_nobody_is_renamed_onto_somebody_who_is_provisioned(entra: Provider) -> None:
    mia, eve = entra.adds("mia"), entra.adds("eve")

    assert _refused(entra.patches(f"/Users/{eve['id']}", {"op": "replace", "path": "userName", "value": "MIA"})) == (409, "uniqueness")
    assert _refused(entra.patches(f"/Users/{eve['id']}", {"op": "replace", "path": "externalId", "value": "id-of-mia"})) == (409, "uniqueness")
    assert entra.asks("GET", f"/Users/{mia['id']}").get_json(force=True)["userName"] == "mia"


def test_a_list_is_short_however_much_is_asked_for(entra: Provider) -> None:
    entra.asks("POST", "/Bulk", {"schemas": [BULK], "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": str(one), "data": {"schemas": [USER], "userName": f"u{one:03}"}} for one in range(3)
    ]})  # fmt: skip
    for count in ("999999999999999999999", "-5", "0", "2"):
        answer = entra.asks("GET", f"/Users?count={count}&startIndex=-3").get_json(force=True)
        assert answer["totalResults"] == 3
        assert answer["itemsPerPage"] == {"-5": 0, "0": 0, "2": 2}.get(count, 3)
    assert entra.asks("GET", f"/Users?startIndex={'9' * 30}").get_json(force=True)["itemsPerPage"] == 0
    assert _refused(entra.asks("GET", "/Users?count=many"))[0] == 400


BODIES = (
    (b"{", 400), (b"[]", 400), (b"1", 400), (b'"x"', 400), (b"", 400), (b"[" * 100_000, 400), (b'{"userName": ' + b"9" * 5000 + b"}", 400),
    (b'{"schemas": ["x"], "userName": "x"}', 400), (b'{"schemas": ["' + USER.encode() + b'"]}', 400),
    (b'{"schemas": ["' + USER.encode() + b'"], "userName": "a\\u0000b"}', 400),
    (b'{"schemas": ["' + USER.encode() + b'"], "userName": "a\\ud800b"}', 400),
    (b'{"schemas": ["' + USER.encode() + b'"], "userName": "  "}', 400),
    (b'{"schemas": ["' + USER.encode() + b'"], "userName": "' + b"x" * 1001 + b'"}', 400),
    (b'{"schemas": ["' + USER.encode() + b'"], "userName": "x", "active": "perhaps"}', 400),
    (b'{"schemas": ["' + USER.encode() + b'"], "userName": "' + b"x" * 1_000_001 + b'"}', 413),
)  # fmt: skip


def test_a_body_that_is_none_is_refused_in_the_protocols_words(entra: Provider) -> None:
    headers = {"Authorization": f"Bearer {entra.token}"}
    for body, status in BODIES:
        answer = entra.site.test_client().post(f"{entra.base}/Users", data=body, headers=headers, content_type="application/scim+json")

        assert _refused(answer)[0] == status, body[:80]
    assert len(people(entra.member)) == 1


def test_what_cannot_be_changed_is_not_changed(entra: Provider) -> None:
    mia = entra.adds("mia", **{ENTERPRISE: {"department": "IT"}})
    path = f"/Users/{mia['id']}"

    assert _refused(entra.patches(path, {"op": "replace", "path": "id", "value": "x"})) == (400, "mutability")
    assert _refused(entra.patches(path, {"op": "add", "path": "groups", "value": [{"value": "x"}]})) == (400, "mutability")
    assert _refused(entra.patches(path, {"op": "remove", "path": "userName"}))[0] == 400
    assert _refused(entra.patches(path, {"op": "remove"})) == (400, "noTarget")
    assert _refused(entra.patches(path, {"op": "move", "path": "title", "value": "x"}))[0] == 400
    assert _refused(entra.patches(path, {"op": "replace", "path": "title[", "value": "x"})) == (400, "invalidPath")
    assert entra.asks("GET", path).get_json(force=True)["meta"]["version"] == mia["meta"]["version"]


def test_a_patch_makes_nothing_that_a_person_cannot_be(entra: Provider) -> None:
    mia = entra.adds("mia")
    path = f"/Users/{mia['id']}"
    many = [{"op": "add", "path": "emails", "value": [{"value": f"m{one}@x.example"}]} for one in range(25)]

    assert _refused(entra.patches(path, *many))[0] == 400
    assert _refused(entra.patches(path, *many * 41))[0] == 400
    assert _refused(entra.patches(path, {"op": "add", "path": "title", "value": "x" * 301}))[0] == 400
    assert _refused(entra.patches(path, {"op": "replace", "path": "userName", "value": " "}))[0] == 400
    assert entra.asks("GET", path).get_json(force=True)["meta"]["version"] == mia["meta"]["version"]


def test_the_longest_names_have_room(entra: Provider) -> None:
    name = "".join(chr(0x1F300 + (7 * one * one) % 700) for one in range(300))

    made = entra.adds(name, externalId=name)

    assert entra.finds("Users", f'userName eq "{name}" and externalId eq "{name}"') == [name]
    assert entra.groups(name, made)["displayName"] == name
    assert entra.sign_on.arrives(name)


def test_a_large_group_is_changed_without_being_read(entra: Provider, ada: Member) -> None:
    people = [entra.adds(f"u{one}") for one in range(3)]
    group = entra.groups("G", people[0])
    path, ids = f"/Groups/{group['id']}", [{"value": one["id"]} for one in people]
    steps: list[dict[str, object]] = [
        {"op": "Add", "path": "members", "value": ids}, {"op": "Remove", "path": "members", "value": ids[:1]},
        {"op": "remove", "path": f'members[value eq "{people[1]["id"]}"]'}, {"op": "replace", "value": {"displayName": "H", "externalId": "e"}},
    ]  # fmt: skip
    assert entra.patches(path, *steps).status_code == 204
    assert [one["value"] for one in entra.asks("GET", path).get_json(force=True)["members"]] == [people[2]["id"]]

    odd = [{"op": "remove", "path": 'members[type eq "User"]'}]
    assert _refused(entra.patches(path, *odd * 21))[0] == 400
    assert entra.patches(path, *odd).status_code == 204
    whole = entra.patches(f"{path}?attributes=displayName,members,externalId", {"op": "add", "value": {"members": ids}}).get_json(force=True)
    assert (len(whole["members"]), whole["displayName"], whole["externalId"]) == (3, "H", "e")
    assert events(ada, "identity:provisioned_group:changed")[0][1]["came"] == 3


def test_whom_somebody_here_removed_is_not_made_anew(entra: Provider, ada: Member) -> None:
    entra.sign_on.arrives("id-of-mia", display_name="Mia")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        user_id = tx.scalar(text("SELECT user_id FROM memberships WHERE display_name = 'Mia'"))
        identity.remove_member(tx, ada.caller, user_id, clock=ada.house.clock)

    answer = entra.asks("POST", "/Users", {"schemas": [USER], "userName": "mia", "externalId": "id-of-mia"})

    assert _refused(answer) == (409, "uniqueness")
    assert people(ada)["Mia"][2] is False


def test_two_people_with_access_never_have_one_address(site: Flask, ada: Member) -> None:
    owns_domain(ada, "harrow.example")
    okta = provisions(site, ada, needs_group=True)
    okta.sign_on.maps("Staff", role=Role.MEMBER)
    address = [{"value": "mia@harrow.example"}]
    first, second = okta.adds("a", displayName="A", emails=address), okta.adds("b", displayName="B", emails=address)

    okta.groups("Staff", first, second)

    assert sorted(one[1] for name, one in people(ada).items() if name in {"A", "B"}) == ["", "mia@harrow.example"]


def test_a_password_is_kept_nowhere_and_said_to_nobody(entra: Provider, ada: Member) -> None:
    mia = entra.adds("mia", password="a-secret-of-okta")
    entra.patches(f"/Users/{mia['id']}", {"op": "replace", "path": "password", "value": "another-secret"})

    answer = entra.asks("GET", f"/Users/{mia['id']}?attributes=password,userName")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        kept = str(tx.execute(text("SELECT doc, keys FROM scim_users")).all())

    assert "password" not in answer.text
    assert "secret" not in answer.text + kept


def test_whatever_else_is_asked_is_answered_in_the_protocols_words(entra: Provider) -> None:
    for method, path, status in (
        ("POST", "", 405), ("POST", "/", 405), ("GET", "/Me", 501), ("GET", "/Nothing", 404), ("GET", "/Users/a/b", 404), ("PUT", "/Users", 405), ("GET", "/Bulk", 405),
        ("DELETE", "/Schemas", 405), ("GET", "/Schemas?filter=id pr", 403), ("GET", "/Schemas/urn:x", 404), ("POST", "/ServiceProviderConfig", 405),
    ):  # fmt: skip
        assert _refused(entra.asks(method, path))[0] == status, path


def test_a_disturbed_id_in_the_address_is_nobodys(entra: Provider, site: Flask) -> None:
    headers = {"Authorization": f"Bearer {entra.token}"}
    for name in ("x", "00000000-0000-0000-0000-000000000000", "%00", "' OR 1=1"):
        assert _refused(site.test_client().get(f"/scim/v2/{name}/Users", headers=headers))[0] == 401


def test_no_group_is_named_as_anothers_id(entra: Provider, ada: Member) -> None:
    """People may make groups at many providers, and call them what they like; ids are the provider's."""
    entra.sign_on.maps("1f5e-of-admins", role=Role.ADMIN)
    entra.groups("Admins", externalId="1f5e-of-admins")
    mia = entra.adds("mia")
    body = {"schemas": [GROUP], "displayName": "1f5e-of-admins", "externalId": "9c", "members": [{"value": mia["id"]}]}

    assert _refused(entra.asks("POST", "/Groups", body)) == (409, "uniqueness")
    other = entra.groups("Club", mia, externalId="9c")
    renamed = {"op": "replace", "path": "displayName", "value": "1f5e-of-admins"}
    assert _refused(entra.patches(f"/Groups/{other['id']}", renamed)) == (409, "uniqueness")
    assert _refused(entra.asks("POST", "/Groups", {"schemas": [GROUP], "displayName": "Late", "externalId": "Club"})) == (409, "uniqueness")
    assert people(ada)["mia"][0] == "member"
