"""Streams of the audit log to where it is watched. A secret goes in and never comes out: answers have its last four signs.

For operators, whose token is of the platform, these are the platform's streams, which may send every organisation's log.
"""

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, SecretStr, StringConstraints

from appliance import identity
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Output, Page, cut, part
from appliance.audit import sinks
from appliance.audit.ocsf.values import Severity
from appliance.audit.sinks import Choice, Scope, Sink, SinkChange, SinkForm, SinkKind, errors
from appliance.identity import Permission
from appliance.identity.permissions import may, require_granted
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable

_MOST_SECRET = 2_000
_Label = Annotated[str, StringConstraints(min_length=1, max_length=80), Field(examples=["SIEM"])]
_Address = Annotated[
    str, StringConstraints(min_length=1, max_length=500), Field(examples=["tls://siem.example.org:6514"])
]
_FORM = (
    errors.FolderForbidden, errors.ScopeForbidden, errors.SinkAddressMalformed, errors.SinkChoiceMalformed, errors.SinkHostClosed, errors.SinkNameMalformed,
    errors.SinkNameTaken, errors.SinkOptionsMalformed, errors.SinkSecretMalformed, errors.TooManySinks, KeyDestroyed,
    KeyUnavailable,
)  # fmt: skip


class ChoiceOut(Output):
    """Which entries it sends: these events (none: all), from this severity on, of these organisations (none: all that it may)."""

    events: tuple[str, ...]
    least: Severity
    organisations: tuple[UUID, ...]


class SinkOut(Output):
    """`url` is whole to who may change streams, to others its host alone. `waiting` entries are not there yet, the oldest since `behind_since`; `failure` says why the last try failed."""

    sink_id: UUID
    name: str
    kind: SinkKind
    url: str
    region: str | None
    retain_days: int | None
    scope: Scope
    since: datetime | None
    last_four: str
    is_paused: bool
    created_by: UUID | None
    created_at: datetime
    sent: int
    sent_at: datetime | None
    failures: int
    failed_at: datetime | None
    failure: str | None
    next_try_at: datetime
    waiting: int
    behind_since: datetime | None
    letters: int
    choice: ChoiceOut


class LetterOut(Output):
    """An entry that the other side did not take. It lies in the log; the stream went on without it."""

    letter_id: UUID
    log_id: UUID
    position: int
    event_id: UUID
    event: str
    reason: str
    kept_at: datetime
    is_again: bool


class LettersOut(Output):
    """How many it were."""

    letters: int


class NewSinkIn(Input):
    """syslog and cef: tls://HOST:PORT. webhook, splunk, elastic (with the index), s3 (with the bucket): an address with https."""

    name: _Label
    kind: SinkKind = Field(examples=[SinkKind.SYSLOG])
    url: _Address
    secret: SecretStr | None = Field(
        None, max_length=_MOST_SECRET,
        description="The webhook's whsec_…, Splunk's token, Elastic's API key, or of S3 the key's id and its secret with a colon between them.",
    )  # fmt: skip
    region: str | None = Field(None, max_length=60, description="Of S3, such as eu-central-1.")
    retain_days: int | None = Field(
        None, ge=1, le=36_500, description="Of S3: for how many days nobody removes an object."
    )
    scope: Scope = Field(Scope.OWN, description="`all`: every organisation's log. The operator's alone.")
    is_whole: bool = Field(False, description="From the log's beginning; else from now on.")
    events: list[str] = Field(
        [], max_length=200, description="These events alone, as the log names them, or all of a room as `identity:*`."
    )
    least_severity: str | None = Field(
        None, max_length=20, description="From this severity of OCSF on: `informational`, `low`, `medium` or `high`."
    )
    organisations: list[UUID] = Field([], max_length=200, description="Of `all`: these organisations' logs alone.")


