"""What only whoever holds the host may do: name operators, and make a link to anybody's new password."""

import json
import shlex
import sys

import click
from click.shell_completion import get_completion_class

from appliance.kernel.log import configure
from appliance.settings import load


@click.group()
def operator() -> None:
    """The platform's operators: they create organisations and see counts, and read no organisation's content."""


@operator.command("invite")
@click.argument("email")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def invite(*, email: str, as_json: bool) -> None:
    """Print a link by which EMAIL becomes an operator. It works once, within 7 days."""
    from appliance.assembly import assemble
    from appliance.identity.operators import invite_operator

    settings = load()
    configure(format="console", level="ERROR")
    with assemble(settings, role="worker") as services:
        invited = invite_operator(services.db, email, clock=services.clock)
    _print_link(f"{settings.address}/join?link={invited.token}", as_json=as_json)


@click.command("reset-password")
@click.argument("email")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reset_password(*, email: str, as_json: bool) -> None:
    """Print a link to a new password for EMAIL, once, within 24 hours. Each of their organisations records it."""
    from appliance import identity
    from appliance.assembly import assemble

    settings = load()
    configure(format="console", level="ERROR")
    with assemble(settings, role="worker") as services:
        link = identity.create_password_reset_at_console(services.db, email, clock=services.clock)
    _print_link(f"{settings.address}/reset?link={link.token}", as_json=as_json)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def completion(context: click.Context, *, shell: str, as_json: bool) -> None:
    """Print what completes commands in SHELL: eval "$(appliance completion bash)"."""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - one of the three above
    script = kind(context.find_root().command, {}, "appliance", "_APPLIANCE_COMPLETE").source()
    program = f"{shlex.quote(sys.executable)} -m appliance"  # `appliance` may be an alias, which no script can call
    for called in ("bash_complete $1", "zsh_complete appliance", "(commandline -t) appliance"):
        script = script.replace(called, f"{called.rpartition(' ')[0]} {program}")
    click.echo(json.dumps({"shell": shell, "script": script}) if as_json else script)


def _print_link(url: str, *, as_json: bool) -> None:
    click.echo(json.dumps({"url": url}) if as_json else f"Hand this link over; it works once:\n  {url}")
