"""What every test would build anew and a process of tests builds once. Nothing here changes what the product does."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine, create_engine
from werkzeug.routing import Map, Rule
from werkzeug.routing.matcher import State, StateMachineMatcher

from appliance.dlp import engine
from appliance.kernel import db, sealing
from appliance.providers.local.embeddings import LocalEmbedder
from appliance.providers.local.tagger import LocalTagger
from appliance.web import assets
from tests.support.house import House


class Compiled(BytecodeCache):
    """Compiled templates, by their source, and by the language that they were compiled for."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        kept = self._kept.get(self._named(bucket))
        if kept is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[self._named(bucket)] = bucket.bytecode_to_string()

    def _named(self, bucket: Bucket) -> tuple[object, ...]:
        return bucket.key, bucket.checksum, getattr(bucket.environment, "code", None)


@contextmanager
def warm() -> Iterator[None]:
    """Share models, compiled rules, templates and routes between tests; hash passwords cheaply; wait for no disk.

    Durability is shown by killed processes, which know nothing of this; the cost of a hash by a test of its own.
    """
    with pytest.MonkeyPatch.context() as patch:
        for model in (LocalEmbedder, LocalTagger):
            patch.setattr(model, "_load", _loaded_once(model))
        patch.setattr(engine, "_made", cache(engine._made))
        patch.setattr(assets, "_read", cache(assets._read))
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": Compiled()})
        patch.setattr(Rule, "_compile_builder", _built_once())
        patch.setattr(Rule, "compile", _read_once())
        patch.setattr(StateMachineMatcher, "add", _adds)
        patch.setattr(db, "create_engine", _compiled_once())
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(sealing, "_hasher", cheap)
        patch.setattr(sealing, "_DUMMY", cheap.hash("nobody's"))
        patch.setattr(os, "fsync", lambda _file: None)
        yield


def _loaded_once(kind: type[Any]) -> Callable[[Any], object]:
    loaded: dict[tuple[Path, int], object] = {}
    load, built = kind._load, House.models_directory().resolve()

    def once(model: Any) -> object:
        key = model._directory.resolve(), model._threads
        if key[0].parent != built:
            return load(model)
        return loaded[key] if key in loaded else loaded.setdefault(key, load(model))

    return once


def _built_once() -> Callable[..., Any]:
    built: dict[object, Any] = {}
    build = Rule._compile_builder

    def once(rule: Rule, append_unknown: bool = True) -> Any:
        if rule.defaults:
            return build(rule, append_unknown)
        key = rule.rule, tuple(rule._trace), append_unknown
        return built[key] if key in built else built.setdefault(key, build(rule, append_unknown))

    return once


def _compiled_once() -> Callable[..., Engine]:
    # A statement is compiled once an engine, and the server asked what it is: in the product there is one engine a process.
    first: list[Engine] = []

    def once(*arguments: Any, **options: Any) -> Engine:
        if not first or not getattr(first[0].dialect, "server_version_info", None):  # it has not seen the server yet
            engine = create_engine(*arguments, **options)
            first[:] = first or [engine]
            return engine
        engine = create_engine(*arguments, **options, _initialize=False)
        engine.dialect = engine.pool._dialect = first[0].dialect
        engine._compiled_cache = first[0]._compiled_cache
        return engine

    return once


def _read_once() -> Callable[[Rule], None]:
    read: dict[tuple[object, ...], dict[str, Any]] = {}
    compile_ = Rule.compile

    def once(rule: Rule) -> None:
        key = rule.rule, rule.subdomain, rule.host, rule.merge_slashes, type(rule)
        if rule.defaults or (rule.map is not None and rule.map.converters != Map.default_converters):
            compile_(rule)
            return
        if key not in read:
            known = rule.arguments.copy()
            compile_(rule)
            read[key] = {name: getattr(rule, name) for name in ("_parts", "_trace", "_converters")} | {"found": rule.arguments - known}
        kept = read[key]
        rule._parts, rule._trace, rule._converters = kept["_parts"][:], kept["_trace"][:], dict(kept["_converters"])
        rule.arguments |= kept["found"]
        rule._build = rule._compile_builder(False).__get__(rule, None)
        rule._build_unknown = rule._compile_builder(True).__get__(rule, None)

    return once


def _adds(matcher: StateMachineMatcher, rule: Rule) -> None:
    # As werkzeug does it, without a State for every part that there is one of already.
    state = matcher._root
    for part in rule._parts:
        if part.static:
            found = state.static.get(part.content)
            if found is None:
                found = state.static[part.content] = State()
        else:
            found = next((one for known, one in state.dynamic if known == part), None)
            if found is None:
                found = State()
                state.dynamic.append((part, found))
        state = found
    state.rules.append(rule)
