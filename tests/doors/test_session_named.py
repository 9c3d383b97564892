"""Entries of people say in which of their sessions they did it."""

from appliance import audit
from appliance.audit import EntryFilter, Event
from tests.support.house import House, Member
from tests.support.site import Browser


def test_an_entry_says_in_which_session_it_was_done(house: House, ada: Member, at_ada: Browser) -> None:
    at_ada.gets("/audit")
    with house.app.db.tenant(ada.tenant_id) as tx:
        opened = audit.list_entries(tx, EntryFilter(Event.SESSION_OPENED))[0]
        read = audit.list_entries(tx, EntryFilter(Event.LOG_READ))[0]
    assert read.facts["session"] == opened.facts["session"]
    assert len(str(read.facts["session"])) == 16
