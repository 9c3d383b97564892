"""What the worker mails of provider keys, contracts and certificates that end, and of budgets, in the language of whom it is for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from babel import dates, numbers

from appliance.budgets import Standing, Unit
from appliance.identity.sso.rechecking import Found, Trouble
from appliance.identity.sso.saml.expiry import Ending as CertificateEnding
from appliance.policy import Expiring
from appliance.vault.providing.expiry import Ending
from appliance.web.mail_words import Letter, day, gettext, language_of, on_one_line


class GlassBroken(NamedTuple):
    """Who signed in by a break-glass account, and when."""

    name: str
    used_at: datetime


def keys_end(endings: Sequence[Ending], *, organisation: str, address: str, language: str | None) -> Letter:
    """Return subject and body of a mail that says which keys end."""
    code = language_of(language)
    subject = gettext("Provider keys of {organisation} on Cloister expire", code)
    body = gettext("These keys expire, and are not used any more then. Replace them in time:\n\n{keys}\n\n{address}\n", code)
    keys = "\n".join(f"- {one.provider}: {one.label}, {day(one.expires_at, code)} (UTC)" for one in endings)
    return subject.format(organisation=on_one_line(organisation)), body.format(keys=keys, address=f"{address}/providers")


def contracts_end(endings: Sequence[Expiring], *, organisation: str, address: str, language: str | None) -> Letter:
    """Return subject and body of a mail that says which contracts end."""
    code = language_of(language)
    subject = gettext("Contracts of {organisation} with model providers expire", code)
    body = gettext("These contracts expire. Calls that data labels demand them for are refused then:\n\n{contracts}\n\n{address}\n", code)
    contracts = "\n".join(f"- {one.provider}: {one.reference}, {day(one.expires_at, code)} (UTC)" for one in endings)
    address = f"{address}/models/contracts"
    return subject.format(organisation=on_one_line(organisation)), body.format(contracts=contracts, address=address)


def glass_broken(
    use: GlassBroken, *, organisation: str, address: str, language: str | None
) -> Letter:
    """Return subject and body of a mail that says that a break-glass account signed in."""
    code = language_of(language)
    subject = gettext("A break-glass account of {organisation} signed in on Cloister", code)
    body = gettext(
        "{person} signed in by password on {moment} (UTC), although people of your organisation sign in by its identity "
        "provider. If nobody told you, end the sessions of this account now. It is closed again until whoever runs the host "
        "opens it.\n\n{address}\n",
        code,
    )
    moment = dates.format_datetime(use.used_at.astimezone(UTC), "medium" if code == "de" else "y-MM-dd HH:mm", locale=code)
    said = {"person": on_one_line(use.name), "moment": moment, "address": f"{address}/break-glass"}
    return subject.format(organisation=on_one_line(organisation)), body.format(**said)


def certificates_end(
    endings: Sequence[CertificateEnding], *, organisation: str, address: str, language: str | None
) -> Letter:
    """Return subject and body of a mail that says of which identity providers the certificate ends."""
    code = language_of(language)
    subject = gettext("Certificates of {organisation}'s identity provider expire", code)
    body = gettext("These certificates expire. From then on nobody signs in by these connections, so enter the new ones in time; old and new are good at the same time:\n\n{connections}\n\n{address}\n", code)
    listed = "\n".join(f"- {on_one_line(one.connection)}: {day(one.good_until, code)} (UTC)" for one in endings)
    return subject.format(organisation=on_one_line(organisation)), body.format(connections=listed, address=f"{address}/sign-on")


def domains_end(found: Sequence[Found], *, organisation: str, address: str, language: str | None) -> Letter:
    """Return subject and body of a mail that says which domains are verified no more, or will not be soon, and why."""
    code = language_of(language)
    subject = gettext("Domains of {organisation} on Cloister need a look", code)
    body = gettext("Addresses of these domains are accepted from your identity provider no more, or will not be soon:\n\n{domains}\n\n{address}\n", code)
    listed = "\n".join(f"- {one.domain}: {_trouble(one.trouble, code).format(day=day(one.ends_at, code))}" for one in found)
    return subject.format(organisation=on_one_line(organisation)), body.format(domains=listed, address=f"{address}/sign-on")


def _trouble(trouble: Trouble, code: str) -> str:
    match trouble:
        case Trouble.LOST:
            return gettext("the TXT record was not found; put it back before {day} (UTC)", code)
        case Trouble.EXPIRING:
            return gettext("the operator's approval ends on {day} (UTC); ask for it again, or set the TXT record", code)
        case Trouble.UNVERIFIED:
            return gettext("verified no more since {day} (UTC)", code)


def budgets_stand(
    standings: Sequence[Standing], *, organisation: str, address: str, language: str | None
) -> Letter:
    """Return subject and body of a mail that says which budgets went above their soft limit."""
    code = language_of(language)
    subject = gettext("Budgets of {organisation} on Cloister are above their soft limit", code)
    body = gettext("In this period these budgets went above the limit from which you are warned:\n\n{budgets}\n\n{address}\n", code)
    listed = "\n".join(f"- {on_one_line(one.budget.form.name)}: {_amount(one, code)}" for one in standings)
    return subject.format(organisation=on_one_line(organisation)), body.format(budgets=listed, address=f"{address}/budgets")


def _amount(one: Standing, language: str) -> str:
    form = one.budget.form
    limit = form.limits.soft if form.limits.hard is None else form.limits.hard
    parts = [one.counted, limit or 0]
    if form.unit is Unit.MONEY:
        used, most = (numbers.format_decimal(part / 1_000_000, "#,##0.00", locale=language) for part in parts)
        return f"{used} / {most} {form.currency}"
    used, most = (numbers.format_decimal(part, locale=language) for part in parts)
    return f"{used} / {most}"
