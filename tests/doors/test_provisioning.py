"""What a provider's program does by SCIM, and what comes of it here: people, roles, access groups, and the end of access."""

import pytest
from flask import Flask
from sqlalchemy import text

from appliance import identity
from appliance.identity import Role
from appliance.identity.sso.errors import PersonRemoved
from appliance.identity.sso.values import TransactionPurpose
from tests.support.house import House, Member
from tests.support.provisioning import (
    BULK,
    ENTERPRISE,
    ERROR,
    GROUP,
    PATCH,
    USER,
    Provider,
    events,
    people,
    provisions,
)
from tests.support.sign_on import owns_domain


@pytest.fixture
def entra(site: Flask, ada: Member) -> Provider:
    return provisions(site, ada)


def _access_group(member: Member, name: str) -> identity.GroupId:
    with member.services.db.tenant(member.tenant_id) as tx:
        return identity.create_group(tx, member.caller, name=name, clock=member.house.clock).group_id


def _in_group(member: Member, group_id: identity.GroupId) -> int:
    with member.services.db.tenant(member.tenant_id) as tx:
        return len(identity.get_group(tx, member.caller, group_id).member_ids)


def test_it_makes_who_is_provisioned_a_member_without_an_address_of_the_host(entra: Provider, ada: Member, house: House) -> None:
    owns_domain(ada, "harrow.example")

    entra.adds("mia", displayName="Mia Berg", emails=[{"value": "Mia@Harrow.example", "type": "work", "primary": True}])

    assert people(ada)["Mia Berg"] == ("member", "mia@harrow.example", True)
    with house.server.connect("boot", house.database) as boot:
        assert boot.execute("SELECT count(*) FROM cloister.users WHERE email = 'mia@harrow.example'").fetchone() == (0,)


def test_it_takes_no_address_of_a_domain_that_is_not_the_organisations(entra: Provider, ada: Member) -> None:
    made = entra.adds("mia", displayName="Mia", emails=[{"value": "ceo@birch.example", "primary": True}])

    assert people(ada)["Mia"][1] == ""
    assert made["emails"] == [{"value": "ceo@birch.example", "primary": True}]  # it stays what the provider said


def test_it_is_one_person_who_is_provisioned_and_signs_in(entra: Provider, ada: Member) -> None:
    entra.adds("mia", displayName="Mia")

    session = entra.sign_on.arrives("id-of-mia", display_name="Somebody else", groups=("nobody",))

    assert entra.sign_on.who(session).display_name == "Mia"
    assert len(people(ada)) == 2


def test_it_takes_over_who_signed_in_before_they_were_provisioned(entra: Provider, ada: Member) -> None:
    session = entra.sign_on.arrives("id-of-mia", display_name="Mia")
    entra.adds("mia", displayName="Mia Berg")

    assert set(people(ada)) == {"Ada", "Mia Berg"}
    assert entra.sign_on.who(session).display_name == "Mia Berg"


def test_it_leaves_role_name_and_address_of_a_linked_account_alone(entra: Provider, ada: Member) -> None:
    lee = ada.adds("lee@harrow.example", Role.AUDITOR)
    entra.sign_on.arrives("id-of-lee", purpose=TransactionPurpose.LINK, user_id=lee.caller.user_id)
    entra.adds("lee", displayName="Mallory", emails=[{"value": "mallory@harrow.example"}])

    assert people(ada)["lee"] == ("auditor", "lee@harrow.example", True)
    assert "Mallory" not in people(ada)


def test_it_follows_groups_in_both_directions(entra: Provider, ada: Member) -> None:
    readers = _access_group(ada, "Readers")
    entra.sign_on.maps("Admins", role=Role.ADMIN)
    entra.sign_on.maps("object-id-7", group_id=readers)
    mia = entra.adds("mia", displayName="Mia")
    admins = entra.groups("Admins", mia)
    research = entra.groups("Research", mia, externalId="object-id-7")

    assert people(ada)["Mia"][0] == "admin"
    assert _in_group(ada, readers) == 1

    member = {"op": "Remove", "path": "members", "value": [{"value": mia["id"]}]}
    assert entra.patches(f"/Groups/{admins['id']}", member).status_code == 204
    assert entra.patches(f"/Groups/{research['id']}", {"op": "remove", "path": f'members[value eq "{mia["id"]}"]'}).status_code == 204

    assert people(ada)["Mia"][0] == "member"
    assert _in_group(ada, readers) == 0


