"""What providers grant the organisation, as it reads in the contracts with them."""

from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import policy
from appliance.identity.errors import StepUpRequired
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.policy import ContractForm, Term
from appliance.policy.contracts import AHEAD
from appliance.vault.providing import list_providers
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("contracts", __name__, url_prefix="/models/contracts")
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List the contracts."""
    return _list(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Write a contract down."""
    person, house = caller(), services()
    try:
        terms = frozenset(forms.term(one) for one in request.form.getlist("terms"))
        region, ends = forms.field("region") or None, forms.day("expires_on")
        form = ContractForm(_provider(), terms, forms.field("reference"), region, ends)
        with house.db.tenant(person.tenant_id) as tx:
            policy.add_contract(tx, person, form, clock=house.clock)
    except StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("contracts.show", "saved")


@blueprint.post("/<uuid:contract_id>/end")
def create_end(contract_id: UUID) -> Answer:
    """End a contract."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        policy.end_contract(tx, person, contract_id, clock=house.clock)
    return done("contracts.show", "contract-ended")


def _list(*, shown: Refusal | None) -> Answer:
    person, now = caller(), services().clock.now()
    with services().db.tenant(person.tenant_id) as tx:
        found, providers = policy.list_contracts(tx, person), list_providers(tx, person)
    addresses = {one.provider_id: one.base_url for one in providers}
    return page(
        "models/contracts.html", refusal=shown, contracts=found, providers=providers, addresses=addresses, terms=Term,
        chosen=request.form.getlist("terms"), form=request.form, now=now, soon=now + AHEAD,
    )  # fmt: skip


def _provider() -> UUID:
    found = parse_id(forms.field("provider"))
    if found is None:
        raise forms.NotAChoice
    return found
