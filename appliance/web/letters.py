"""What is mailed, in the language of whoever sends it. Without a mail server the page shows the link instead."""

from enum import StrEnum

from appliance.kernel.mail import MailFailed
from appliance.web.language import gettext
from appliance.web.sessions import caller, services


class Delivery(StrEnum):
    """How a link reaches its person."""

    MAILED = "mailed"
    BY_HAND = "by_hand"
    FAILED = "failed"


def invitation(email: str, link: str) -> Delivery:
    """Send an invitation."""
    subject = gettext("You are invited to {organisation} on Cloister")
    body = gettext(
        "{person} invites you to {organisation} on Cloister.\n\n"
        "Open this link within 7 days; it works once, and only for this address:\n\n{link}\n"
    )
    return _send(email, subject, body, link)


def new_password(email: str, link: str) -> Delivery:
    """Send a link to a new password."""
    subject = gettext("A new password for {organisation} on Cloister")
    body = gettext(
        "{person} made it possible for you to choose a new password.\n\n"
        "Open this link within 24 hours; it works once:\n\n{link}\n\n"
        "If you did not ask for it, tell your administrator. Your old password works until you choose a new one.\n"
    )
    return _send(email, subject, body, link)


def _send(email: str, subject: str, body: str, link: str) -> Delivery:
    person, mailer = caller(), services().mailer
    if not mailer.is_set:
        return Delivery.BY_HAND
    facts = {"organisation": " ".join(person.organisation.split()), "person": person.display_name, "link": link}
    try:
        mailer.send(to=email, subject=subject.format(**facts), body=body.format(**facts))
    except MailFailed:
        return Delivery.FAILED
    return Delivery.MAILED
