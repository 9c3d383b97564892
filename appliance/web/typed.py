"""Secrets that people type: no page shows one again, and a proof of who is there that comes in between asks for it once more."""

from collections.abc import Collection

from flask import redirect
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import Permission
from appliance.identity.errors import StepUpRequired
from appliance.kernel.errors import Refusal
from appliance.web import forms
from appliance.web.sessions import caller
from appliance.web.signin import own_path


def typed_secret(left_out: type[Refusal]) -> str:
    """Return the secret of the form, empty where none is given. Its field is named `key`. Raises what says that it was left out."""
    text = forms.field("key")
    if forms.field("key_lost") and not text.strip():
        raise left_out
    return text


def proved_first(permission: Permission, pages: str) -> Response:
    """Ask who is there, then lead back to the page that the form names, if it is one of these."""
    identity.require(caller(), permission)
    back = own_path(forms.field("back"))
    return redirect(f"{back if back.startswith(pages) else pages}?notice=proved", 303)


def shown_here(refusal: Refusal, elsewhere: Collection[str]) -> Refusal:
    """Return a refusal that the page itself shows. Raises one that says more than a form could."""
    if isinstance(refusal, StepUpRequired) or refusal.code in elsewhere:
        raise refusal
    return refusal
