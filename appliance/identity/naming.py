"""Names and e-mail addresses of people and programs: each must read as what it is, to people and to mail servers."""

import re
from typing import Final
from unicodedata import category, normalize

from appliance.identity.errors import EmailMalformed, NameMissing

NAME_MAX, EMAIL_MAX = 120, 254
_NO_SIGNS: Final = frozenset('()<>[],;:\\"')  # they belong to quoted addresses and to lists of addresses (RFC 5322 3.2.3)
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that turn the direction of reading (UAX 9): a name with one would read as another name."""


def normal_email(email: str) -> str:
    """Return the address in the form it is stored in. Raises EmailMalformed.

    It must be one address: with a comma, a mail server would deliver to two, and the domain that was verified would be that of
    the second. Nor may it have characters that are invisible, or that only look like a comma or an @.
    """
    email = normalize("NFC", normalize("NFC", email.strip()).lower())
    local, _, domain = email.partition("@")
    alike = normalize("NFKC", email)  # a wide @ or comma reads as one
    is_one = bool(local and domain) and alike.count("@") == 1 and len(email) <= EMAIL_MAX
    if not is_one or not email.isprintable() or set(alike) & _NO_SIGNS or any(sign.isspace() for sign in alike):
        raise EmailMalformed
    return email


def checked_name(display_name: str) -> str:
    """Return the name on one line. Raises NameMissing, also where every character of it is invisible."""
    display_name = plain_name(display_name)
    is_seen = any(sign.isprintable() for sign in display_name)
    if not is_seen or len(display_name) > NAME_MAX:
        raise NameMissing
    return display_name


def plain_name(said: str) -> str:
    """Return a name on one line, without characters that end a line or turn its direction: in a mail, a second line would read as ours."""
    shown = "".join(" " if category(sign) in {"Cc", "Zl", "Zp"} else sign for sign in _TURNS.sub("", said))
    return " ".join(shown.split())
