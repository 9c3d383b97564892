"""Mail over SMTP (RFC 5321), plain text only. No server set: nothing is sent, and the caller shows what it has.

The server is named by the operator in the settings, which is the permission that egress asks for elsewhere. Its
certificate is checked against the same authorities; a server that offers no TLS is refused unless told otherwise.
"""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from appliance.kernel.errors import Kind, Refusal

_TIMEOUT_SECONDS = 15.0


class MailFailed(Refusal):
    """The mail could not be sent: the mail server did not take it. Hand the link over yourself, and tell the operator."""

    kind = Kind.UNAVAILABLE
    code = "mail_failed"


@dataclass(frozen=True)
class MailServer:
    """Where mail goes, and how it is spoken to."""

    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password_file: Path | None = None
    ca_bundle: Path | None = None


class Mailer:
    """Sends one message at a time."""

    def __init__(self, server: MailServer | None) -> None:
        self._server = server

    @property
    def is_set(self) -> bool:
        """Whether there is a server to send by."""
        return self._server is not None

    def send(self, *, to: str, subject: str, body: str) -> None:
        """Send a mail. Raises MailFailed."""
        server = self._server
        if server is None:
            raise MailFailed
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = server.sender, to, subject
        message.set_content(body)
        try:
            with self._connect(server) as connection:
                if server.user and server.password_file:
                    connection.login(server.user, server.password_file.read_text().strip())
                connection.send_message(message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise MailFailed from error

    @staticmethod
    def _connect(server: MailServer) -> smtplib.SMTP:
        tls = ssl.create_default_context(cafile=str(server.ca_bundle) if server.ca_bundle else None)
        if server.security == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_SECONDS, context=tls)
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_SECONDS)
        if server.security == "starttls":
            connection.starttls(context=tls)
        return connection
