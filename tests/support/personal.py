"""What people do from which address, and what the log says of it."""

from dataclasses import replace

from appliance import audit, identity
from appliance.audit import EntryFilter, Event, Lack, NewEntry
from appliance.identity import Caller
from tests.support.house import House, Member

HOME = "203.0.113.77"
OFFICE = "198.51.100.4"


def at(member: Member, address: str) -> Caller:
    return replace(member.caller, address=address, is_recent=True)


def acts(member: Member, address: str, times: int = 1) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        audit.record_all(tx, (NewEntry(at(member, address).actor, Event.PROFILE_CHANGED) for _ in range(times)))


def addresses(member: Member, event: Event = Event.PROFILE_CHANGED) -> list[str | None]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return [one.actor.address for one in audit.list_entries(tx, EntryFilter(event))]


def lacks(member: Member, event: Event = Event.PROFILE_CHANGED) -> list[dict[str, Lack]]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return [dict(one.undisclosed) for one in audit.list_entries(tx, EntryFilter(event))]


def removed(ada: Member, member: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.remove_member(tx, at(ada, OFFICE), member.caller.user_id, clock=ada.house.clock)


def erases(ada: Member, member: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.erase_from_log(tx, at(ada, OFFICE), member.caller.user_id, clock=ada.house.clock)


def stored(house: House) -> bytes:
    """All that the log, its inbox and what lies beside them hold."""
    with house.server.connect("boot", house.database) as boot:
        rows = boot.execute(
            "SELECT convert_to(t::text, 'UTF8') || body FROM cloister.audit_inbox t UNION ALL SELECT convert_to(t::text, 'UTF8') || body FROM cloister.audit_log t"
            " UNION ALL SELECT sealed FROM cloister.audit_disclosures UNION ALL SELECT coalesce(sealed, '') FROM cloister.audit_subject_keys"
        ).fetchall()
    return b"".join(bytes(one) for (one,) in rows)  # type: ignore[call-overload]