def test_it_follows_a_mapping_that_is_made_later(entra: Provider, ada: Member) -> None:
    entra.groups("Auditors", entra.adds("mia", displayName="Mia"))
    assert people(ada)["Mia"][0] == "member"

    entra.sign_on.maps("Auditors", role=Role.AUDITOR)

    assert people(ada)["Mia"][0] == "auditor"


def test_it_leaves_a_role_that_somebody_here_gave(entra: Provider, ada: Member) -> None:
    entra.sign_on.maps("Auditors", role=Role.AUDITOR)
    mia = entra.adds("mia", displayName="Mia")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        user_id = tx.scalar(text("SELECT user_id FROM memberships WHERE display_name = 'Mia'"))
        identity.change_role(tx, ada.caller, user_id, role=Role.ADMIN)

    entra.groups("Auditors", mia)

    assert people(ada)["Mia"][0] == "admin"


def test_it_gives_access_only_to_who_is_in_a_mapped_group_where_that_is_asked(site: Flask, ada: Member) -> None:
    okta = provisions(site, ada, needs_group=True)
    okta.sign_on.maps("Cloister", role=Role.MEMBER)
    mia = okta.adds("mia", displayName="Mia")
    assert people(ada)["Mia"][2] is False

    group = okta.groups("Cloister", mia)
    assert people(ada)["Mia"][2] is True

    assert okta.asks("DELETE", f"/Groups/{group['id']}").status_code == 204
    assert people(ada)["Mia"][2] is False


def test_it_keeps_the_last_owner_whatever_a_provider_wants(entra: Provider, ada: Member) -> None:
    entra.sign_on.maps("Owners", role=Role.OWNER)
    mia = entra.adds("mia", displayName="Mia")
    owners = entra.groups("Owners", mia)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        tx.execute(text("UPDATE memberships SET role = 'member' WHERE user_id = :id"), {"id": ada.caller.user_id})

    refused = [
        entra.patches(f"/Users/{mia['id']}", {"op": "replace", "path": "active", "value": "False"}),
        entra.asks("DELETE", f"/Users/{mia['id']}"),
        entra.patches(f"/Groups/{owners['id']}", {"op": "remove", "path": f'members[value eq "{mia["id"]}"]'}),
        entra.asks("PUT", f"/Groups/{owners['id']}", {"schemas": [GROUP], "displayName": "Owners", "members": []}),
        entra.patches(f"/Groups/{owners['id']}", {"op": "replace", "path": "displayName", "value": "Others"}),
        entra.asks("DELETE", f"/Groups/{owners['id']}"),
    ]

    assert [one.status_code for one in refused] == [409] * 6
    assert {one.get_json(force=True)["scimType"] for one in refused} == {"mutability"}
    assert people(ada)["Mia"] == ("owner", "", True)
    assert [facts["reason"] for _, facts in events(ada, "identity:provisioning:refused")] == ["mutability"] * 6
    assert entra.asks("GET", f"/Users/{mia['id']}").get_json(force=True)["active"] is True


def test_it_lets_somebody_in_again_who_was_switched_off(entra: Provider, ada: Member) -> None:
    mia = entra.adds("mia", displayName="Mia")
    entra.patches(f"/Users/{mia['id']}", {"op": "Replace", "path": "active", "value": "False"})
    with pytest.raises(PersonRemoved):
        entra.sign_on.arrives("id-of-mia")

    entra.patches(f"/Users/{mia['id']}", {"op": "Replace", "path": "active", "value": "True"})

    assert people(ada)["Mia"][2] is True
    assert entra.sign_on.arrives("id-of-mia")


def test_it_does_not_let_in_whom_somebody_here_removed(entra: Provider, ada: Member) -> None:
    mia = entra.adds("mia", displayName="Mia")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        user_id = tx.scalar(text("SELECT user_id FROM memberships WHERE display_name = 'Mia'"))
        identity.remove_member(tx, ada.caller, user_id, clock=ada.house.clock)

    entra.patches(f"/Users/{mia['id']}", {"op": "replace", "path": "title", "value": "Head"})

    assert people(ada)["Mia"][2] is False


def test_it_takes_somebody_of_a_removed_persons_name_for_somebody_new(entra: Provider, ada: Member) -> None:
    old = entra.adds("mia", displayName="Mia the first")
    assert entra.asks("DELETE", f"/Users/{old['id']}").status_code == 204
    assert entra.asks("GET", f"/Users/{old['id']}").status_code == 404
    with pytest.raises(PersonRemoved):
        entra.sign_on.arrives("id-of-mia")

    new = entra.adds("mia", displayName="Mia the second")

    assert new["id"] != old["id"]
    assert people(ada)["Mia the first"][2] is False
    assert entra.sign_on.who(entra.sign_on.arrives("id-of-mia")).display_name == "Mia the second"


