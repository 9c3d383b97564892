"""Operations: each is declared once, with the models that check it, and is served and documented from that.

A request passes, in this order: token, rate, path, query, body, If-Match, Idempotency-Key, the verb. What the verb
returns is checked by nobody: it is built from the answer's model.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from appliance.assembly import Services
from appliance.identity import Caller, Permission, Scope
from appliance.identity.permissions import SCOPES
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal

EVENTS = "text/event-stream"
_SAMPLE_ID = "01900000-0000-7000-8000-000000000000"
_VARIABLE = re.compile(r"\$[A-Z_]+")
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Call:
    """One request, checked: who asks, with what."""

    services: Services
    caller: Caller
    ids: dict[str, UUID]
    query: Any = None
    body: Any = None
    files: list[tuple[str, bytes]] = field(default_factory=list)

    @contextmanager
    def tenant(self) -> Iterator[Tx]:
        """Open a transaction of the caller's organisation."""
        with self.services.db.tenant(self.caller.tenant_id) as tx:
            yield tx


@dataclass(frozen=True)
class FileAnswer:
    """A file as an answer. A reader that was cut off goes on where it was (Range, RFC 9110 14.2)."""

    path: Path
    name: str
    tag: str


View = Callable[[Call], Any]
Again = Callable[[Call, Any], BaseModel]
AnyView = TypeVar("AnyView", bound=View)


@dataclass(frozen=True)
class Operation:
    """What a program can do."""

    method: str
    path: str
    name: str
    tag: str
    summary: str
    view: View
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    answer: type[BaseModel] | None
    status: int
    refusals: tuple[type[Refusal], ...]
    takes_files: bool
    streams: bool
    media: str
    permission: Permission | None
    again: "Again | None" = None
    keeps: bool = True
    sample_file: str = "handbook.pdf"

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The token scopes that allow it, each on its own; none means any token."""
        return tuple(scope for scope in Scope if self.permission in SCOPES[scope])

    @property
    def takes_key(self) -> bool:
        """Say whether the same request under the same Idempotency-Key is done once."""
        return self.method == "POST" and self.keeps

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the ids in the path."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def rule(self) -> str:
        """The path as the router knows it; ids are parsed by us, so that a wrong one is a documented 404."""
        return _PARAMETER.sub(r"<\1>", self.path)

    @property
    def example(self) -> str:
        """A body with the fields that must be there, or nothing."""
        return _VARIABLE.sub(_SAMPLE_ID, self._sample)

    def curl(self, address: str) -> str:
        """Return a line for a shell that does it; ids, and the token, are variables of that shell."""
        parts = ["curl"] if self.method == "GET" else ["curl", "-X", self.method]
        parts.append('-H "Authorization: Bearer $TOKEN"')
        if self.takes_files:
            parts.append(f"-F files=@{self.sample_file}")
            parts += [f"-F {name}={value}" for name, value in json.loads(self._sample or "{}").items()]
        elif self.body:
            body = _VARIABLE.sub(lambda found: f"'{found[0]}'", self._sample)
            parts += ['-H "Content-Type: application/json"', f"-d '{body}'"]
        elif self.asked:
            parts += ["-G", *(f"--data-urlencode '{name}={value}'" for name, value in self.asked.items())]
        return " ".join([*parts, address + _PARAMETER.sub(lambda name: f"${name[1].upper()}", self.path)])

    @property
    def asked(self) -> dict[str, Any]:
        """The parts of the query that must be there, with examples."""
        return dict(json.loads(_sample_of(self.query))) if self.query else {}

    @property
    def _sample(self) -> str:
        return _sample_of(self.body) if self.body else ""


@cache
def _sample_of(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    # What need not be there, but without which the rest says nothing, is told by an example of its own.
    needed = schema.get("required", []) + list(schema.get("x-sampled", []))
    return json.dumps({name: _sample(schema, schema["properties"][name], name) for name in needed})


def _sample(root: dict[str, Any], schema: dict[str, Any], name: str) -> Any:
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _sample(root, root["$defs"][schema["$ref"].rsplit("/", maxsplit=1)[-1]], name)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _sample(root, schema["anyOf"][0], name)
    if schema.get("format") == "uuid":
        return f"${name.upper()}"
    kind = schema["type"]
    if kind == "array":
        return [_sample(root, schema["items"], name)]
    return {"integer": 1, "number": 0.5, "boolean": True}[kind]  # a text says itself what it is like


OPERATIONS: list[Operation] = []


def operation(
    method: str,
    path: str,
    *,
    permission: Permission | None,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    answer: type[BaseModel] | None = None,
    status: int | None = None,
    refusals: tuple[type[Refusal], ...] = (),
    takes_files: bool = False,
    streams: bool = False,
    media: str = EVENTS,
    again: Again | None = None,
    keeps: bool = True,
    sample_file: str = "handbook.pdf",
) -> Callable[[AnyView], AnyView]:
    """Declare an operation; its summary is the view's docstring, its tag the view's module.

    `permission` is what its verb asks for, None for what every token may do; tests hold the two together. `again` says
    what has become of an answer that is repeated under its Idempotency-Key; without it, it is repeated as it was. What
    promises that nothing is kept has `keeps=False`, and takes no key: the answer would be kept under it.
    """

    def declare(view: AnyView) -> AnyView:
        summary = inspect.getdoc(view) or ""
        code = status or (204 if answer is None and not streams else 200)
        OPERATIONS.append(
            Operation(method, path, view.__name__, view.__module__.rsplit(".", maxsplit=1)[-1], summary, view, body,
                      query, answer, code, refusals, takes_files, streams, media, permission, again, keeps, sample_file)
        )  # fmt: skip
        return view

    return declare
