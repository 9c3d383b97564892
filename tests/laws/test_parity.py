"""A law: what a page does, a program can do, by the same verb; or a reason says why it is left to people."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import FunctionType
from typing import cast

import pytest
from flask import Flask

from appliance.api.framework import OPERATIONS
from appliance.app import create_app
from appliance.chat import Chat
from appliance.gateway import Gate
from appliance.vault.providing.desk import Desk
from tests.support.house import House
from tests.support.left_to_people import LEFT_TO_PEOPLE
from tests.support.parity import BY_NAME, FOR_PROGRAMS_ONLY, FOUND_OTHERWISE, OPERATIONS_OF

DOORS = ("appliance.web", "appliance.api")


@pytest.fixture
def site(house: House) -> Flask:
    return create_app(house.app)


def pages(site: Flask) -> dict[str, FunctionType]:
    """Every route that is not an operation, by method and endpoint, with its view."""
    ours = {f"api.{one.name}" for one in OPERATIONS}
    return {
        f"{method} {rule.endpoint}": cast("FunctionType", site.view_functions[rule.endpoint])
        for rule in site.url_map.iter_rules()
        if rule.endpoint not in ours
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_it_offers_to_programs_what_pages_do_or_says_why_not(site: Flask) -> None:
    routes = set(pages(site))
    assert not set(OPERATIONS_OF) & set(LEFT_TO_PEOPLE)
    assert routes - set(OPERATIONS_OF) - set(LEFT_TO_PEOPLE) == set(), "name its operations, or the reason for none"
    assert (set(OPERATIONS_OF) | set(LEFT_TO_PEOPLE)) - routes == set(), "there is no such route any more"
    assert all(LEFT_TO_PEOPLE.values())


def test_it_names_operations_that_exist_and_leaves_none_out() -> None:
    named = {name for names in OPERATIONS_OF.values() for name in names}
    assert named <= set(BY_NAME)
    assert set(BY_NAME) - named == set(FOR_PROGRAMS_ONLY), "which page does it? or why does none?"


def test_a_form_and_its_operation_call_the_same_verb(site: Flask) -> None:
    """So that permission, checks and the log's entry are the same at both doors."""
    for page, view in pages(site).items():
        if page.startswith("POST") and page in OPERATIONS_OF:
            theirs = set().union(*(verbs(cast("FunctionType", BY_NAME[name].view)) for name in OPERATIONS_OF[page]))
            shared = {one.rsplit(".", 1)[-1] for one in verbs(view) & theirs}
            assert {one for one in shared if not one.startswith(("get_", "list_"))}, (page, OPERATIONS_OF[page])


def test_it_shows_to_programs_what_a_page_reads(site: Flask) -> None:
    """The same queries are behind both: what a page shows can be had of the operations that are named for it."""
    for page, view in pages(site).items():
        if page.startswith("GET") and page in OPERATIONS_OF:
            theirs = set().union(*(verbs(cast("FunctionType", BY_NAME[name].view)) for name in OPERATIONS_OF[page]))
            missing = {one.rsplit(".", 1)[-1] for one in verbs(view) - theirs} - {"may", "require"}
            assert {one for one in missing if (page, one) not in FOUND_OTHERWISE} == set(), page


def verbs(view: FunctionType) -> set[str]:
    """What a view calls of the rooms, itself or by a helper beside it."""
    found, seen = set(), {view}
    waiting = [view]
    while waiting:
        for called in calls(waiting.pop()):
            module = called.__module__ or ""
            if module.startswith(DOORS):
                if called not in seen and module == view.__module__:
                    seen.add(called)
                    waiting.append(called)
            elif is_verb(called):
                found.add(f"{module}.{called.__qualname__}")
    return found


def calls(function: FunctionType) -> Iterator[FunctionType]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (found := resolved(node.func, function)) is not None:
            yield found


def resolved(node: ast.expr, function: FunctionType) -> FunctionType | None:
    if isinstance(node, ast.Name):
        found = function.__globals__.get(node.id)
    elif isinstance(node, ast.Attribute) and getattr(node.value, "attr", "") == "chat":
        found = getattr(Chat, node.attr)  # the one verb of a service: services().chat.ask
    elif isinstance(node, ast.Attribute) and getattr(node.value, "attr", "") == "desk":
        found = getattr(Desk, node.attr)
    elif isinstance(node, ast.Attribute) and getattr(node.value, "attr", "") == "gate":
        found = getattr(Gate, node.attr)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        found = getattr(function.__globals__.get(node.value.id), node.attr, None)
    else:
        return None
    return found if isinstance(found, FunctionType) else None


def is_verb(called: FunctionType) -> bool:
    return called.__module__.startswith("appliance.") and "kernel" not in called.__module__
