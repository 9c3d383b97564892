"""The worker's mails: what was found is told to the people who may do something about it, each in their language.

A mail that cannot be sent is not tried again: a page and the log say the same.
"""

from collections.abc import Callable, Sequence, Sized
from typing import Protocol, TypeVar

from appliance import identity, tenancy
from appliance.assembly import Services
from appliance.identity import Permission
from appliance.identity.values import Addressee
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.kernel.mail import MailFailed
from appliance.web.mail_words import Letter

log = logger("worker")
Found = TypeVar("Found")
Said_contra = TypeVar("Said_contra", contravariant=True)


class Words(Protocol[Said_contra]):
    """What a mail says of something that was found in an organisation."""

    def __call__(self, found: Said_contra, /, *, organisation: str, address: str, language: str | None) -> Letter:
        """Return subject and body."""
        ...


def tell(
    services: Services, tenant_id: TenantId, find: Callable[[Tx], Found | None], words: Words[Found], *,
    whom: Permission, event: str, counted: str = "", is_alarm: bool = False, **facts: str,
) -> None:  # fmt: skip
    """Look for something in a transaction; log what is found, and mail it to the organisation's people who have the permission `whom`.

    `find` must not find the same thing again at the next call. `counted` is the log's name for how many things were found; ""
    logs no number.
    """
    with services.db.tenant(tenant_id) as tx:
        found = find(tx)
        if not found:
            return
        people = identity.list_addressees(tx, whom)
        organisation = tenancy.get_organisation(tx).name
    counts = {counted: len(found)} if counted and isinstance(found, Sized) else {}
    (log.warning if is_alarm else log.info)(event, tenant_id=str(tenant_id), **counts, **facts, people=len(people))
    address = services.settings.address
    send(
        services, tenant_id, people,
        lambda one: words(found, organisation=organisation, address=address, language=one.language),
    )  # fmt: skip


def send(
    services: Services, tenant_id: TenantId, people: Sequence[Addressee], words: Callable[[Addressee], Letter]
) -> None:
    """Send each of these people a mail in their language, if there is a mail server."""
    if not services.mailer.is_set:
        return
    for person in people:
        subject, body = words(person)
        try:
            services.mailer.send(to=person.email, subject=subject, body=body)
        except MailFailed:
            log.warning("reminder_not_sent", tenant_id=str(tenant_id))
