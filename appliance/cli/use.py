"""Commands that use the house from the console, as one of its people."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from appliance import audit, chat, identity
from appliance.assembly import Services, assemble
from appliance.chat import Answered, ExportWords, Says
from appliance.identity import Caller, Permission
from appliance.identity.console import caller_by_email
from appliance.kernel.ids import TenantId
from appliance.kernel.log import configure
from appliance.settings import load


@contextmanager
def acting_as(email: str | None, tenant_id: TenantId | None = None) -> Iterator[tuple[Services, Caller]]:
    """Enter the house as one of its people; without an address, as the only owner there is.

    `tenant_id` says where, for somebody who belongs to several organisations, or to the platform.
    """
    settings = load()
    configure(format="console", level="ERROR")
    with assemble(settings, role="worker") as services:
        yield services, caller_by_email(services.db, email, tenant_id)


@click.command()
@click.argument("question")
@click.option("--as", "email", help="Who asks: an e-mail address. Default: the only owner.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ask(*, question: str, email: str | None, as_json: bool) -> None:
    """Ask the first chatbot; the answer streams, its sources follow. Exit code 3 if nothing was found."""
    chat.check_question(question)  # before a conversation is begun that nobody would ask in
    with acting_as(email) as (services, caller):
        with services.db.tenant(caller.tenant_id) as tx:
            chatbot = next(iter(chat.list_chatbots(tx, caller)), None)
            if chatbot is None:
                raise click.ClickException(
                    "There is no chatbot that you may use. Create one under Chatbots, or publish one."
                )
            conversation = chat.create_conversation(tx, caller, chatbot.chatbot_id, clock=services.clock)
        _, answer = services.chat.ask(caller, conversation.conversation_id, question)
        outcome = "stopped"
        for step in answer:
            if isinstance(step, Says) and not as_json:
                click.echo(step.text, nl=False)
            elif isinstance(step, Answered):
                outcome = step.message.outcome or outcome
                print_answer(step, as_json=as_json)
    raise SystemExit(0 if outcome == "answered" else 3)


def print_answer(step: Answered, *, as_json: bool) -> None:
    """Print what follows an answer: its sources, and of a model elsewhere which one wrote it, and what was compared."""
    message = step.message
    if as_json:
        sources = [
            {"number": c.number, "title": c.title, "page": c.page_from, "quote": c.quote} for c in message.citations
        ]
        said = {"answer": message.body, "model": message.model, "outcome": message.outcome, "sources": sources, "untraced": message.untraced}
        click.echo(json.dumps(said))
        return
    click.echo("\n")
    for citation in message.citations:
        page = f", page {citation.page_from}" if citation.page_from else ""
        click.echo(f"  [{citation.number}] {citation.title}{page}")
    words = ExportWords()
    if message.is_written:
        click.echo(f"\n{message.model}: {words.written}")
    if message.untraced:
        click.echo(f"{words.untraced} {message.untraced}")


def _private(target: Path) -> IO[str]:
    """Open a new file that nobody but its owner reads: who did what is in it."""
    return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")


@click.command("audit-export")
@click.argument("target", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--as", "email", help="Who exports: an owner, admin or auditor. Default: the only owner.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit_export(*, target: Path, email: str | None, as_json: bool) -> None:
    """Write an organisation's audit log to a file that `python -m appliance.proof FILE` checks offline."""
    if target.exists():
        raise click.ClickException(f"{target} is there already, and is not overwritten. Name another file.")
    with acting_as(email) as (services, caller), services.db.tenant(caller.tenant_id) as tx:
        identity.require(caller, Permission.AUDIT_READ)
        exported = audit.export_lines(tx, caller.actor)
        try:
            with _private(target) as file:
                file.writelines(exported)
        except OSError as error:
            raise click.ClickException(
                f"{target} cannot be written ({error.strerror}). Name a file in a folder that exists, that this user may "
                "write to, and that has room."
            ) from error
    if as_json:
        click.echo(json.dumps({"file": str(target)}))
        return
    click.echo(f"{target}: check it with `python -m appliance.proof {target}`; note the root elsewhere.")
