"""Which models an organisation allows, and by which names its people call them."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, delete, select

from appliance import audit, identity, policy
from appliance.audit import Event
from appliance.gateway.errors import (
    AliasMalformed,
    AliasNotFound,
    AllowedModelMalformed,
    AllowedModelNotFound,
)
from appliance.gateway.tables import AliasRow, AllowedModelRow
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx, in_turn
from appliance.policy import EVERY_MODEL, Allowed

BOT: Final = "bot:"
_ALIAS: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_PROVIDER: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,199}")
_WEIGHT: Final = re.compile(r"[1-9][0-9]{0,2}|1000")
_MOST_TARGETS: Final = 8


@dataclass(frozen=True)
class Target:
    """A provider, and its own name of the model."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True)
class Alias:
    """A name of the organisation's own, and the models behind it in the order in which they are tried.

    Those with a weight share the calls between them, and come before the others.
    """

    name: str
    targets: tuple[Target, ...]
    weights: tuple[int | None, ...]

    @property
    def entries(self) -> tuple[str, ...]:
        """Its models as they were entered, `provider/model` or `provider/model=weight`."""
        return tuple(f"{one}={weight}" if weight else str(one) for one, weight in self.weighed)

    @property
    def weighed(self) -> tuple[tuple[Target, int | None], ...]:
        """Each model with its weight."""
        return tuple(zip(self.targets, self.weights, strict=True))


def find_target(name: str) -> Target | None:
    """Return what a name such as openai/gpt-5 says, or None if it is not of that form."""
    provider, slash, model = name.partition("/")
    is_good = slash and _PROVIDER.fullmatch(provider) and _MODEL.fullmatch(model)
    return Target(provider, model) if is_good else None


def is_alias(name: str) -> bool:
    """Return whether this could be the name of an alias."""
    return _ALIAS.fullmatch(name) is not None


def allowed_models(tx: Tx) -> frozenset[Allowed]:
    """Return what the organisation allows. Asking for permission is the caller's part."""
    rows = tx.execute(select(AllowedModelRow.provider, AllowedModelRow.model).where(AllowedModelRow.tenant_id == tx.tenant_id))
    return frozenset(Allowed(row.provider, row.model) for row in rows)


def aliases(tx: Tx) -> list[Alias]:
    """Return the organisation's aliases by name. Asking for permission is the caller's part."""
    return list(_read(tx, select(AliasRow).where(AliasRow.tenant_id == tx.tenant_id)).values())


def aliases_named(tx: Tx, names: Collection[str]) -> dict[str, Alias]:
    """Return those of these names that there are. Asking for permission is the caller's part."""
    return _read(tx, select(AliasRow).where(AliasRow.tenant_id == tx.tenant_id, AliasRow.name.in_(set(names))))


def callable_names(tx: Tx, caller: Caller) -> list[str]:
    """Return the names by which providers' models can be asked: aliases, then the models that are allowed.

    A provider whose models are all allowed stands there with a slash, as the beginning of their names.
    """
    identity.require(caller, Permission.MODEL_CALL)
    named = (f"{one.provider}/{one.model.removesuffix(EVERY_MODEL)}" for one in allowed_models(tx))
    return [*(one.name for one in aliases(tx)), *sorted(named)]


def list_aliases(tx: Tx, caller: Caller) -> list[Alias]:
    """Return the organisation's aliases by name."""
    identity.require_granted(caller, Permission.MODEL_CHANGE)
    return aliases(tx)


def list_allowed_models(tx: Tx, caller: Caller) -> list[Target]:
    """Return the models that the organisation allows, by name; the model `*` stands for all of a provider's."""
    identity.require_granted(caller, Permission.MODEL_CHANGE)
    return sorted((Target(one.provider, one.model) for one in allowed_models(tx)), key=str)


def set_alias(tx: Tx, caller: Caller, name: str, targets: Iterable[str]) -> Alias:
    """Make an alias, or change what is behind it: `provider/model`, or `provider/model=weight`. Raises AliasMalformed."""
    identity.require(caller, Permission.MODEL_CHANGE)
    alias = _alias(name, [_weighed(one.strip()) for one in targets])
    in_turn(tx, f"model alias {name}")
    _clear(tx, name)
    tx.add_all(_rows(tx, alias))
    tx.flush()
    audit.record(tx, caller.actor, Event.MODEL_ALIAS_CHANGED, alias=name, models=" ".join(alias.entries))
    return alias


