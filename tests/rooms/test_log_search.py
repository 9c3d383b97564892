"""A page of the log holds what its filter asks, whatever that is: as if every entry had been looked at; and by an index alone."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from appliance import audit
from appliance.audit import Actor, ActorKind, Entry, EntryFilter, Event, NewEntry
from appliance.kernel.ids import new_id
from tests.support.house import House, Member

KINDS = (Event.DOCUMENT_OPENED, Event.PROFILE_CHANGED, Event.QUESTION_ASKED, Event.SESSION_OPENED)
PEOPLE = tuple(new_id() for _ in range(6))
THINGS = tuple(new_id() for _ in range(4))
NOBODY, NOTHING = new_id(), new_id()


@pytest.fixture
def entries(house: House, ada: Member, bo: Member) -> list[Entry]:
    """A log of many people's doings, of which some wait in the inbox; another organisation did the same things. Newest first."""
    chance = Random(11)
    for member, count in ((ada, 260), (bo, 30), (ada, 40)):
        drawn = [
            NewEntry(
                Actor(ActorKind.USER, chance.choice([*PEOPLE, None])), chance.choice(KINDS), chance.choice([*THINGS, None])
            )
            for _ in range(count)
        ]  # fmt: skip
        with house.app.db.tenant(member.tenant_id) as tx:
            audit.inbox.record_all(tx, drawn)
        if member is bo:
            house.seals()
    with house.app.db.tenant(ada.tenant_id) as tx:
        return audit.list_entries(tx, limit=1000)


def fits(entry: Entry, wanted: EntryFilter) -> bool:
    return (
        (wanted.event is None or entry.event == wanted.event)
        and (wanted.kinds is None or entry.event in wanted.kinds)
        and (wanted.actors is None or entry.actor.id in wanted.actors)
        and (wanted.subject is None or entry.subject == str(wanted.subject))
        and (wanted.since is None or entry.at >= wanted.since)
        and (wanted.until is None or entry.at < wanted.until)
    )


def filters(entries: list[Entry]) -> Iterator[EntryFilter]:
    since, until = entries[200].at, entries[60].at
    kinds: tuple[dict[str, Any], ...] = (
        {}, {"event": KINDS[0]}, {"event": Event.KEY_ROTATED}, {"kinds": frozenset(KINDS[1:3])}, {"event": KINDS[0], "kinds": frozenset(KINDS[1:3])},
    )  # fmt: skip
    actors = (None, frozenset[UUID](), frozenset(PEOPLE[:1]), frozenset({*PEOPLE[:4], NOBODY}), frozenset({NOBODY}))
    for kind, who, what, period in itertools.product(
        kinds, actors, (None, THINGS[0], NOTHING), ({}, {"since": since, "until": until}, {"until": since})
    ):
        yield replace(EntryFilter(**kind), actors=who, subject=what, **period)


def test_a_page_is_what_looking_at_every_entry_finds(house: House, ada: Member, entries: list[Entry]) -> None:
    assert len(entries) > 300
    with house.app.db.tenant(ada.tenant_id) as tx:
        for number, wanted in enumerate([*filters(entries)][::4]):
            expected = [one for one in entries if fits(one, wanted)]
            oldest_first = number % 2 == 1
            if oldest_first:
                expected.reverse()
            first = audit.list_entries(tx, wanted, limit=7, oldest_first=oldest_first)
            assert first == expected[:7], wanted
            if len(first) == 7:
                behind = first[-1].event_id
                following = audit.list_entries(tx, wanted, limit=7, before=behind, oldest_first=oldest_first)
                assert following == expected[7:14], wanted


def test_what_is_asked_of_the_log_is_read_from_indexes_as_the_role_that_serves(
    house: House, ada: Member, entries: list[Entry]
) -> None:
    asked: list[tuple[str, Any]] = []
    listener = lambda *told: asked.append((told[2], told[3]))  # noqa: E731 - SQLAlchemy forgets what nobody holds
    event.listen(house.app.db.engine, "before_cursor_execute", listener)
    wholes = [
        EntryFilter(actors=frozenset(PEOPLE[:1])), EntryFilter(Event.KEY_ROTATED, frozenset(PEOPLE)), EntryFilter(subject=THINGS[0]),
        EntryFilter(KINDS[0], frozenset(PEOPLE), subject=THINGS[0], since=entries[200].at, until=entries[60].at),
    ]  # fmt: skip
    with house.server.connect("boot", house.database) as boot:
        boot.execute("VACUUM (ANALYZE) cloister.audit_log")
    for wanted in wholes:
        with house.app.db.tenant(ada.tenant_id) as tx:
            audit.list_entries(tx, wanted)
            statement, values = next(one for one in reversed(asked) if "audit_log" in one[0])
            connection = tx.connection()
            # So few entries would be read one after the other: it is about what row-level security lets an index do.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
            plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", values))
        conditions = re.findall(r"Index Only Scan (?:Backward )?using audit_log_by_(?:actor|subject|both).*\n *Index Cond: (.*)", plan)
        assert conditions, plan
        assert all(("actor_id" in one) == (wanted.actors is not None) for one in conditions)
        assert all(("subject" in one) == (wanted.subject is not None) for one in conditions)
        assert not re.search(r"Filter: .*(actor_id|subject|event )", plan.split("audit_inbox")[0]), plan
    event.remove(house.app.db.engine, "before_cursor_execute", listener)
