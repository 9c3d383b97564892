"""A law: what a page costs does not grow with the organisation. How long pages take is the bench's (`ONLY=web`)."""

from flask import Flask

from appliance import identity
from appliance.tenancy import OrganisationSettings, Review
from tests.bench.web import counted, first_load
from tests.support.addresses import visits
from tests.support.crowd import Size, fill
from tests.support.house import House, Member

SMALL = Size(
    people=16, groups=3, collections=3, documents=16, passages=12, chatbots=3, conversations=20, own=12, longest=8, entries=20,
    calls=20, tokens=12, jobs=12, requests=8, organisations=2,
)  # fmt: skip
MOST_QUERIES = 25


def test_it_asks_the_database_as_often_for_a_page_of_few_rows_as_for_one_of_many(
    site: Flask, house: House, ada: Member
) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.change_settings(tx, ada.caller, OrganisationSettings(Review.AUDITED))
    operator = house.operator("olga@platform.example")
    few = queries(site, house, ada, operator, fill(house, ada, SMALL))
    many = queries(site, house, ada, operator, fill(house, ada, SMALL.times(4)))

    assert few == many
    assert max(many.values()) <= MOST_QUERIES, many


def test_it_sends_at_most_a_hundred_kilobytes_to_a_browser_that_was_never_here(
    site: Flask, house: House, ada: Member
) -> None:
    every = visits(site, ada, house.operator("olga@platform.example"), fill(house, ada, SMALL))

    for visit in every:
        if visit.name in {"signin.sign_in_page", "overview.show", "conversations.show", "documents.show"}:
            assert first_load(visit) <= 100_000, visit.name


def queries(site: Flask, house: House, ada: Member, operator: Member, ids: dict[str, str]) -> dict[str, int]:
    found = {}
    for visit in visits(site, ada, operator, ids):
        with counted(house) as statements:
            visit.made()
        found[visit.name] = len(statements)
    return found
