"""gunicorn's way in: `gunicorn "appliance.wsgi:application()"`."""

from flask import Flask

from appliance.app import create_app
from appliance.assembly import assemble, starting
from appliance.kernel import log
from appliance.settings import load

_APP_LOAD_ERROR = 4  # gunicorn ends as a whole, instead of starting this process again without end


def application() -> Flask:
    """Return the application, built in the worker that serves it."""
    with starting("web site", status=_APP_LOAD_ERROR):
        settings = load()
        log.configure(format=settings.log_format, level=settings.log_level)
        return create_app(assemble(settings, role="app"))
