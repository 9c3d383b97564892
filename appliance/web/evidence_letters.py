"""What the worker mails of reviews of access that are due, and of broken isolation, in the language of whom it is for."""

from datetime import UTC, datetime

from babel import dates

from appliance.evidence.access_reviews import AccessReview
from appliance.web.language import DEFAULT, LANGUAGES
from appliance.web.reminders import gettext


def review_is_due(review: AccessReview, *, organisation: str, address: str, language: str | None) -> tuple[str, str]:
    """Return subject and body of a mail that says that access has to be reviewed."""
    code = _language(language)
    subject = gettext("The review of access of {organisation} on Cloister is due", code)
    body = gettext("{name} is due on {day} (UTC). Lines that are not decided: {open}.\n\n{address}\n", code)
    said = body.format(
        name=_plain(review.name), day=_day(review.due_at, code), open=review.total - review.decided,
        address=f"{address}/evidence/access-reviews/{review.review_id}",
    )  # fmt: skip
    return subject.format(organisation=_plain(organisation)), said


def isolation_is_broken(faults: int, *, address: str, language: str | None) -> tuple[str, str]:
    """Return subject and body of a mail that says that organisations are not kept apart as they should be."""
    code = _language(language)
    subject = gettext("Cloister: the isolation of organisations is broken", code)
    body = gettext("The nightly look at the database found broken rules: {faults}. Stop the house, and see `appliance evidence attest`.\n\n{address}\n", code)
    return subject, body.format(faults=faults, address=f"{address}/evidence")


def _language(language: str | None) -> str:
    return language if language is not None and language in LANGUAGES else DEFAULT


def _plain(name: str) -> str:
    return " ".join(name.split())


def _day(moment: datetime, language: str) -> str:
    return dates.format_date(moment.astimezone(UTC).date(), "medium" if language == "de" else "y-MM-dd", language)
