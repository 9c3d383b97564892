"""Writes the generated pages: `python -m tests.support.documents`. A law test fails when they are not current."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from appliance.audit.events import Event
from appliance.audit.meanings import MEANING
from appliance.cli import group
from appliance.cli.contents import Later
from appliance.gateway.dialects import Dialect, Fault, error_body
from appliance.gateway.dialects.chat_to_messages.answer import FINISHES
from appliance.gateway.dialects.messages_to_chat.answer import REASONS
from appliance.gateway.dialects.messages_to_converse.answer import REASONS as CONVERSE_REASONS
from appliance.gateway.dialects.messages_to_converse.rules import SECTIONS
from appliance.gateway.dialects.responses_to_chat.answer import ENDINGS
from appliance.gateway.dialects.rules import Fate, Rule
from appliance.settings import Settings
from tests.support.attacks import assurance_page
from tests.support.clients import clients_page
from tests.support.dialect_samples import TABLES

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
        "address, request id, organisation, subject, outcome and time (UTC); facts are ids, codes and numbers, never content. Addresses, and the",
        "networks of a token, are personal values: the entry holds a commitment to each, and they can be erased (audit-package.md).\n",
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
    if isinstance(command, Later):
        command = command.loaded()
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


def dialects_page() -> str:
    """Return deploy/docs/dialects.md."""
    lines = [DIALECTS]
    for (source, target), sections in TABLES.items():
        lines.append(f"## {SPOKEN[source]} → {SPOKEN[target]}\n")
        for title, rules in sections.items():
            lines += [f"### {title}\n", "| | | |", "|---|---|---|"]
            lines += [_fate(name, rule) for name, rule in rules.items()]
            lines.append("")
    lines.append(CONVERSE)
    for title, rules in SECTIONS.items():
        lines += [f"### {title}, to Converse\n", "| | | |", "|---|---|---|"]
        lines += [_fate(name, rule) for name, rule in rules.items()]
        lines.append("")
    return "\n".join(lines) + "\n" + _endings()


def _fate(name: str, rule: Rule) -> str:
    fate = "" if rule.fate is Fate.TRANSLATED else f"**{rule.fate}**"
    fine = ", ".join(f"`{json.dumps(one)}`" for one in rule.fine)
    return f"| `{name}` | {fate} | {rule.words}{f' ({fine} is as if it were not there)' if fine else ''} |"


def _endings() -> str:
    lines = ["## Why an answer ended\n", "| Anthropic's `stop_reason` | chat's `finish_reason` |", "|---|---|"]
    lines += [f"| `{reason}` | `{finish}` |" for reason, finish in FINISHES.items()]
    lines += ["", "| chat's `finish_reason` | Anthropic's `stop_reason` | `status` of a response |", "|---|---|---|"]
    for finish, reason in REASONS.items():
        status, why = ENDINGS[finish]
        lines.append(f"| `{finish}` | `{reason}` | `{status}`{f', `{why}`' if why else ''} |")
    lines += ["", "| Converse's `stopReason` | Anthropic's `stop_reason` |", "|---|---|"]
    lines += [f"| `{reason}` | `{ours}` |" for reason, ours in CONVERSE_REASONS.items()]
    lines += [
        "",
        "An answer that calls tools ended for that, also where a server says `stop`. Which of the sequences was found,",
    ]
    lines += ["vLLM tells, whose word becomes `stop_sequence`; elsewhere it is `end_turn`.", "", "## Errors\n"]
    lines += ["| status | Anthropic's `type` | OpenAI's `type` |", "|---|---|---|"]
    for number in (400, 401, 402, 403, 404, 413, 429, 500, 502, 503, 504, 529):
        fault = Fault(number, "code", "message")
        kinds = [error_body(dialect, fault)["error"]["type"] for dialect in (Dialect.MESSAGES, Dialect.CHAT)]
        lines.append(f"| {number} | `{kinds[0]}` | `{kinds[1]}` |")
    lines += [
        "",
        "The gateway's own code of what was refused is OpenAI's `code`, and Anthropic's `details.error_code`.",
    ]
    return "\n".join(lines) + "\n"


SPOKEN = {
    Dialect.CHAT: "OpenAI's chat completions",
    Dialect.MESSAGES: "Anthropic's messages",
    Dialect.RESPONSES: "OpenAI's Responses API",
}
DIALECTS = """# Dialects

A client speaks OpenAI's chat completions, OpenAI's Responses API or Anthropic's messages, whichever provider the model
is of. Where the provider speaks the same, the request and the answer pass byte for byte, with every field, also those
that nobody here knows. Where it does not, they are translated, and this page says how, field by field. It is made of
the data that the translation obeys, and each row is proved by a test.

- What cannot be said to the provider is **refused** by name, before anything is sent; so is a field that is not in these
  tables. What is **left out** changes no answer. All else is translated; of those rows the last column says into what.
- `null` is as if the field were not there.
- Numbers are held as other programs hold them (RFC 8259): whole numbers exactly, others as doubles. A number beyond all
  measure is refused.
- Streams are translated an event at a time: each piece of text, thought and of a tool's arguments is passed on as it
  came. A kind of event that is not known is passed over, as the vendors ask; an unknown kind of content breaks the
  answer off, since a piece of it would be lost.
- An error in a stream is told as the client's dialect tells errors, and nothing follows it. A stream that ends without
  the event that says so, or is not what its dialect says, ends as an error and never as a finished answer.
- An answer's `id` holds the provider's own; `model` is what the provider says.
- Anthropic is asked in its version `2023-06-01`, the one that still has `temperature` and `top_p`. What a model itself
  does not take (newer ones of Claude neither of these, older ones no `effort`), its provider refuses, whose word is told.
- What a provider does not count, Anthropic's clients are told as 0, since their format has no other way.
- Claude's thoughts are given to OpenAI's clients as `thinking_blocks` (chat) or as items `reasoning` with
  `encrypted_content` (Responses), and go back to Claude with their signature. `reasoning_content` has the words alone.
- A request of the Responses API to a model of Anthropic's becomes a chat completion and then a message: both tables
  hold, one after the other. Nothing is translated into the Responses API.
- Across dialects there is no counting of tokens, and no embedding.
"""

CONVERSE = """## Anthropic's messages → Bedrock's Converse

Models that AWS offers by its own Converse alone: those of AI21, Amazon (Nova), Cohere, Meta, Mistral and Writer at Bedrock. A
request of OpenAI's becomes one of Anthropic's first, so both tables hold, one after the other; where the second refuses,
the field is named as OpenAI has it. A bound of the answer that nobody set is not sent: models differ in what they allow.
"""

PAGES = {
    "assurance.md": assurance_page,
    "settings.md": settings_page,
    "audit-events.md": events_page,
    "cli.md": commands_page,
    "clients.md": clients_page,
    "dialects.md": dialects_page,
}

if __name__ == "__main__":
    for page_name, render in PAGES.items():
        (DOCS / page_name).write_text(render())
