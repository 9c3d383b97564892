"""For machines that watch: /livez (this process), /readyz (what it stands on), /metrics (counts, never content)."""

from contextlib import suppress
from typing import cast

from flask import Blueprint, Response, current_app, g, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from appliance.api.meters import note_alarms, note_streams, seals
from appliance.assembly import Services
from appliance.audit import sinks, watching
from appliance.kernel.errors import Refusal
from appliance.kernel.log import logger
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable

log = logger("keys")
blueprint = Blueprint("health", __name__)


def note(refusal: Refusal) -> None:
    """Count what did not open, by kind, and log why: the answer to whoever asked does not say that."""
    if isinstance(refusal, IntegrityError | KeyDestroyed | KeyUnavailable):
        seals.labels(refusal.code).inc()
        write = log.error if isinstance(refusal, IntegrityError) else log.warning
        write("seal_failed", kind=refusal.code, reason=getattr(refusal, "reason", ""), request_id=g.get("request_id"))


@blueprint.get("/livez")
def livez() -> Response:
    """Say that this process answers."""
    return jsonify(status="alive")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Ask each service; 503 names the ones that do not answer."""
    services = cast("Services", current_app.extensions["services"])
    failing = {}
    for name, ping in services.pings.items():
        try:
            ping()
        except Refusal as refusal:
            failing[name] = refusal.code
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not ready
            failing[name] = "error"
    return jsonify(status="not ready" if failing else "ready", failing=failing), 503 if failing else 200


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return counts in Prometheus' text form. Those of streams stay as they were while the database does not answer."""
    house = cast("Services", current_app.extensions["services"])
    with suppress(Refusal), house.db.platform() as tx:
        note_streams(sinks.sums(tx), house.clock.now())
        note_alarms(watching.count_alarms(tx))
    return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
