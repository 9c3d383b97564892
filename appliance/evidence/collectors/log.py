"""What the audit log says: of itself, of changes, of what was watched for."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from appliance import audit, tenancy
from appliance.audit import Entry, Event
from appliance.audit.anchors import last_seen
from appliance.audit.counting import newest_entries
from appliance.evidence.sources import QUARTER, YEAR, Sources
from appliance.evidence.values import Cell, Found, Gap

MOST_CHANGES: Final = 1_000
_BEHIND: Final = timedelta(minutes=10)
_E = Event
CHANGES: Final = frozenset(
    {
        _E.ANCHORS_CHANGED, _E.BREAK_GLASS_DESIGNATED, _E.BREAK_GLASS_ENABLED, _E.BREAK_GLASS_WITHDRAWN, _E.BUDGET_CHANGED, _E.BUDGET_REMOVED, _E.CALL_LIMIT_CHANGED, _E.CALL_LIMIT_REMOVED, _E.CALL_RULE_CHANGED,
        _E.CALL_RULE_CREATED, _E.CALL_RULE_REMOVED, _E.CHATBOT_ARCHIVED, _E.CHATBOT_PUBLISHED, _E.COLLECTION_CHANGED, _E.COLLECTION_CREATED,
        _E.COLLECTION_DELETED, _E.CONFIGURATION_CHANGED, _E.CONNECTION_ACTIVATED, _E.CONNECTION_CHANGED, _E.CONNECTION_CREATED,
        _E.CONNECTION_ENFORCED, _E.CONNECTION_LINK_CLOSED, _E.CONNECTION_LINK_CREATED, _E.CONNECTION_MAPPING_CHANGED, _E.CONNECTION_REMOVED,
        _E.CONNECTION_STOPPED, _E.CONTRACT_ADDED, _E.CONTRACT_ENDED, _E.CUSTOM_ROLE_CHANGED, _E.CUSTOM_ROLE_CREATED, _E.CUSTOM_ROLE_DELETED,
        _E.DATA_LABEL_REMOVED, _E.DATA_LABEL_SET, _E.DLP_ALLOWANCE_ADDED, _E.DLP_ALLOWANCE_ENDED, _E.DLP_LIST_REMOVED, _E.DLP_LIST_SET,
        _E.DLP_POLICY_ASKED, _E.DLP_POLICY_IN_FORCE, _E.DLP_POLICY_SENT_BACK, _E.DOMAIN_ADDED, _E.DOMAIN_REMOVED, _E.DOMAIN_UNVERIFIED,
        _E.DOMAIN_VERIFIED, _E.FACTOR_REMOVED, _E.GROUP_CHANGED, _E.GROUP_CREATED,
        _E.GROUP_DELETED, _E.INDEX_SWITCHED, _E.INVITATION_CREATED, _E.KEY_DESTRUCTION_DECIDED, _E.KEY_DESTRUCTION_REQUESTED,
        _E.KEY_ROTATED, _E.LOG_EPOCH_OPENED, _E.LOG_EPOCH_ORDERED, _E.LOG_EXPORT_SCHEDULED, _E.LOG_EXPORT_UNSCHEDULED,
        _E.LOG_KEY_CHANGED, _E.MEMBER_ADDED, _E.MEMBER_EXPIRED, _E.MEMBER_REMOVED, _E.MEMBER_RESTORED,
        _E.MEMBERSHIP_FOLLOWED, _E.MODEL_ALIAS_CHANGED, _E.MODEL_ALLOWED, _E.MODEL_FORBIDDEN, _E.ORGANISATION_RENAMED,
        _E.ORGANISATION_RESUMED, _E.ORGANISATION_SUSPENDED, _E.OWN_KEYS_SET, _E.PASSWORD_RESET_CREATED,
        _E.PROVIDER_CHANGED, _E.PROVIDER_CREATED, _E.PROVIDER_KEY_CHANGED, _E.PROVIDER_KEY_CREATED, _E.PROVIDER_KEY_DESTROYED, _E.PROVIDER_KEY_REPLACED,
        _E.PROVIDER_KEY_REVOKED, _E.PROVIDER_REMOVED, _E.PROVISIONING_CHANGED, _E.PROVISIONING_TOKEN_CREATED,
        _E.PROVISIONING_TOKEN_REVOKED, _E.REVIEW_DECIDED, _E.ROLE_CHANGED, _E.ROOT_KEY_EXCHANGED,
        _E.SCREENING_CHANGED, _E.SERVICE_ACCOUNT_CREATED, _E.SESSION_POLICY_CHANGED, _E.SETTINGS_CHANGED, _E.SINK_ADDED, _E.SINK_CHANGED,
        _E.SINK_REMOVED, _E.SUPPORT_ENDED, _E.SUPPORT_GRANTED, _E.TOKEN_CREATED, _E.TOKEN_REVOKED, _E.VERSION_CHANGED,
    }
)  # fmt: skip
_ASKED: Final = frozenset({_E.KEY_DESTRUCTION_REQUESTED, _E.REVIEW_REQUESTED})
_DECIDED: Final = frozenset({_E.KEY_DESTRUCTION_DECIDED, _E.REVIEW_DECIDED})
_READINGS: Final = frozenset(
    {_E.EVIDENCE_PACKAGE_TAKEN, _E.EVIDENCE_READ, _E.LOG_EXPORTED, _E.LOG_EXPORT_TAKEN, _E.LOG_READ}
)
_CALLS: Final = (
    "calls_admitted", "calls_refused", "calls_settled", "documents_held", "documents_quarantined", "passages_shown",
)  # fmt: skip
_DELETIONS: Final = (
    "addresses_erased", "call_contents_ended", "conversations_deleted", "documents_deleted", "keys_destroyed", "members_removed",
    "versions_deleted",
)  # fmt: skip
_LOOKS: Final = ("conversations_reviewed", "reviews_asked", "calls_reviewed", "call_reviews_asked")
_SIGN_INS: Final = ("second_factor_failed", "sign_in_failed", "sign_in_locked", "sign_ins")


def proofs(sources: Sources) -> Found:
    """Return how the log stands."""
    state = audit.get_log(sources.tx)
    if state is None:
        return Found(None, (), (Gap("log_not_sealed"),))
    taken, seen = sources.counts.of["packages_taken"], last_seen(sources.tx, state.origin)
    gaps = []
    if state.waiting and sources.now - state.sealed_at > _BEHIND:
        gaps.append(Gap("log_behind"))
    if not taken and (seen is None or sources.now - seen > QUARTER):
        gaps.append(Gap("no_copy_outside"))
    rows: list[tuple[Cell, ...]] = [
        ("entries_sealed", state.size),
        ("entries_waiting", state.waiting),
        ("oldest_entry", sources.counts.first_at),
        ("sealed_at", state.sealed_at),
        ("log_origin", state.origin),
        ("log_root", state.root),
        ("log_key", state.keys[-1]),
        ("packages_taken", taken),
        ("witness_seen_at", seen),
    ]
    return Found(state.sealed_at, rows, tuple(gaps))


def readers(sources: Sources) -> Found:
    """Return who read the log and the evidence, and how often."""
    entries = [] if sources.in_brief else _entries(sources, _READINGS, QUARTER)
    times = Counter((_who(one), one.event) for one in entries)
    last: dict[tuple[Cell, str], datetime] = {}
    for one in entries:  # the newest come first
        last.setdefault((_who(one), one.event), one.at)
    return Found(sources.now, [(who, event, number, last[who, event]) for (who, event), number in times.most_common()])


def changes(sources: Sources) -> Found:
    """Return the newest changes of policy and configuration within a year, with who made them, and who else agreed where that is asked for."""
    entries = [] if sources.in_brief else _entries(sources, CHANGES | _ASKED, YEAR)
    asked = {_request(one): _who(one) for one in entries if one.event in _ASKED}
    rows = [
        (one.at, *_by_whom(one, asked), one.event, one.subject or "", _facts(one.facts)) for one in entries if one.event in CHANGES
    ]
    return Found(sources.now, rows)


def model_calls(sources: Sources) -> Found:
    """Return how many calls there were, and what was held back."""
    return Found(sources.now, _counts(sources, _CALLS))


def sign_ins(sources: Sources) -> Found:
    """Return how many sign-ins succeeded and failed."""
    return Found(sources.now, _counts(sources, _SIGN_INS))


def deletions(sources: Sources) -> Found:
    """Return how much was deleted. That no document or conversation is by a schedule is said with it."""
    return Found(sources.now, _counts(sources, _DELETIONS), (Gap("no_retention_schedule"),))


def oversight(sources: Sources) -> Found:
    """Return who may look into conversations and kept calls, and how often they did."""
    settings = tenancy.get_settings(sources.tx)
    rows: list[tuple[Cell, ...]] = [
        ("review_mode", settings.conversation_review.value),
        ("call_content_days", settings.call_content_days),
    ]
    return Found(sources.now, rows + _counts(sources, _LOOKS))


def subject_requests(_sources: Sources) -> Found:
    """Return that there is no such register."""
    return Found(None, (), (Gap("no_subject_requests"),), is_absent=True)


def _counts(sources: Sources, measures: tuple[str, ...]) -> list[tuple[Cell, ...]]:
    return [] if sources.in_brief else [(one, sources.counts.of[one]) for one in measures]


def _entries(sources: Sources, kinds: frozenset[Event], span: timedelta) -> list[Entry]:
    return newest_entries(sources.tx, kinds, sources.now - span, most=MOST_CHANGES)


def _by_whom(entry: Entry, asked: Mapping[str, Cell]) -> tuple[Cell, Cell]:
    """Return who made a change, and the second person who agreed; without a second one, nobody else had to."""
    if entry.event in _DECIDED and entry.facts.get("granted"):
        return asked.get(_request(entry), ""), _who(entry)
    return _who(entry), ""


def _request(entry: Entry) -> str:
    return str(entry.facts.get("request") or entry.subject)


def _who(entry: Entry) -> Cell:
    return entry.actor.id or entry.actor.kind.value


def _facts(facts: Mapping[str, str | int]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(facts.items()) if value != "")
