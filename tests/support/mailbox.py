"""A real SMTP server on loopback, and what was sent to it."""

import email
import email.policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller

from appliance.kernel.mail import Mailer, MailServer
from tests.support.house import House
from tests.support.product import free_port


class Mailbox:
    """Takes mail, or refuses it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    def serves(self, house: House) -> None:
        """Let a house send by this server, as its settings would."""
        server = MailServer("127.0.0.1", self.port, "cloister@harrow.example", "none")
        for services in (house.app, house.worker):
            object.__setattr__(services, "mailer", Mailer(server))

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802 - aiosmtpd's form
        if self.refuses:
            return "554 No"
        found = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append(found)
        return "250 OK"
