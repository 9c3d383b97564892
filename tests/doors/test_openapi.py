"""Schemathesis over the whole description, as each role: no 5xx, nothing undocumented, nothing foreign."""

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
    schema = described(site)
    foreign = furnish(ada) | {"user_id": str(ada.caller.user_id), "tenant_id": str(ada.tenant_id)}
    foreign |= {"opening_id": opens(ada, foreign["conversation_id"])}
    statuses: set[int] = set()

    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.method.upper() == "DELETE" and operation.path.endswith("/tokens/{token_id}"):
            continue  # it would revoke the token that asks

        @settings(
            max_examples=examples if role == "owner" or examples == MANY else FEWER, deadline=None, database=None, phases=[Phase.generate], derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def checks(case: Case) -> None:
            headers = {"Authorization": f"Bearer {program.secret}"} if program else {}
            response = case.call(headers=headers, app=site)
            statuses.add(response.status_code)
            is_operators = case.path.startswith(f"{PREFIX}/platform/")  # whose business all organisations are
            if operation_ids(case) & set(foreign.values()) and not is_operators:
                assert response.status_code >= 400, case.as_curl_command()
            assert CANARY not in response.text
            case.validate_response(response, checks=CHECKS)

        given(case=strategy_of(operation, foreign))(checks)()
    assert statuses


_described: list[Any] = []


def described(site: Flask) -> Any:
    """Read the description once: what it takes to make requests of it is the same for every role."""
    if not _described:
        _described.append(schemathesis.openapi.from_wsgi(f"{PREFIX}/openapi.json", site))
    return _described[0]


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