class SinkIn(Input):
    """What is left out stays as it is. The address stays: for another one, add another stream."""

    name: str | None = Field(None, min_length=1, max_length=80)
    is_paused: bool | None = Field(None, description="A paused stream sends nothing, and loses nothing.")
    secret: SecretStr | None = Field(None, max_length=_MOST_SECRET, description="Another secret.")
    events: list[str] | None = Field(None, max_length=200, description="These events alone; an empty list: all.")
    least_severity: str | None = Field(None, max_length=20, description="From this severity on; `informational`: all.")
    organisations: list[UUID] | None = Field(None, max_length=200, description="Of `all`: these alone; an empty list: all.")


@operation("GET", "/audit/sinks", permission=Permission.AUDIT_READ, query=Page, answer=Listed[SinkOut])
def list_sinks(call: Call) -> Listed[SinkOut]:
    """Return the streams of the log, and how far each is."""
    require_granted(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        found = sinks.list_sinks(tx)
    rows, cursor = cut(found, call.query, key=lambda one: one.sink_id)
    return Listed[SinkOut](items=[_seen(call, one) for one in rows], next_cursor=cursor)


@operation(
    "POST", "/audit/sinks", permission=Permission.AUDIT_STREAM, body=NewSinkIn, answer=SinkOut, status=201, refusals=_FORM
)  # fmt: skip
def create_sink(call: Call) -> SinkOut:
    """Stream the log from now on, or from its beginning, at least once for each entry and in its order."""
    identity.require(call.caller, Permission.AUDIT_STREAM)
    said = call.body
    secret = None if said.secret is None else said.secret.get_secret_value()
    form = SinkForm(said.name, said.kind, said.url, secret, said.region, said.retain_days, said.scope, said.is_whole)
    choice = sinks.choice_of(said.events, said.least_severity, said.organisations, is_of_all=said.scope is Scope.ALL)
    form, house = replace(form, choice=choice), call.services
    with call.tenant() as tx:
        made = sinks.add_sink(tx, call.caller.actor, form, sealer=house.vault, egress=house.egress, clock=house.clock)
        return SinkOut.model_validate(sinks.get_sink(tx, made.sink_id))


@operation(
    "GET", "/audit/sinks/{sink_id}", permission=Permission.AUDIT_READ, answer=SinkOut, refusals=(errors.SinkNotFound,)
)
def get_sink(call: Call) -> SinkOut:
    """Return one stream, and how far it is."""
    require_granted(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        return _seen(call, sinks.get_sink(tx, call.ids["sink_id"]))


@operation(
    "PUT", "/audit/sinks/{sink_id}", permission=Permission.AUDIT_STREAM, body=SinkIn, answer=SinkOut,
    refusals=(errors.SinkNotFound, errors.SinkNameMalformed, errors.SinkNameTaken, errors.SinkSecretMalformed, errors.SinkChoiceMalformed,
        errors.ScopeForbidden, KeyDestroyed, KeyUnavailable),
)  # fmt: skip
def change_sink(call: Call) -> SinkOut:
    """Rename a stream, pause it or let it go on, or give it another secret. Where it is in the log, stays."""
    identity.require(call.caller, Permission.AUDIT_STREAM)
    said = call.body
    secret = None if said.secret is None else said.secret.get_secret_value()
    sink_id = call.ids["sink_id"]
    with call.tenant() as tx:
        change = SinkChange(said.name, said.is_paused, secret, _chosen(said, sinks.get_sink(tx, sink_id)))
        sinks.change_sink(tx, call.caller.actor, sink_id, change, sealer=call.services.vault, clock=call.services.clock)
        return SinkOut.model_validate(sinks.get_sink(tx, sink_id))


@operation("DELETE", "/audit/sinks/{sink_id}", permission=Permission.AUDIT_STREAM, refusals=(errors.SinkNotFound,))
def delete_sink(call: Call) -> None:
    """End a stream, with its secret and with what it left out. The log stays as it is."""
    identity.require(call.caller, Permission.AUDIT_STREAM)
    with call.tenant() as tx:
        sinks.remove_sink(tx, call.caller.actor, call.ids["sink_id"])


@operation(
    "POST", "/audit/sinks/{sink_id}/trial", permission=Permission.AUDIT_STREAM,
    refusals=(errors.SinkNotFound, errors.PeerFailed, errors.PeerRefused, IntegrityError, KeyDestroyed, KeyUnavailable),
)  # fmt: skip
def try_sink(call: Call) -> None:
    """Send an entry that lies in no log, at once; a refusal says what is wrong."""
    identity.require(call.caller, Permission.AUDIT_STREAM)
    sinks.try_sink(call.services.outlet, call.caller.tenant_id, call.caller.actor, call.ids["sink_id"])


@operation(
    "GET", "/audit/sinks/{sink_id}/letters", permission=Permission.AUDIT_READ, query=Page, answer=Listed[LetterOut],
    refusals=(errors.SinkNotFound,),
)  # fmt: skip
def list_sink_letters(call: Call) -> Listed[LetterOut]:
    """Return the entries that the other side did not take, the newest first, each with its reason."""
    require_granted(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        found = sinks.list_letters(tx, call.ids["sink_id"], before=call.query.cursor, limit=call.query.limit + 1)
    rows, cursor = part(found, call.query, key=lambda one: one.letter_id)
    return Listed[LetterOut](items=[LetterOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "POST", "/audit/sinks/{sink_id}/letters/resending", permission=Permission.AUDIT_STREAM, answer=LettersOut,
    refusals=(errors.SinkNotFound,),
)  # fmt: skip
def resend_sink_letters(call: Call) -> LettersOut:
    """Send everything again that a stream left out."""
    identity.require(call.caller, Permission.AUDIT_STREAM)
    with call.tenant() as tx:
        count = sinks.send_letters_again(tx, call.caller.actor, call.ids["sink_id"], clock=call.services.clock)
    return LettersOut(letters=count)


@operation(
    "DELETE", "/audit/sinks/{sink_id}/letters", permission=Permission.AUDIT_STREAM, answer=LettersOut,
    refusals=(errors.SinkNotFound,),
)  # fmt: skip
def drop_sink_letters(call: Call) -> LettersOut:
    """Leave out for good everything that a stream left out. The entries stay in the log."""
    identity.require(call.caller, Permission.AUDIT_STREAM)
    with call.tenant() as tx:
        return LettersOut(letters=sinks.drop_letters(tx, call.caller.actor, call.ids["sink_id"]))


@operation(
    "POST", "/audit/sinks/{sink_id}/letters/{letter_id}/resending", permission=Permission.AUDIT_STREAM,
    refusals=(errors.SinkNotFound, errors.LetterNotFound),
)  # fmt: skip
def resend_sink_letter(call: Call) -> None:
    """Send one entry again that a stream left out."""
    identity.require(call.caller, Permission.AUDIT_STREAM)
    ids = call.ids
    with call.tenant() as tx:
        sinks.send_letter_again(tx, call.caller.actor, ids["sink_id"], ids["letter_id"], clock=call.services.clock)


@operation(
    "DELETE", "/audit/sinks/{sink_id}/letters/{letter_id}", permission=Permission.AUDIT_STREAM,
    refusals=(errors.SinkNotFound, errors.LetterNotFound),
)  # fmt: skip
def drop_sink_letter(call: Call) -> None:
    """Leave one entry out of a stream for good. It stays in the log."""
    identity.require(call.caller, Permission.AUDIT_STREAM)
    with call.tenant() as tx:
        sinks.drop_letter(tx, call.caller.actor, call.ids["sink_id"], call.ids["letter_id"])


def _chosen(said: SinkIn, sink: Sink) -> Choice | None:
    """Return what is chosen now, None where it stays as it is."""
    if said.events is None and said.least_severity is None and said.organisations is None:
        return None
    was = sink.choice
    return sinks.choice_of(
        was.events if said.events is None else said.events, said.least_severity or was.least.name,
        was.organisations if said.organisations is None else said.organisations, is_of_all=sink.scope is Scope.ALL,
    )  # fmt: skip


def _seen(call: Call, sink: Sink) -> SinkOut:
    """Return a stream as who asks may see it: many a webhook's secret stands in its path."""
    found = SinkOut.model_validate(sink)
    if may(call.caller, Permission.AUDIT_STREAM):
        return found
    return found.model_copy(update={"url": sinks.place_of_url(sink.url)})
