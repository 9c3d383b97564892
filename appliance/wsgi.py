"""gunicorn's ways in: `gunicorn "appliance.wsgi:application()"`, and "appliance.wsgi:programs()" for /v1 alone."""

import gc
from typing import TYPE_CHECKING, TypeVar

from appliance.api.beside import Beside
from appliance.api.hanging_up import LoopWatch
from appliance.api.programs import Programs
from appliance.gatehouse import assemble_gate
from appliance.grounds import starting
from appliance.kernel import garbage, log
from appliance.kernel.memory import close_memory
from appliance.settings import load

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

App = TypeVar("App")
_MORE_GARBAGE = 5_000
"""Objects more than there were, until cycles are looked for. By Python's 700 the calls under way were looked through at every
tenth call: a thirtieth of the processor's time. It is a megabyte at most."""
_APP_LOAD_ERROR = 4  # gunicorn ends as a whole, instead of starting this process again without end


def application() -> "Flask":
    """Return the application, built in the worker that serves it."""
    close_memory()
    from appliance.app import create_app  # the other process has no use for these, and for what they need of memory
    from appliance.assembly import assemble

    with starting("web site", status=_APP_LOAD_ERROR):
        settings = load()
        log.configure(format=settings.log_format, level=settings.log_level)
        return settled(create_app(assemble(settings, role="app", door="web")))


def programs() -> "WSGIApplication":
    """Return the door for programs alone, for the process that serves /v1 on its own (decision 0027)."""
    close_memory()
    gc.set_threshold(_MORE_GARBAGE)
    with starting("gateway", status=_APP_LOAD_ERROR):
        settings = load()
        log.configure(format=settings.log_format, level=settings.log_level)
        door = settled(Programs(*assemble_gate(settings, aside=Beside()), settings, LoopWatch()))
        if hops := settings.trusted_proxies:
            from werkzeug.middleware.proxy_fix import ProxyFix

            return ProxyFix(door, x_for=hops, x_proto=hops, x_host=hops)
        return door


def settled(app: App) -> App:
    """Take what was built at the start out of the garbage collector's sight: it stays, and looking through it stops us."""
    garbage.settle()
    return app
