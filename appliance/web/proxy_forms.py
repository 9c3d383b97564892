"""The form of a connection by a proxy in front of this house."""

from typing import Final

from flask import request

from appliance.identity.sso.proxy.settings import read
from appliance.identity.sso.values import Connection
from appliance.web import forms
from appliance.web.sessions import services

_HEADERS: Final = ("user_header", "secret_header", "verified_header", "email_header", "name_header", "groups_header")


def settings() -> dict[str, object]:
    """Return what the form says."""
    return {name: forms.field(name) for name in (*_HEADERS, "networks") if name in request.form}


def shown(connection: Connection) -> dict[str, str]:
    """Return what the form shows: what was typed and refused, else what is stored."""
    if request.form.get("networks") is not None:
        return {name: str(value) for name, value in request.form.items() if name != "key"}
    kept = read(connection.settings)
    return {name: str(getattr(kept, name)) for name in _HEADERS} | {"networks": "\n".join(kept.networks)}


def addresses(connection: Connection) -> dict[str, str]:
    """Return which path the proxy must let through with its headers, and where a sign-in begins."""
    base = f"{services().settings.address}/sso/{connection.connection_id}"
    return {"proxied": f"{base}/proxied", "start": f"{base}/start"}