def test_it_does_what_entra_id_sends(entra: Provider, ada: Member) -> None:
    owns_domain(ada, "harrow.example")
    assert entra.finds("Users", 'userName eq "mia@harrow.example"') == []
    mia = entra.adds(
        "mia@harrow.example", displayName="Mia", externalId="0000-oid", emails=[{"primary": True, "type": "work", "value": "mia@harrow.example"}],
        roles=[], phoneNumbers=[{"type": "work", "value": "+49 30 1"}], schemas=[USER, ENTERPRISE], **{ENTERPRISE: {"department": "IT"}},
    )  # fmt: skip
    path = f"/Users/{mia['id']}"
    steps: list[dict[str, object]] = [
        {"op": "Add", "path": 'emails[type eq "other"].value', "value": "m@harrow.example"},
        {"op": "Replace", "path": "displayName", "value": "Mia Berg"},
        {"op": "Add", "path": "name.givenName", "value": "Mia"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "4711"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+49 170 1"},
        {"op": "Add", "path": 'addresses[type eq "work"].country', "value": "DE"},
        {"op": "Add", "value": {"name.familyName": "Berg", f"{ENTERPRISE}:costCenter": "7"}},
    ]

    answer = entra.patches(path, *steps)

    said = answer.get_json(force=True)
    assert answer.status_code == 200
    assert said["emails"][1] == {"type": "other", "value": "m@harrow.example"}
    assert said["name"] == {"givenName": "Mia", "familyName": "Berg"}
    assert said[ENTERPRISE] == {"department": "IT", "costCenter": "7", "manager": {"value": "4711"}}
    assert people(ada)["Mia Berg"][1] == "mia@harrow.example"
    assert entra.asks("GET", '/Groups?excludedAttributes=members&filter=displayName eq "X"').get_json(force=True)["totalResults"] == 0
    group = entra.groups("X", externalId="g-1")
    added = entra.patches(f"/Groups/{group['id']}", {"op": "Add", "path": "members", "value": [{"$ref": None, "value": mia["id"]}]})
    assert added.status_code == 204
    assert entra.finds("Groups", f'id eq "{group["id"]}" and members eq "{mia["id"]}"') == ["X"]
    assert entra.patches(path, {"op": "Replace", "path": "active", "value": "False"}).get_json(force=True)["active"] is False
    assert entra.asks("DELETE", path).status_code == 204


def test_it_does_what_okta_sends(site: Flask, ada: Member) -> None:
    okta = provisions(site, ada)
    assert okta.asks("GET", '/Users?filter=userName eq "mia@harrow.example"&startIndex=1&count=100').get_json(force=True)["totalResults"] == 0
    mia = okta.adds(
        "mia@harrow.example", externalId="00u1", password="1mz050nq", locale="en-US", displayName="Mia Berg",
        name={"givenName": "Mia", "familyName": "Berg"}, groups=[], emails=[{"primary": True, "value": "mia@harrow.example", "type": "work"}],
    )  # fmt: skip
    assert "password" not in mia
    whole = {key: value for key, value in mia.items() if key != "meta"} | {"displayName": "Mia B."}

    put = okta.asks("PUT", f"/Users/{mia['id']}", whole)
    off = okta.asks("PATCH", f"/Users/{mia['id']}", {"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": False}}]})
    group = okta.asks("POST", "/Groups", {"schemas": [GROUP], "displayName": "Sales", "members": [{"value": mia["id"], "display": "mia"}]})
    group_id = group.get_json(force=True)["id"]
    named = okta.patches(f"/Groups/{group_id}", {"op": "replace", "value": {"id": group_id, "displayName": "Selling"}})
    both = okta.patches(
        f"/Groups/{group_id}", {"op": "remove", "path": f'members[value eq "{mia["id"]}"]'},
        {"op": "add", "path": "members", "value": [{"value": mia["id"], "display": "mia"}]},
    )  # fmt: skip

    assert (put.status_code, off.status_code, group.status_code, named.status_code, both.status_code) == (200, 200, 201, 204, 204)
    assert off.get_json(force=True)["active"] is False
    assert okta.finds("Groups", 'displayName eq "selling"') == ["Selling"]
    assert people(ada)["Mia B."][2] is False