def remove_alias(tx: Tx, caller: Caller, name: str) -> None:
    """Take an alias away. Raises AliasNotFound."""
    identity.require(caller, Permission.MODEL_CHANGE)
    if not _clear(tx, name):
        raise AliasNotFound
    audit.record(tx, caller.actor, Event.MODEL_ALIAS_CHANGED, alias=name, models="")


def allow_model(tx: Tx, caller: Caller, name: str) -> Target:
    """Let the organisation's people call a model, or with `provider/*` all of a provider's. Raises AllowedModelMalformed."""
    identity.require(caller, Permission.MODEL_CHANGE)
    target = _allowable(name)
    in_turn(tx, "allowed models")
    if tx.get(AllowedModelRow, (tx.tenant_id, target.provider, target.model)) is None:
        tx.add(AllowedModelRow(tenant_id=tx.tenant_id, provider=target.provider, model=target.model))
        tx.flush()
        policy.note_change(tx)
        audit.record(tx, caller.actor, Event.MODEL_ALLOWED, model=str(target))
    return target


def forbid_model(tx: Tx, caller: Caller, name: str) -> None:
    """Take a model from the list; the next call is refused. Raises AllowedModelNotFound."""
    identity.require(caller, Permission.MODEL_CHANGE)
    target = _allowable(name)
    gone = tx.execute(
        delete(AllowedModelRow)
        .where(
            AllowedModelRow.tenant_id == tx.tenant_id,
            AllowedModelRow.provider == target.provider,
            AllowedModelRow.model == target.model,
        )
        .returning(AllowedModelRow.model)
    ).first()
    if gone is None:
        raise AllowedModelNotFound
    policy.note_change(tx)
    audit.record(tx, caller.actor, Event.MODEL_FORBIDDEN, model=str(target))


def _allowable(name: str) -> Target:
    provider, _, model = name.strip().partition("/")
    if model == EVERY_MODEL and _PROVIDER.fullmatch(provider):
        return Target(provider, model)
    target = find_target(name.strip())
    if target is None:
        raise AllowedModelMalformed
    return target


def _weighed(entry: str) -> tuple[Target, int | None]:
    name, said, weight = entry.partition("=")
    target = find_target(name)
    if target is None or (said and not _WEIGHT.fullmatch(weight)):
        raise AliasMalformed
    return target, int(weight) if said else None


def _alias(name: str, weighed: Sequence[tuple[Target, int | None]]) -> Alias:
    targets = tuple(target for target, _ in weighed)
    if not _ALIAS.fullmatch(name) or len(set(targets)) != len(targets) or not 1 <= len(targets) <= _MOST_TARGETS:
        raise AliasMalformed
    return Alias(name, targets, tuple(weight for _, weight in weighed))


def _rows(tx: Tx, alias: Alias) -> list[AliasRow]:
    return [
        AliasRow(tenant_id=tx.tenant_id, name=alias.name, place=place, provider=one.provider, model=one.model, weight=weight)
        for place, (one, weight) in enumerate(alias.weighed, start=1)
    ]


def _read(tx: Tx, wanted: Select[AliasRow]) -> dict[str, Alias]:
    found: dict[str, list[tuple[Target, int | None]]] = {}
    for row in tx.scalars(wanted.order_by(AliasRow.name, AliasRow.place)):
        found.setdefault(row.name, []).append((Target(row.provider, row.model), row.weight))
    return {
        name: Alias(name, tuple(one for one, _ in weighed), tuple(weight for _, weight in weighed))
        for name, weighed in found.items()
    }


def _clear(tx: Tx, name: str) -> bool:
    gone = tx.execute(
        delete(AliasRow).where(AliasRow.tenant_id == tx.tenant_id, AliasRow.name == name).returning(AliasRow.place)
    )
    return bool(gone.all())
