"""gunicorn's way in: `gunicorn "appliance.wsgi:application()"`."""

from flask import Flask

from appliance.app import create_app
from appliance.assembly import assemble
from appliance.kernel import log
from appliance.settings import load


def application() -> Flask:
    """Return the application, built in the worker that serves it."""
    settings = load()
    log.configure(format=settings.log_format, level=settings.log_level)
    return create_app(assemble(settings, role="app"))
