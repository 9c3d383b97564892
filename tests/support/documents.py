"""Writes the generated pages: `python -m tests.support.documents`. A law test fails when they are not current."""

from collections.abc import Iterator
from pathlib import Path

import click

from appliance.audit.events import MEANING, Event
from appliance.cli import group
from appliance.settings import Settings
from tests.support.attacks import assurance_page

DOCS = Path(__file__).parents[2] / "deploy" / "docs"


def settings_page() -> str:
    """Return deploy/docs/settings.md."""
    lines = [
        "# Settings\n",
        "Variables, or the same names in lower case and without `APPLIANCE_` in `/etc/appliance/appliance.toml` (or the file",
        "in `APPLIANCE_CONFIG`); variables win. An unknown name is an error. Secrets are files, never variables.",
        "`appliance config check` prints what is in force, and every mistake at once.\n",
        "| setting | default | what it does |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = (
            "`.venv/share/appliance/models`"
            if name == "models_dir"
            else f"`{default}`"
            if default not in (None, [])
            else "none"
        )
        lines.append(f"| `APPLIANCE_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines) + "\n"


def events_page() -> str:
    """Return deploy/docs/audit-events.md."""
    lines = [
        "# Audit events\n",
        "The closed catalogue: `<room>:<subject>:<past tense>`. A name is never reused or changed. Each entry has actor, source",
        "address, request id, organisation, subject, outcome and time (UTC); facts are ids, codes and numbers, never content.\n",
        "| event | what happened |",
        "|---|---|",
    ]
    lines += [f"| `{event.value}` | {MEANING[event]} |" for event in sorted(Event)]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return deploy/docs/cli.md."""
    lines = [
        "# Commands\n",
        "`appliance` is `.venv/bin/python -m appliance`; an alias of that name will do. `APPLIANCE_DATA_DIR` says which",
        'house is meant. `eval "$(appliance completion bash)"` completes the commands,',
        "`appliance … --help` says what follows. The rooms' commands are made of the API's operations, so that both do the same.",
        "They act as the person of `--as` (by default the only owner) and are recorded as the operator's doing; `--json` prints",
        "what the API would answer. A `change` leaves alone what is not named, where the API replaces the whole: options in",
        'brackets keep what is in force. A list is emptied by `""` (`--member-ids ""`), a limit lifted by `none`',
        "(`--monthly-tokens none`).\n",
        "| command | what it does |",
        "|---|---|",
    ]
    lines += [f"| `appliance {usage}` | {words} |" for usage, words in _commands(group, "")]
    return "\n".join(lines) + "\n"


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(command.commands[name], f"{path} {name}".strip())
        return
    parts = [path]
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            parts.append(f"{(parameter.name or '').upper()}{'…' if parameter.nargs == -1 else ''}")
        elif parameter.opts[0] not in {"--as", "--in", "--json"}:
            parts.append(parameter.opts[0] if parameter.required else f"[{parameter.opts[0]}]")
    yield " ".join(parts), " ".join((command.help or "").split())


PAGES = {"assurance.md": assurance_page, "settings.md": settings_page, "audit-events.md": events_page, "cli.md": commands_page}

if __name__ == "__main__":
    for page_name, render in PAGES.items():
        (DOCS / page_name).write_text(render())
