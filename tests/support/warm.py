"""What every test would build anew and a process of tests builds once. Nothing here changes what the product does."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from appliance.kernel import sealing
from appliance.providers.local.embeddings import LocalEmbedder
from tests.support.house import House


class Compiled(BytecodeCache):
    """Compiled templates, by their source."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        kept = self._kept.get((bucket.key, bucket.checksum))
        if kept is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


@contextmanager
def warm() -> Iterator[None]:
    """Share models, compiled templates and routes between tests; hash passwords cheaply; wait for no disk.

    Durability is shown by killed processes, which know nothing of this; the cost of a hash by a test of its own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalEmbedder, "_load", _loaded_once())
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": Compiled()})
        patch.setattr(Rule, "_compile_builder", _built_once())
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(sealing, "_hasher", cheap)
        patch.setattr(sealing, "_DUMMY", cheap.hash("nobody's"))
        patch.setattr(os, "fsync", lambda _file: None)
        yield


def _loaded_once() -> Callable[[LocalEmbedder], object]:
    loaded: dict[tuple[Path, int], object] = {}
    load, built = LocalEmbedder._load, House.models_directory().resolve()

    def once(embedder: LocalEmbedder) -> object:
        key = embedder._directory.resolve(), embedder._threads
        if key[0].parent != built:
            return load(embedder)
        return loaded[key] if key in loaded else loaded.setdefault(key, load(embedder))

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
