"""What the worker mails of the log: of packages that do not get to where they belong, and of what is wrong with it, in the language of whom it is for."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from appliance.audit import Undelivered
from appliance.audit.watching import Alarm, AlarmKind
from appliance.web.mail_words import Letter, gettext, language_of, on_one_line

_SAID: Final = {
    AlarmKind.ANCHOR: "A witness or the time-stamping authority is missing, or contradicts",
    AlarmKind.STREAM: "A stream is more than an hour behind",
    AlarmKind.UNSEALED: "Entries wait to be sealed",
    AlarmKind.VERIFICATION: "The log is not what was signed: keep everything as it is, and look",
}


def log_alarms(found: Sequence[Alarm], *, organisation: str, address: str, language: str | None) -> Letter:
    """Return subject and body of a mail that says what is wrong with a log. Without an organisation it is the platform's."""
    code = language_of(language)
    subject = gettext("Something is wrong with the audit log of {organisation}", code)
    body = gettext("This was found just now:\n\n{alarms}\n\nThe page shows what is known, also when it is well again:\n\n{address}\n", code)
    listed = "\n".join(f"- {gettext(_SAID[one.kind], code)} ({one.detail})" for one in found)
    name = on_one_line(organisation) or gettext("the platform", code)
    return subject.format(organisation=name), body.format(alarms=listed, address=f"{address}/audit/proof")


def package_waits(told: Undelivered, *, organisation: str, address: str, language: str | None) -> Letter:
    """Return subject and body of a mail that says which package waits, and why."""
    code = language_of(language)
    subject = gettext("A package of the audit log of {organisation} cannot be put away", code)
    body = gettext(
        "{host} did not take it, {tries} times so far. The last time: {reason}\n\nIt is tried again until it is a week old:\n\n{address}\n", code
    )
    said = {"host": urlsplit(told.url).hostname or "", "tries": told.tries, "reason": told.reason, "address": f"{address}/audit/proof"}
    return subject.format(organisation=on_one_line(organisation)), body.format(**said)
