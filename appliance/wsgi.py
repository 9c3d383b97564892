"""gunicorn's way in: `gunicorn "appliance.wsgi:application()"`."""

import gc

from flask import Flask

from appliance.app import create_app
from appliance.assembly import assemble, starting
from appliance.kernel import log
from appliance.kernel.memory import close_memory
from appliance.settings import load

_APP_LOAD_ERROR = 4  # gunicorn ends as a whole, instead of starting this process again without end


def application() -> Flask:
    """Return the application, built in the worker that serves it."""
    close_memory()
    with starting("web site", status=_APP_LOAD_ERROR):
        settings = load()
        log.configure(format=settings.log_format, level=settings.log_level)
        return settled(create_app(assemble(settings, role="app")))


def settled(app: Flask) -> Flask:
    """Take what was built at the start out of the garbage collector's sight: it stays, and looking through it stops us.

    Measured: a full collection held a request up for 80 ms and more, whichever came at that moment; after this, for 5.
    """
    gc.collect()
    gc.freeze()
    return app
