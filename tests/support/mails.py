"""A mail as tests need it."""

from email.message import EmailMessage


def mail(**headers: str) -> EmailMessage:
    """Return a mail from Ada to Bo; `headers` are more of its lines, or others."""
    letter = EmailMessage()
    given = {"From": "Ada <ada@harrow.example>", "To": "bo@harrow.example", "Subject": "Budget"} | headers
    for name, value in given.items():
        letter[name] = value
    return letter
