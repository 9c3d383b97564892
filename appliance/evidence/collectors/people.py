"""Who has access, who looked through it, and how people sign in."""

from collections import Counter
from typing import Final

from appliance.evidence.access_reviews import AccessReview, list_access_reviews
from appliance.evidence.sources import QUARTER, Sources
from appliance.evidence.values import Cell, Found, Gap
from appliance.identity import MemberKind, Permission
from appliance.identity.sso.domains import all_domains
from appliance.identity.sso.queries import all_connections

_REVIEWS: Final = 50


def access_list(sources: Sources) -> Found:
    """Return everybody with access."""
    since, everybody = sources.now - QUARTER, sources.access
    unused = [one for one in everybody if max(one.joined_at, one.last_seen_at or one.joined_at) < since]
    gaps = (Gap("unused_access", {"number": len(unused)}),) if unused else ()
    rows = [
        (one.display_name, one.email if one.kind is MemberKind.PERSON else "", one.role_name, one.kind.value,
         one.joined_at, one.last_seen_at, one.access_until, one.factors, one.tokens)
        for one in (() if sources.in_brief else everybody)
    ]  # fmt: skip
    return Found(sources.now, rows, gaps)


def sign_in_strength(sources: Sources) -> Found:
    """Return how many people of each role have a second factor."""
    people = [one for one in sources.access if one.kind is MemberKind.PERSON]
    total = Counter(one.role_name for one in people)
    strong = Counter(one.role_name for one in people if one.factors)
    weak = sum(not one.factors for one in people if Permission.PEOPLE_CHANGE in one.permissions)
    gaps = (Gap("privileged_without_factor", {"number": weak}),) if weak else ()
    roles = dict.fromkeys(one.role_name for one in people)  # in the order of access: the strongest first
    rows = [(role, total[role], strong[role], total[role] - strong[role]) for role in roles]
    return Found(sources.now, rows, gaps)


def sign_on(sources: Sources) -> Found:
    """Return the connections to identity providers, without their secrets, and the organisation's domains."""
    rows: list[tuple[Cell, ...]] = [
        (one.kind.value, one.name, one.state.value, one.tested_at,
         f"default_role={one.default_role.value}; provisions={int(one.provisions)}")
        for one in all_connections(sources.tx)
    ]  # fmt: skip
    rows += [
        ("domain", one.domain, ("lost" if one.lost_at else "verified") if one.verified_at else "unverified", one.verified_at,
         f"verified_by={one.verified_by}" if one.verified_by else "")
        for one in all_domains(sources.tx)
    ]  # fmt: skip
    return Found(sources.now, rows)


def access_reviews(sources: Sources) -> Found:
    """Return the reviews of access. The newest closed one counts."""
    found = list_access_reviews(sources.tx, sources.caller, limit=_REVIEWS)
    closed = next((one for one in found if one.closed_at), None)
    rows = [
        (one.name, one.started_at, one.due_at, one.closed_at, one.closed_by or one.started_by,
         one.total, one.decided, one.digest or "")
        for one in found
    ]  # fmt: skip
    return Found(closed.closed_at if closed else None, rows, tuple(_of_reviews(sources, found, closed)))


def _of_reviews(sources: Sources, found: list[AccessReview], closed: AccessReview | None) -> list[Gap]:
    gaps = [
        Gap("review_overdue", {"number": one.total - one.decided}) for one in found if one.is_overdue(sources.now)
    ]
    if closed is None:
        return [*gaps, Gap("no_review")]
    return [*gaps, Gap("decided_on_own", {"number": closed.own})] if closed.own else gaps
