"""What people and programs are called, and under which address: one that is read as it is."""

import re
from typing import Final
from unicodedata import category, normalize

from appliance.identity.errors import EmailMalformed, NameMissing

NAME_MAX, EMAIL_MAX = 120, 254
_NO_SIGNS: Final = frozenset('()<>[],;:\\"')  # of addresses that are quoted, and of lists of them (RFC 5322 3.2.3)
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""What turns the direction of what stands behind it (UAX 9): a name would be read as another one."""


def normal_email(email: str) -> str:
    """Return the address in the form it is stored in. Raises EmailMalformed.

    One address, as one reads it: no second one behind a comma that mail would reach as well, no sign that nobody sees.
    """
    email = normalize("NFC", normalize("NFC", email.strip()).lower())
    local, _, domain = email.partition("@")
    alike = normalize("NFKC", email)  # a wide @ or comma reads as one
    is_one = bool(local and domain) and alike.count("@") == 1 and len(email) <= EMAIL_MAX
    if not is_one or not email.isprintable() or set(alike) & _NO_SIGNS or any(sign.isspace() for sign in alike):
        raise EmailMalformed
    return email


def checked_name(display_name: str) -> str:
    """Return the name in one line. Raises NameMissing, also for one of signs that nobody sees."""
    display_name = plain_name(display_name)
    is_seen = any(sign.isprintable() for sign in display_name)
    if not is_seen or len(display_name) > NAME_MAX:
        raise NameMissing
    return display_name


def plain_name(said: str) -> str:
    """Return a name in one line, without signs that end lines or turn what is read: in a mail it would be words of ours."""
    shown = "".join(" " if category(sign) in {"Cc", "Zl", "Zp"} else sign for sign in _TURNS.sub("", said))
    return " ".join(shown.split())
