"""Evidence for the controls: what the house can show of itself, for whom, how old it is, and what is missing.

Trusted: the services below, which say what is so, and the log's key, which signs packages. Not trusted: the database's
owner, who could write other reports; the audit log, whose end somebody outside holds, has each report's digest.
Evidence holds names, ids, times and counts. Content and secrets are in none of it.
"""

from appliance.evidence.access_reviews import (
    close_review,
    decide_access,
    get_access_review,
    list_access_reviews,
    list_review_items,
    remind_of_review,
    start_review,
)
from appliance.evidence.exporting import PACKAGE, sweep_packages
from appliance.evidence.flow import gather, read_reports, standing_of, summaries
from appliance.evidence.reports import attest, attest_nightly, file_report, list_reports

__all__ = [
    "PACKAGE", "attest", "attest_nightly", "close_review", "decide_access", "file_report", "gather", "get_access_review",
    "list_access_reviews", "list_reports", "list_review_items", "read_reports", "remind_of_review", "standing_of", "start_review", "summaries",
    "sweep_packages",
]  # fmt: skip
