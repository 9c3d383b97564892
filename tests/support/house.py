"""The house without its doors: real Postgres, real roles, real models; and the people who live in it."""

import itertools
import os
import shutil
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from appliance import chat, identity, knowledge
from appliance.assembly import Services, assemble, roots_of, sealing
from appliance.audit import PLATFORM, Actor, ActorKind
from appliance.chat import Answered
from appliance.identity import Caller, Role
from appliance.identity.invitations import Acceptance, InvitationForm
from appliance.identity.operators import invite_operator
from appliance.identity.sessions import caller_of
from appliance.identity.setup import Founding
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId, new_id
from appliance.knowledge import Document, DocumentId, Upload
from appliance.ops.data_directory import DataDirectory
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.settings import Settings
from appliance.vault import claim_database

SAMPLES = Path(__file__).parents[1] / "samples"
SHARED = Path(__file__).parents[2].parent / "shared" / "data"
PASSWORD = "a long and private sentence"
Boot = psycopg.Connection[Any]
"""A connection of whoever sees every organisation's rows."""
_numbers = itertools.count()


@dataclass
class Server:
    """A running Postgres, and the right to make databases in it."""

    postgres: EmbeddedPostgres
    admin: "psycopg.Connection[tuple[object, ...]]"
    passwords: dict[str, str]
    directory: Path
    begun: dict[str, Path] = field(default_factory=dict)
    """Databases that a house was begun in, and the data directory with its keys."""

    def url(self, user: str, database: str) -> str:
        """Return a URL as one of the roles."""
        password = self.passwords.get(user.removeprefix("cloister_"))
        return self.postgres.url(user, database=database, password=password)

    def clone(self, template: str) -> str:
        """Make a copy of a database; return its name."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        statements = [f"REVOKE ALL ON DATABASE {name} FROM PUBLIC"]
        for role in self.passwords:  # settings and rights of a database are not cloned with it
            statements.append(f"ALTER ROLE cloister_{role} IN DATABASE {name} SET search_path = cloister, public")
            statements.append(f"GRANT CONNECT ON DATABASE {name} TO cloister_{role}")
        self.admin.execute("; ".join(statements))
        if template in self.begun:
            self.begun[name] = self.begun[template]
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self.admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def connect(self, role: str, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        """Open a plain connection as one of our roles, or as the superuser."""
        return psycopg.connect(self.url(f"cloister_{role}", database), autocommit=True)


class MovableClock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def now(self) -> datetime:
        return self._now

    def passes(self, **time: float) -> None:
        """Let time pass."""
        self._now += timedelta(**time)


class House:
    """Services as the app and as the worker, over one database."""

    def __init__(self, server: Server, database: str, directory: Path, **settings: object) -> None:
        self.server, self.database = server, database
        data = DataDirectory(directory / "data", directory / "data" / "secrets")
        if database in server.begun:  # the keys that its database belongs to
            shutil.copytree(server.begun[database], data.root)
        else:
            self._begin(data)
        url = server.postgres.url(database=database)
        chosen = {
            "data_dir": data.root,
            "models_dir": self.models_directory(),
            "database_url": url,
            "embedding_threads": 1,
            "export_folder": directory / "handed-out",
        } | settings
        (directory / "handed-out").mkdir()
        self.settings = Settings(**chosen)  # type: ignore[arg-type]
        self.clock = MovableClock()
        if database not in server.begun:
            worker = Database(server.url("cloister_worker", database), pool_size=1)
            claim_database(worker, roots_of(self.settings)())
            worker.close()
        self.app = assemble(self.settings, role="app", clock=self.clock)
        self.worker = assemble(self.settings, role="worker", clock=self.clock)

    def _begin(self, data: DataDirectory) -> None:
        data.root.mkdir()
        data.secrets.mkdir()
        data.create_root_key()
        data.prepare(version="0.1.0")
        for role, password in self.server.passwords.items():
            (data.secrets / f"database-{role}").write_text(password)
            (data.secrets / f"database-{role}").chmod(0o400)
        data.create_secret("web-forms")

    @classmethod
    def begins(cls, server: Server, template: str) -> str:
        """Begin a house in a copy of this database; return the copy, whose copies are begun with the same keys."""
        name, directory = server.clone(template), server.directory / "begun"
        directory.mkdir()
        cls(server, name, directory).close()
        server.begun[name] = directory / "data"
        return name

    @classmethod
    def beside(cls, data_dir: Path) -> "House":
        """Return the rooms of a product that runs, over its own database: nothing but `server` and `database` is missing."""
        house = cls.__new__(cls)
        house.settings = Settings(data_dir=data_dir)
        house.clock = MovableClock()
        house.app, house.worker = (assemble(house.settings, role=role, clock=house.clock) for role in ("app", "worker"))
        return house

    @staticmethod
    def models_directory() -> Path:
        """Where `make test` built the models."""
        return Path(os.environ.get("APPLIANCE_MODELS_DIR", Path(sys.prefix) / "share" / "appliance" / "models"))

    def founds(self, organisation: str, email: str) -> "Member":
        """Create an organisation with its owner, by a set-up link."""
        token = identity.create_setup_link(self.worker.db, clock=self.clock)
        founding = Founding(organisation, email.split("@", maxsplit=1)[0].title(), email, PASSWORD)
        tenant_id = TenantId(new_id())
        with self.app.db.tenant(tenant_id) as tx:
            identity.consume_setup_link(tx, token, clock=self.clock)
            user_id = chat.found(tx, founding, actor=Actor(ActorKind.USER), clock=self.clock)
            return Member(self, caller_of(tx, user_id))

    def operator(self, email: str) -> "Member":
        """Make somebody the platform's operator, by the console's link."""
        invited = invite_operator(self.app.db, email, clock=self.clock)
        _, user_id = identity.accept(
            self.app.db, invited.token, Acceptance("Olga", PASSWORD), address="test", request_id="t", clock=self.clock
        )
        with self.app.db.tenant(PLATFORM) as tx:
            return Member(self, caller_of(tx, user_id))

    def owners_settle(self, *, days: float = 8) -> None:
        """Let days pass in which nobody gives anybody a role, a password or a way past a factor."""
        with self.server.connect("boot", self.database) as boot:
            boot.execute("UPDATE cloister.memberships SET own_since = own_since - %s", [timedelta(days=days)])

    def seals(self) -> int:
        """Let the sequencer do what waits, as a process that has just begun; return how many entries it sealed."""
        sealed = 0
        with sealing(self.worker) as (sealer, attendant):
            while (done := sealer.round()).sealed or done.kept or done.is_full or attendant.round():
                sealed += done.sealed
        return sealed

    def close(self) -> None:
        """Let go."""
        self.app.close()
        self.worker.close()


@dataclass
class Member:
    """A person of an organisation, acting through the rooms."""

    house: House
    caller: Caller

    @property
    def tenant_id(self) -> TenantId:
        return self.caller.tenant_id

    @property
    def services(self) -> Services:
        return self.house.app

    def adds(self, email: str, role: Role) -> "Member":
        """Invite a colleague, who joins."""
        with self.services.db.tenant(self.tenant_id) as tx:
            invited = identity.invite(tx, self.caller, InvitationForm(email, role), clock=self.house.clock)
        acceptance = Acceptance(email.split("@", maxsplit=1)[0], PASSWORD)
        _, user_id = identity.accept(
            self.services.db, invited.token, acceptance, address="test", request_id="test", clock=self.house.clock
        )
        with self.services.db.tenant(self.tenant_id) as tx:
            return Member(self.house, caller_of(tx, user_id))

    def uploads(self, name: str, content: bytes | str | None = None) -> Document:
        """Upload a sample, or this content."""
        if content is None:
            content = (SAMPLES / name).read_bytes()
        given = content.encode() if isinstance(content, str) else content
        return knowledge.receive(
            self.services.db, self.services.blobs, self.caller, Upload(name, given), limit_megabytes=100,
            clock=self.house.clock,
        )  # fmt: skip

    def reads_in(self, name: str, content: bytes | str | None = None) -> Document:
        """Upload, and let the worker do its part."""
        document = self.uploads(name, content)
        knowledge.ingest(self.house.worker.workshop, self.tenant_id, document.document_id)
        return self.document(document.document_id)

    def document(self, document_id: DocumentId) -> Document:
        """Look a document up."""
        with self.services.db.tenant(self.tenant_id) as tx:
            return knowledge.get_document(tx, self.caller, document_id)

    def asks(self, question: str) -> chat.Message:
        """Ask the first chatbot in a new conversation; return the stored answer."""
        with self.services.db.tenant(self.tenant_id) as tx:
            chatbot = chat.list_chatbots(tx, self.caller)[0]
            conversation = chat.create_conversation(tx, self.caller, chatbot.chatbot_id, clock=self.house.clock)
        _, answer = self.services.chat.ask(self.caller, conversation.conversation_id, question)
        return next(step.message for step in answer if isinstance(step, Answered))
