"""What of break-glass accounts only whoever runs the host does: `appliance break-glass enable EMAIL`."""

import json

import click

from appliance.assembly import assemble
from appliance.cli.operate import say
from appliance.identity.breakglass import enable_at_console
from appliance.settings import load


@click.command()
@click.argument("email")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def enable(*, email: str, as_json: bool) -> None:
    """Open the break-glass accounts of EMAIL again that were used. Each of their organisations records it."""
    with assemble(load(), role="worker") as services:
        opened = enable_at_console(services.db, email)
    if as_json:
        say(json.dumps({"opened": opened}))
        return
    say(f"Opened again in {opened} organisation{'' if opened == 1 else 's'}." if opened else "Nothing to open: none was used.")


def add_to(room: click.Group) -> None:
    """Put it beside the commands that the API has for them."""
    room.add_command(enable)
