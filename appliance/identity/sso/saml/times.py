"""Moments as SAML writes them: xs:dateTime in UTC."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from appliance.identity.sso.saml.reading import Element
from appliance.identity.sso.saml.rules import Refused, Rule

_FORM: Final = re.compile(r"\A(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]00:00)\Z")


def moment(written: str) -> datetime:
    """Return it. Raises Refused for what is not of the form, or not UTC."""
    found = _FORM.match(written)
    if found is None:
        raise Refused(Rule.TIME_MALFORMED)
    try:
        whole = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused(Rule.TIME_MALFORMED) from error
    return whole + timedelta(seconds=float(found[2] or 0))


def moment_of(element: Element, name: str) -> datetime | None:
    """Return the moment in an attribute, or None where it is not there."""
    written = element.get(name)
    return None if written is None else moment(str(written))


def written(at: datetime) -> str:
    """Return the moment as a message holds it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_window(element: Element, *, now: datetime, skew: timedelta, must_end: bool = True) -> datetime:
    """See that now lies between NotBefore and NotOnOrAfter, and return the latter. Raises Refused."""
    begins, ends = moment_of(element, "NotBefore"), moment_of(element, "NotOnOrAfter")
    if begins is not None and now + skew < begins:
        raise Refused(Rule.NOT_YET)
    if ends is None:
        if must_end:
            raise Refused(Rule.CONDITIONS)
        return now + skew
    if now - skew >= ends:
        raise Refused(Rule.EXPIRED)
    return ends
