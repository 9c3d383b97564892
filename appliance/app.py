"""create_app(services): doors, error table, one line of log a request. No globals."""

import json
import time
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, Request, Response, g, redirect, render_template, request, url_for
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.utils import cached_property
from werkzeug.wrappers import Response as Redirect

from appliance import api, web
from appliance.api import health, installing, meters
from appliance.assembly import Services
from appliance.identity import NotSignedIn, StepUpRequired
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import new_id
from appliance.kernel.log import logger
from appliance.kernel.problems import fault
from appliance.web import confirmation, forms
from appliance.web.language import gettext
from appliance.web.render import wants_json, words
from appliance.web.sessions import ForeignForm
from appliance.web.signin import own_path
from appliance.web.written import Written

log = logger("web")
_FORM_BYTES = 1_000_000
Answer = Response | Redirect | tuple[str, int]


class Incoming(Request):
    """A request whose fields hold no NUL, which no text in a database can: browsers send it by accident only."""

    @cached_property
    def form(self) -> ImmutableMultiDict[str, str]:
        """The form's fields."""
        return _without_nul(super().form)

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """The query's fields."""
        return _without_nul(super().args)


def create_app(services: Services) -> Flask:
    """Return the WSGI application over these services."""
    here = Path(web.__file__).parent
    app = Flask("appliance", template_folder=str(here / "templates"), static_folder=None)
    app.request_class = Incoming
    app.jinja_environment = Written
    app.extensions["services"] = services
    app.config["MAX_CONTENT_LENGTH"] = services.settings.upload_limit_mb * 1_000_000 * 4 + _FORM_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = _FORM_BYTES
    app.before_request(_begin)
    web.install(app)
    installing.install(app)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _failed)
    app.after_request(_log)
    if services.settings.trusted_proxies:
        hops = services.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _without_nul(fields: MultiDict[str, str]) -> ImmutableMultiDict[str, str]:
    return ImmutableMultiDict(
        [(name.replace("\0", ""), value.replace("\0", "")) for name, value in fields.items(multi=True)]
    )


def _begin() -> None:
    g.request_id = str(new_id())
    g.began = time.perf_counter()


def _refused(refusal: Refusal) -> Answer:
    if isinstance(refusal, NotSignedIn) and not wants_json():
        target = request.full_path.rstrip("?") if request.method == "GET" else "/"
        return redirect(url_for("signin.sign_in_page", next=target), 303)
    if isinstance(refusal, StepUpRequired) and not wants_json() and request.method == "POST":
        return confirmation.ask(refusal)
    return _answer(words(refusal))


def _http(error: HTTPException) -> Answer:
    details = {
        404: gettext("There is nothing at this address. Go back, or start from the overview."),
        405: gettext("This address cannot be used in that way."),
        413: gettext("That is more than is taken at once. Upload fewer or smaller files."),
    }
    status = error.code or 500
    return _answer(
        fault(status, details.get(status, gettext("The request was not understood.")), request_id=g.request_id)
    )


def _failed(error: Exception) -> Answer:
    log.error("request_failed", exc_info=error, request_id=g.request_id, endpoint=request.endpoint)
    detail = gettext("It has been noted. Try again; if it stays, give the operator this number.")
    return _answer(fault(500, detail, request_id=g.request_id))


def _answer(members: dict[str, str | int]) -> Answer:
    members["title"] = gettext(str(members["title"]))
    if wants_json() or request.path.startswith(f"{api.PREFIX}/"):
        status = int(members["status"])
        return Response(json.dumps(members), status=status, content_type="application/problem+json")
    return render_template("problem.html", problem=members, typed=_typed(members), back=_back()), int(members["status"])


def _typed(members: dict[str, str | int]) -> list[str]:
    # Only to somebody who is signed in, and from a form of ours: nobody else puts words into a page.
    return forms.written() if g.get("caller") and members.get("code") != ForeignForm.code else []


def _back() -> str | None:
    came = urlsplit(request.referrer or "")
    target = f"{came.path}?{came.query}" if came.query else came.path
    return own_path(target) if came.netloc == request.host and target != request.full_path.rstrip("?") else None


def _log(response: Response) -> Response:
    seconds = time.perf_counter() - g.began
    endpoint = request.endpoint or "none"
    meters.requests.labels(endpoint, request.method, response.status_code).inc()
    meters.duration.labels(endpoint).observe(seconds)
    if isinstance(refusal := g.get("refusal"), Refusal):
        health.note(refusal)
    person = g.get("caller")
    if not endpoint.startswith(("health.", "static")):
        log.info(
            "request",
            request_id=g.request_id,
            endpoint=endpoint,
            method=request.method,
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
            tenant_id=_text(person.tenant_id if person else None),
            user_id=_text(person.user_id if person else None),
        )
    return response


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None
