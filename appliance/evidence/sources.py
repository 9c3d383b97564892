"""What collectors read from. What several of them need is read once, and all that is counted in the log in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

from appliance import policy
from appliance.audit import EntryFilter, Event
from appliance.audit.counting import Counts, count_entries
from appliance.evidence.reports import Report, ReportKind
from appliance.identity import Caller
from appliance.identity.access import Access, list_access
from appliance.kernel.db import Tx
from appliance.policy import Rules
from appliance.vault.providing.queries import all_providers
from appliance.vault.providing.values import ModelProvider

MONTH, QUARTER, YEAR = timedelta(days=30), timedelta(days=90), timedelta(days=365)
_COUNTED: Final = 10_000
"""No measure is counted further: a large log costs no more."""
HouseState = Mapping[ReportKind, Sequence[Report]]
_E = Event
MEASURED: Final[Mapping[str, tuple[Event, timedelta]]] = {
    "addresses_erased": (_E.DISCLOSURES_ERASED, QUARTER),
    "call_contents_ended": (_E.CALL_CONTENTS_ENDED, QUARTER),
    "call_reviews_asked": (_E.CALL_CONTENT_REQUESTED, QUARTER),
    "calls_admitted": (_E.CALL_ADMITTED, MONTH),
    "calls_refused": (_E.CALL_REFUSED, MONTH),
    "calls_reviewed": (_E.CALL_CONTENT_OPENED, QUARTER),
    "calls_settled": (_E.CALL_SETTLED, MONTH),
    "conversations_deleted": (_E.CONVERSATION_DELETED, QUARTER),
    "conversations_reviewed": (_E.CONVERSATION_REVIEWED, QUARTER),
    "documents_deleted": (_E.DOCUMENT_DELETED, QUARTER),
    "documents_held": (_E.DOCUMENT_HELD, MONTH),
    "documents_quarantined": (_E.DOCUMENT_QUARANTINED, MONTH),
    "keys_destroyed": (_E.KEY_DESTROYED, QUARTER),
    "members_removed": (_E.MEMBER_REMOVED, QUARTER),
    "packages_taken": (_E.LOG_EXPORT_TAKEN, QUARTER),
    "passages_shown": (_E.PASSAGES_RETRIEVED, MONTH),
    "reviews_asked": (_E.REVIEW_REQUESTED, QUARTER),
    "second_factor_failed": (_E.SECOND_FACTOR_FAILED, MONTH),
    "sign_in_failed": (_E.SIGN_IN_FAILED, MONTH),
    "sign_in_locked": (_E.SIGN_IN_LOCKED, MONTH),
    "sign_ins": (_E.SESSION_OPENED, MONTH),
    "versions_deleted": (_E.VERSION_DELETED, QUARTER),
}
_OF_GAPS: Final = ("packages_taken",)
"""What says that something is missing; the rest is rows."""


@dataclass(frozen=True)
class Sources:
    """One organisation's transaction, for somebody who may see its evidence."""

    tx: Tx
    caller: Caller
    now: datetime
    house: HouseState
    in_brief: bool = False
    """Whether standings and gaps alone are wanted, and no rows."""
    weaknesses: Path | None = None
    """The file of known weaknesses that the operator brings."""

    @cached_property
    def access(self) -> list[Access]:
        """Everybody who has access."""
        return list_access(self.tx, now=self.now)

    @cached_property
    def providers(self) -> list[ModelProvider]:
        """The providers that data may go to."""
        return all_providers(self.tx)

    @cached_property
    def rules(self) -> Rules:
        """All that the organisation says of model calls."""
        return policy.load(self.tx)

    @cached_property
    def counts(self) -> Counts:
        """How often each thing of MEASURED happened, and since when there is a log."""
        wanted = {name: MEASURED[name] for name in _OF_GAPS} if self.in_brief else MEASURED
        filters = {name: EntryFilter(event, since=self.now - span) for name, (event, span) in wanted.items()}
        return count_entries(self.tx, filters, most=1 if self.in_brief else _COUNTED)
