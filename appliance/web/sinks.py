"""Streams of the audit log: where to, how far, and what was left out. At the platform, those of the operator."""

from dataclasses import replace
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.audit import sinks
from appliance.audit.sinks import BEHIND, Choice, Scope, Sink, SinkChange, SinkForm, SinkKind
from appliance.audit.sinks.errors import SinkChoiceMalformed
from appliance.identity import Permission
from appliance.identity.permissions import may, require_granted
from appliance.kernel.errors import Invalid, Refusal
from appliance.kernel.ids import parse_id
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.typed import proved_first, shown_here, typed_secret

blueprint = Blueprint("sinks", __name__, url_prefix="/audit/streams")
Answer = tuple[str, int] | Response
_ELSEWHERE = ("forbidden", "sink_not_found", "sink_letter_not_found")
_PAGE = 50


class SecretLeftOut(Invalid):
    """While you proved who you are, the secret was not kept. Give it once more."""

    code = "sink_secret_left_out"


@blueprint.get("")
def show() -> Answer:
    """List the streams."""
    return _list(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Add a stream."""
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_STREAM)
    try:
        with house.db.tenant(person.tenant_id) as tx:
            made = sinks.add_sink(tx, person.actor, _form(), sealer=house.vault, egress=house.egress, clock=house.clock)
    except Refusal as refusal:
        return _list(shown=_mine(refusal))
    return done("sinks.read", "sink-added", sink_id=made.sink_id)


@blueprint.post("/proof")
def prove() -> Answer:
    """Ask who is there before a secret is typed, so that it need not be typed twice."""
    return proved_first(Permission.AUDIT_STREAM, "/audit/streams")


@blueprint.get("/<uuid:sink_id>")
def read(sink_id: UUID) -> Answer:
    """Show a stream, and what it left out."""
    return _show(sink_id, shown=None)


@blueprint.post("/<uuid:sink_id>")
def change(sink_id: UUID) -> Answer:
    """Rename a stream, or give it another secret."""
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_STREAM)
    try:
        with house.db.tenant(person.tenant_id) as tx:
            scope = sinks.get_sink(tx, sink_id).scope
        change = SinkChange(forms.field("name"), None, _secret(), _choice(scope) if "events" in request.form else None)
        with house.db.tenant(person.tenant_id) as tx:
            sinks.change_sink(tx, person.actor, sink_id, change, sealer=house.vault, clock=house.clock)
    except Refusal as refusal:
        return _show(sink_id, shown=_mine(refusal))
    return done("sinks.read", "saved", sink_id=sink_id)


@blueprint.post("/<uuid:sink_id>/pause")
def pause(sink_id: UUID) -> Answer:
    """Let a stream wait."""
    return _set_paused(sink_id, is_paused=True)


@blueprint.post("/<uuid:sink_id>/resumption")
def resume(sink_id: UUID) -> Answer:
    """Let a stream go on."""
    return _set_paused(sink_id, is_paused=False)


@blueprint.post("/<uuid:sink_id>/trial")
def create_trial(sink_id: UUID) -> Answer:
    """Send an entry that lies in no log."""
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_STREAM)
    try:
        sinks.try_sink(house.outlet, person.tenant_id, person.actor, sink_id)
    except Refusal as refusal:
        return _show(sink_id, shown=_mine(refusal))
    return done("sinks.read", "sink-tried", sink_id=sink_id)


@blueprint.post("/<uuid:sink_id>/deletion")
def create_deletion(sink_id: UUID) -> Answer:
    """End a stream."""
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_STREAM)
    with house.db.tenant(person.tenant_id) as tx:
        sinks.remove_sink(tx, person.actor, sink_id)
    return done("sinks.show", "sink-removed")


@blueprint.post("/<uuid:sink_id>/letters/resending")
def resend(sink_id: UUID) -> Answer:
    """Send again what was left out: all of it, or the one that the form names."""
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_STREAM)
    with house.db.tenant(person.tenant_id) as tx:
        if letter_id := parse_id(forms.field("letter_id")):
            sinks.send_letter_again(tx, person.actor, sink_id, letter_id, clock=house.clock)
        else:
            sinks.send_letters_again(tx, person.actor, sink_id, clock=house.clock)
    return done("sinks.read", "letters-resent", sink_id=sink_id)


@blueprint.post("/<uuid:sink_id>/letters/dropping")
def drop(sink_id: UUID) -> Answer:
    """Leave out for good what was left out: all of it, or the one that the form names."""
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_STREAM)
    with house.db.tenant(person.tenant_id) as tx:
        if letter_id := parse_id(forms.field("letter_id")):
            sinks.drop_letter(tx, person.actor, sink_id, letter_id)
        else:
            sinks.drop_letters(tx, person.actor, sink_id)
    return done("sinks.read", "letters-dropped", sink_id=sink_id)


def _set_paused(sink_id: UUID, *, is_paused: bool) -> Answer:
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_STREAM)
    change = SinkChange(is_paused=is_paused)
    with house.db.tenant(person.tenant_id) as tx:
        sinks.change_sink(tx, person.actor, sink_id, change, sealer=house.vault, clock=house.clock)
    return done("sinks.read", "saved", sink_id=sink_id)


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    require_granted(person, Permission.AUDIT_READ)
    with house.db.tenant(person.tenant_id) as tx:
        found = [_seen(one) for one in sinks.list_sinks(tx)]
    return page(
        "audit/streams.html", refusal=shown, sinks=found, kinds=SinkKind, form=request.form, now=house.clock.now(), behind=BEHIND,
    )  # fmt: skip


def _show(sink_id: UUID, *, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    require_granted(person, Permission.AUDIT_READ)
    before = parse_id(request.args.get("before", ""))
    with house.db.tenant(person.tenant_id) as tx:
        sink, letters = _seen(sinks.get_sink(tx, sink_id)), sinks.list_letters(tx, sink_id, before=before, limit=_PAGE + 1)
    further = letters[_PAGE - 1].letter_id if len(letters) > _PAGE else None
    return page(
        "audit/stream.html", refusal=shown, sink=sink, letters=letters[:_PAGE], further=further, form=request.form,
        now=house.clock.now(), behind=BEHIND,
    )  # fmt: skip


def _seen(sink: Sink) -> Sink:
    """Return a stream as who asks may see it: where it goes whole to who may change it, else the host alone."""
    return sink if may(caller(), Permission.AUDIT_STREAM) else replace(sink, url=sinks.place_of_url(sink.url))


def _form() -> SinkForm:
    days = forms.whole_number("retain_days") if forms.field("retain_days").strip() else None
    scope = Scope.ALL if forms.field("scope") == Scope.ALL.value else Scope.OWN
    return SinkForm(
        forms.field("name"), forms.choice(SinkKind, "kind"), forms.field("url"), _secret(), forms.field("region") or None, days,
        scope, is_whole=bool(forms.field("is_whole")), choice=_choice(scope),
    )  # fmt: skip


def _choice(scope: Scope) -> Choice:
    organisations = [parse_id(one) for one in forms.field("organisations").replace(",", " ").split()]
    if None in organisations:
        raise SinkChoiceMalformed(given=forms.field("organisations")[:40])
    events = forms.field("events").replace(",", " ").split()
    known = [one for one in organisations if one is not None]
    return sinks.choice_of(events, forms.field("least_severity") or None, known, is_of_all=scope is Scope.ALL)


def _secret() -> str | None:
    return typed_secret(SecretLeftOut).strip() or None


def _mine(refusal: Refusal) -> Refusal:
    return shown_here(refusal, _ELSEWHERE)
