"""Builds the gate and what it stands on, and for the gateway's own process nothing else.

`assembly` builds the rest of the house around it. Here no other room is imported: what is loaded is what a process with
a thousand streams holds in memory, see decision 0035.
"""

import os
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from appliance import dlp
from appliance.audit.subject_keys import PERSONAL, KeptSubjectKeys
from appliance.audit.values import PLATFORM
from appliance.dlp.own.loading import BOOK, OwnBook
from appliance.gateway import Bot, DataLoss, Gate, Gateway, Patience, Prices, Reading, Source, Turn
from appliance.gateway.inspecting import Inspector
from appliance.gateway.line import Line
from appliance.gateway.values import Bots
from appliance.gateway.writing import Writer
from appliance.grounds import database_url, egress_of, require_own, roots_of
from appliance.identity import Caller, Guesses, Tally
from appliance.kernel.clock import Clock, SystemClock
from appliance.kernel.computing import Aside, here
from appliance.kernel.db import Database
from appliance.kernel.egress import Egress
from appliance.providers.local.catalogue import CATALOGUE, DEFAULT
from appliance.providers.local.embeddings import LocalEmbedder
from appliance.providers.local.extractive import ExtractiveAnswerer
from appliance.readers import scanner_of
from appliance.settings import Settings
from appliance.vault import FirstFormat, KeyFiles, Vault


@dataclass(frozen=True)
class Engine:
    """What a gate stands on: keys, the way out, and the models of this host."""

    settings: Settings
    clock: Clock
    db: Database
    vault: Vault
    egress: Egress
    embedder: LocalEmbedder
    """The one that an organisation's index is of unless it chose another."""
    gateway: Gateway
    tally: Tally
    scanner: "LateScanner"
    process: str
    """Whoever serves; after a restart it is known for the same."""
    aside: Aside = here
    guesses: Guesses = field(default_factory=Guesses)

    @cached_property
    def inspector(self) -> Inspector:
        """What looks at texts for a policy."""
        return Inspector(self.scanner, self.aside, self._read_file)

    def _read_file(self, content: bytes, seconds: float) -> Reading:
        from appliance.knowledge.glancing import glance  # its room is loaded when somebody sends a document along

        return glance(content, seconds, languages=self.settings.ocr_languages)

    @cached_property
    def line(self) -> Line:
        """The line to providers."""
        settings = self.settings
        return Line(
            self.db, self.vault, self.egress, hooks=(DataLoss(),), prices=Prices(settings.prices_file), clock=self.clock,
            patience=Patience(settings.provider_first_byte_seconds, settings.provider_pause_seconds),
            tally=self.tally, inspector=self.inspector, process=self.process,
        )  # fmt: skip

    @property
    def writer(self) -> Writer:
        """What has providers' models answer for chatbots."""
        return Writer(self.db, self.vault, self.line, clock=self.clock)

    def gate(self, bots: Bots) -> Gate:
        """Return the gate."""
        return Gate(
            self.db, self.vault, self.egress, self.gateway, self.line,
            bots=bots, clock=self.clock, guesses=self.guesses, tally=self.tally, aside=self.aside,
        )  # fmt: skip


def engine_of(settings: Settings, db: Database, *, clock: Clock, aside: Aside, door: str) -> Engine:
    """Open the keys, and find the models. Raises a Refusal where the database is not this house's."""
    process = f"{os.uname().nodename}/{door or os.getpid()}"
    egress, roots = egress_of(settings), roots_of(settings)
    require_own(db, roots())
    files = KeyFiles(settings.secrets / "keys", roots)
    vault = Vault(db, files, clock=clock, first=FirstFormat(settings.secrets / "root.key"))
    vault.prepare(PLATFORM)
    db.give(PERSONAL, KeptSubjectKeys(vault))
    db.give(BOOK, OwnBook(vault, clock=clock))
    embedders = {
        name: LocalEmbedder(settings.models_dir / name, recipe, threads=settings.embedding_threads, aside=aside)
        for name, recipe in CATALOGUE.items()
    }
    default = embedders[DEFAULT.name]
    answerer = ExtractiveAnswerer(default, aside=aside)  # its thresholds were fitted on that one
    gateway = Gateway(db, embedders=list(embedders.values()), models={answerer.name: answerer}, clock=clock)
    return Engine(settings, clock, db, vault, egress, default, gateway, Tally(process), LateScanner(settings, aside), process, aside)


class LateScanner:
    """What looks for that which must not be sent, with its model of names: built when a text is first to be looked at."""

    def __init__(self, settings: Settings, aside: Aside) -> None:
        self._settings, self._aside = settings, aside
        self._built: dlp.Engine | None = None

    def __call__(self) -> dlp.Engine:
        """Return it."""
        if self._built is None:  # twice at once, and the later one stays: they are made ready when they first look
            self._built = scanner_of(self._settings, aside=self._aside)
        return self._built


def assemble_gate(settings: Settings, *, aside: Aside) -> tuple[Gate, Tally]:
    """Build the gate of the process that serves /v1 alone, and what counts who comes."""
    db = Database(database_url(settings, "app"), pool_size=settings.database_pool, application="cloister-app")
    try:
        engine = engine_of(settings, db, clock=SystemClock(), aside=aside, door="gateway")
        return engine.gate(LateBots(lambda: _bots(engine))), engine.tally
    except Exception:
        db.close()
        raise


class LateBots:
    """Chatbots whose rooms, documents and all, are loaded when somebody asks for one: most programs never do."""

    def __init__(self, build: Callable[[], Bots]) -> None:
        self._build = build
        self._built: Bots | None = None

    def find(self, caller: Caller) -> list[Bot]:
        """Return those that the caller can ask."""
        return self._bots().find(caller)

    def ask(
        self, caller: Caller, slug: str, question: str, history: Sequence[Turn], labels: tuple[str, ...] = (), counted_tokens: int = 0
    ) -> Generator[str | Source, None, None]:
        """Return pieces of the answer, and the sources as they are cited. Raises a Refusal, before anything is asked."""
        return self._bots().ask(caller, slug, question, history, labels, counted_tokens)

    def labels(self, caller: Caller, slug: str, known: Collection[str]) -> list[str]:
        """Return which of some data labels a chatbot has, by the documents that it answers somebody from."""
        return self._bots().labels(caller, slug, known)

    def _bots(self) -> Bots:
        if self._built is None:  # twice at once, and the later one stays: they hold nothing
            self._built = self._build()
        return self._built


def _bots(engine: Engine) -> Bots:
    from appliance.chat import Chat, ChatBots, Screen

    chat = Chat(engine.db, engine.gateway, sealer=engine.vault, screen=Screen(engine.inspector), clock=engine.clock, writer=engine.writer)
    return ChatBots(engine.db, chat)
