"""A law: what a page costs does not grow with the organisation. How long pages take is the bench's (`ONLY=web`)."""

import gzip
import re
from dataclasses import replace

import pytest
from flask import Flask

from appliance import audit, dlp, identity
from appliance.audit import Event, subject_keys
from appliance.tenancy import OrganisationSettings, Review
from tests.bench.web import counted, first_load
from tests.support.addresses import visits
from tests.support.crowd import Size, fill
from tests.support.furnish import looks_for
from tests.support.house import House, Member
from tests.support.site import Browser

SMALL = Size(
    people=16, groups=3, collections=3, documents=16, passages=12, chatbots=3, conversations=20, own=12, longest=8, entries=20,
    calls=20, tokens=12, jobs=12, requests=8, organisations=2,
)  # fmt: skip
MOST_QUERIES = 26  # the search page admits, records and settles a model call as well


def test_it_asks_the_database_as_often_for_a_page_of_few_rows_as_for_one_of_many(
    site: Flask, house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Once a minute whoever acts is looked up: a machine that is busy would meet that on another page each time.
    monkeypatch.setattr(subject_keys, "KNOWN_SECONDS", 3600.0)
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.change_settings(tx, ada.caller, OrganisationSettings(Review.AUDITED))
    operator = house.operator("olga@platform.example")
    ids = fill(house, ada, SMALL)
    settles(house)
    house.seals()
    for _ in range(2):  # whoever acts has a key by the first entry, and is known by the second
        with house.app.db.tenant(ada.tenant_id) as tx:
            audit.record(tx, replace(ada.caller.actor, address="192.0.2.1"), Event.PROFILE_CHANGED)
    looks_for(ada)
    with house.app.db.tenant(ada.tenant_id) as tx:
        dlp.own_rules(tx)  # read once, and from then on known by their version
    few = queries(site, house, ada, operator, ids)
    ids = fill(house, ada, SMALL.times(4))
    busy = queries(site, house, ada, operator, ids)
    settles(house)
    many = queries(site, house, ada, operator, ids)

    assert few == many
    # Where something is on its way, one query more says how long all of it takes.
    assert {name: count - many[name] for name, count in busy.items() if count > many[name] + 1} == {}
    assert max(busy.values()) <= MOST_QUERIES, busy


def test_it_sends_at_most_a_hundred_kilobytes_to_a_browser_that_was_never_here(
    site: Flask, house: House, ada: Member
) -> None:
    operator = house.operator("olga@platform.example")
    every = {visit.name: visit for visit in visits(site, ada, operator, fill(house, ada, SMALL))}

    for name in ("signin.sign_in_page", "overview.show", "conversations.show", "documents.show"):
        assert first_load(every[name]) <= 100_000, name


def queries(site: Flask, house: House, ada: Member, operator: Member, ids: dict[str, str]) -> dict[str, int]:
    found = {}
    for visit in visits(site, ada, operator, ids):
        with counted(house) as statements:
            visit.made()
        found[visit.name] = len(statements)
    return found


def settles(house: House) -> None:
    """Let all documents be read."""
    with house.server.connect("boot", house.database) as admin:
        for table in ("documents", "document_versions"):
            admin.execute(
                f"UPDATE cloister.{table} SET status = 'ready' WHERE status IN ('received', 'parsing', 'embedding')"
            )


def test_it_lets_browsers_keep_our_files_for_a_year_and_nothing_else(
    site: Flask, house: House, at_ada: Browser
) -> None:
    address = at_ada.first(r'href="(/static/app\.css[^"]+)"', "/")
    with counted(house) as statements:
        packed = at_ada.client.get(address, headers={"Accept-Encoding": "gzip"})
    plain = at_ada.gets(address)

    assert gzip.decompress(packed.data) == plain.data
    assert "immutable" in packed.headers["Cache-Control"]
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert not statements, "a file of ours is everybody's"
    again = at_ada.client.get(address, headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert "immutable" not in at_ada.gets("/static/app.css?v=older").headers["Cache-Control"]
    for path in ("/static/nothing.css", "/static/..%2fapp.py", "/"):
        assert at_ada.gets(path).headers["Cache-Control"] == "no-store", path


def test_it_compresses_no_page_since_pages_hold_secrets_beside_what_their_address_says(
    site: Flask, at_ada: Browser
) -> None:
    for path in ("/", "/chat?q=secret", "/documents?q=secret", "/sign-in"):
        answer = at_ada.client.get(path, headers={"Accept-Encoding": "gzip, br, zstd"})
        assert "Content-Encoding" not in answer.headers, path


def test_it_filters_sorts_and_pages_people_groups_and_tokens_as_the_address_says(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    fill(house, ada, SMALL.times(5))

    names = re.findall(r'<a href="/people/[0-9a-f-]+">([^<]+)', at_ada.gets("/people?sort=-name").text)
    assert len(names) == 50
    assert names == sorted(names, key=str.lower, reverse=True)
    assert "51–81 of 81" in at_ada.gets("/people?sort=-name&page=2").text
    assert "auditor" in at_ada.gets("/people?q=AUDITOR").text
    assert "Nobody here fits" in at_ada.gets("/people?q=nobody").text
    sizes = [
        int(size)
        for size in re.findall(r'data-label="Members" class="number">(\d+)', at_ada.gets("/groups?sort=-members").text)
    ]
    assert len(sizes) == 15
    assert sizes == sorted(sizes, reverse=True)
    assert "1–50 of 60" in at_ada.gets("/tokens").text
    assert "1–1 of 1" in at_ada.gets("/tokens?q=token+60").text
    assert at_ada.gets("/tokens?sort=ends&page=2").text.count('class="actions"') == 10


def test_it_gives_programs_every_person_group_and_token_once_page_by_page(
    site: Flask, house: House, ada: Member
) -> None:
    fill(house, ada, SMALL)
    operator = house.operator("olga@platform.example")
    every = {visit.name: visit for visit in visits(site, ada, operator, fill(house, ada, SMALL))}
    for name, key, total in (
        ("list_people", "user_id", 33),
        ("list_groups", "group_id", 6),
        ("list_tokens", "token_id", 24),
    ):
        visit, found, cursor = every[f"api.{name}"], list[str](), ""
        while True:
            answer = visit.client.get(f"{visit.path}?limit=5{cursor}", headers=visit.headers).json
            assert answer is not None
            found += [item[key] for item in answer["items"]]
            if answer["next_cursor"] is None:
                break
            cursor = f"&cursor={answer['next_cursor']}"
        assert len(found) == len(set(found)) >= total, name


def test_it_shows_the_end_of_a_long_conversation_and_all_of_it_when_asked(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    ids = fill(house, ada, replace(SMALL, longest=120))
    path = f"/chat/{ids['conversation_id']}"

    assert at_ada.gets(path).text.count('<article class="message') == 50
    assert "Show the 70 earlier messages" in at_ada.gets(path).text
    assert at_ada.gets(f"{path}?all=1").text.count('<article class="message') == 120
