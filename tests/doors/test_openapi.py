"""Schemathesis over the whole description, as each role: no 5xx, nothing undocumented, nothing foreign."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy, one_of
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from appliance.identity import Role
from appliance.tenancy import Review
from tests.support.furnish import furnish, lets_review, opens
from tests.support.house import House, Member
from tests.support.program import PREFIX, Program

Case = schemathesis.Case[Any]
CANARY = "harrow-canary"
FEW, MANY = 3, 48
FEWER = 2  # for whom most is refused before it is read
CHECKS = [
    content_type_conformance, negative_data_rejection, not_a_server_error, response_headers_conformance,
    response_schema_conformance, status_code_conformance,
]  # fmt: skip


@pytest.mark.parametrize("role", ["owner", "admin", "auditor", "member", "operator", "stranger"])
@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_it_answers_as_it_is_described(
    site: Flask, house: House, ada: Member, bo: Member, role: str, examples: int
) -> None:
    object.__setattr__(house.app, "settings", house.app.settings.model_copy(update={"api_requests_per_minute": 10**5}))
    ada.reads_in("fire-drill.txt", f"{CANARY}: the drill is on the first Thursday of May.")
    for member in (ada, bo):
        lets_review(member, Review.AUDITED)
    program = program_as(site, bo, role)
    foreign = furnish(ada) | {"user_id": str(ada.caller.user_id), "tenant_id": str(ada.tenant_id)}
    foreign |= {"opening_id": opens(ada, foreign["conversation_id"])}
    headers = {"Authorization": f"Bearer {program.secret}"} if program else {}
    statuses: set[int] = set()

    for case in requests_of(site, foreign, examples, FEWER if role != "owner" and examples == FEW else examples):
        response = case.call(headers=headers, app=site)
        statuses.add(response.status_code)
        is_operators = case.path.startswith(f"{PREFIX}/platform/")  # whose business all organisations are
        if operation_ids(case) & set(foreign.values()) and not is_operators:
            assert response.status_code >= 400, case.as_curl_command()
        assert CANARY not in response.text
        case.validate_response(response, checks=CHECKS)
    assert statuses


# Each request, and which of its ids stand for another organisation's things. The description is the same whoever asks:
# requests are made up once, and asked by each role, of its own house.
_made: dict[int, list[list[tuple[Case, set[str]]]]] = {}


def requests_of(site: Flask, foreign: dict[str, str], examples: int, most: int) -> Iterator[Case]:
    """Go through `most` of the requests that were made up for every operation, with this house's ids in them."""
    if examples not in _made:
        schema: Any = schemathesis.openapi.from_wsgi(f"{PREFIX}/openapi.json", site)
        _made[examples] = [makes_up(one.ok(), foreign, examples) for one in schema.get_all_operations()]
    for case, named in itertools.chain.from_iterable(requests[:most] for requests in _made[examples]):
        if named:
            case.path_parameters = case.path_parameters | {name: foreign[name] for name in named}
        yield case


def makes_up(operation: APIOperation, foreign: dict[str, str], examples: int) -> list[tuple[Case, set[str]]]:  # type: ignore[type-arg]
    if operation.method.upper() == "DELETE" and operation.path.endswith("/tokens/{token_id}"):
        return []  # it would revoke the token that asks
    made: list[tuple[Case, set[str]]] = []

    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate], derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def keeps(case: Case) -> None:
        made.append((case, {name for name, value in case.path_parameters.items() if value == foreign.get(name)}))

    given(case=strategy_of(operation, foreign))(keeps)()
    return made


def strategy_of(operation: APIOperation, foreign: dict[str, str]) -> SearchStrategy[Case]:  # type: ignore[type-arg]
    """Good requests, bad ones, and good ones for another organisation's things."""
    modes = [operation.as_strategy(mode) for mode in schemathesis.GenerationMode]
    named = {one.name: foreign[one.name] for one in operation.path_parameters if one.name in foreign}
    if named:
        modes.append(operation.as_strategy(path_parameters=named))
    return one_of(modes)


def operation_ids(case: Case) -> set[str]:
    return {str(value) for value in (case.path_parameters or {}).values()}


def program_as(site: Flask, bo: Member, role: str) -> Program | None:
    if role == "stranger":
        return None
    if role == "operator":
        return Program(site, bo.house.operator("olga@host.example"))
    return Program(site, bo if role == "owner" else bo.adds(f"{role}@birch.example", Role(role)))