def test_it_finds_sorts_and_pages(entra: Provider) -> None:
    for name, title in (("Änne", "Head"), ("bob", "clerk"), ("Carl", None)):
        entra.adds(name, title=title, name={"familyName": f"F-{name}"}, emails=[{"value": f"{name}@x.example", "type": "work"}])
    carl = entra.asks("GET", '/Users?filter=userName eq "carl"').get_json(force=True)["Resources"][0]
    group = entra.groups("Some", carl)

    assert entra.finds("Users", 'userName eq "äNNE"') == ["Änne"]
    assert entra.finds("Users", 'title pr and not (title eq "head")') == ["bob"]
    assert sorted(entra.finds("Users", 'not (title eq "head")')) == ["Carl", "bob"]
    assert sorted(entra.finds("Users", 'title ne "HEAD"')) == ["Carl", "bob"]
    assert entra.finds("Users", 'emails[type eq "work" and value sw "BOB@"]') == ["bob"]
    assert entra.finds("Users", 'emails co "carl" or name.familyName ew "-bob"') == ["bob", "Carl"]
    assert entra.finds("Users", 'externalId eq "ID-of-bob"') == []
    assert entra.finds("Users", 'externalId eq "id-of-bob"') == ["bob"]
    assert entra.finds("Users", f'groups.value eq "{group["id"]}"') == ["Carl"]
    assert entra.finds("Users", 'active eq true and meta.created gt "2020-01-01T00:00:00Z"&sortBy=userName&sortOrder=descending') == ["Änne", "Carl", "bob"]
    assert entra.finds("Users", "userName pr&sortBy=title") == ["bob", "Änne", "Carl"]
    page = entra.asks("GET", "/Users?sortBy=userName&startIndex=2&count=1&attributes=userName").get_json(force=True)
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (3, 2, 1)
    assert set(page["Resources"][0]) == {"schemas", "id", "userName"}
    both = entra.asks("POST", "/.search", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": 'displayName eq "some" or userName eq "bob"', "startIndex": 2})
    assert both.get_json(force=True)["totalResults"] == 2
    assert both.get_json(force=True)["Resources"][0]["displayName"] == "Some"


def test_it_knows_versions(entra: Provider) -> None:
    mia = entra.adds("mia")
    path, tag = f"/Users/{mia['id']}", mia["meta"]["version"]
    change = {"op": "replace", "path": "title", "value": "Head"}

    assert entra.asks("GET", path, If_None_Match=tag).status_code == 304
    assert entra.patches(path, change, If_Match=tag).status_code == 200
    assert entra.patches(path, change, If_Match=tag).status_code == 412
    assert entra.asks("DELETE", path, If_Match=tag).status_code == 412
    assert entra.asks("GET", path, If_None_Match=tag).headers["ETag"] != tag


def test_it_does_many_things_in_one_request(entra: Provider, ada: Member) -> None:
    operations = [
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"schemas": [GROUP], "displayName": "G", "members": [{"value": "bulkId:u"}]}},
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": {"schemas": [USER], "userName": "mia", "displayName": "Mia"}},
        {"method": "PATCH", "path": "/Users/bulkId:u", "data": {"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "T"}]}},
        {"method": "POST", "path": "/Users", "bulkId": "v", "data": {"schemas": [USER], "userName": "MIA"}},
        {"method": "DELETE", "path": "/Schemas/x"},
    ]

    answer = entra.asks("POST", "/Bulk", {"schemas": [BULK], "Operations": operations}).get_json(force=True)

    assert [one["status"] for one in answer["Operations"]] == ["201", "201", "200", "409", "400"]
    assert answer["Operations"][3]["response"]["scimType"] == "uniqueness"
    assert entra.finds("Groups", "members pr") == ["G"]
    assert set(people(ada)) == {"Ada", "Mia"}


def test_it_stops_a_bulk_request_where_too_much_fails_and_sees_a_circle(entra: Provider) -> None:
    wrong = {"method": "DELETE", "path": "/Users/none"}
    circle = [
        {"method": "POST", "path": "/Groups", "bulkId": name, "data": {"displayName": name, "members": [{"value": f"bulkId:{other}"}]}}
        for name, other in (("a", "b"), ("b", "a"))
    ]

    stopped = entra.asks("POST", "/Bulk", {"schemas": [BULK], "failOnErrors": 2, "Operations": [wrong] * 5}).get_json(force=True)
    round_ = entra.asks("POST", "/Bulk", {"schemas": [BULK], "Operations": circle}).get_json(force=True)
    many = entra.asks("POST", "/Bulk", {"schemas": [BULK], "Operations": [wrong] * 101})

    assert [one["status"] for one in stopped["Operations"]] == ["404", "404"]
    assert [one["status"] for one in round_["Operations"]] == ["409", "409"]
    assert many.status_code == 413
    assert many.get_json(force=True)["schemas"] == [ERROR]
