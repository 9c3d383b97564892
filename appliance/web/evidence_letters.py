"""What the worker mails of reviews of access that are due, and of broken isolation, in the language of whom it is for."""

from appliance.evidence.access_reviews import AccessReview
from appliance.web.mail_words import Letter, day, gettext, language_of, on_one_line


def review_is_due(review: AccessReview, *, organisation: str, address: str, language: str | None) -> Letter:
    """Return subject and body of a mail that says that access has to be reviewed."""
    code = language_of(language)
    subject = gettext("The review of access of {organisation} on Cloister is due", code)
    body = gettext("{name} is due on {day} (UTC). Lines that are not decided: {open}.\n\n{address}\n", code)
    said = body.format(
        name=on_one_line(review.name), day=day(review.due_at, code), open=review.total - review.decided,
        address=f"{address}/evidence/access-reviews/{review.review_id}",
    )  # fmt: skip
    return subject.format(organisation=on_one_line(organisation)), said


def isolation_is_broken(faults: int, *, address: str, language: str | None) -> Letter:
    """Return subject and body of a mail that says that organisations are not kept apart as they should be."""
    code = language_of(language)
    subject = gettext("Cloister: the isolation of organisations is broken", code)
    body = gettext("The nightly look at the database found broken rules: {faults}. Stop the house, and see `appliance evidence attest`.\n\n{address}\n", code)
    return subject, body.format(faults=faults, address=f"{address}/evidence")
