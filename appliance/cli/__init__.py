"""The door for operators: every command prints what it does, takes --json, and says how to go on."""

import gc
import sys
from typing import Final

import click

import appliance
from appliance.cli.contents import Console, all_of_them
from appliance.kernel import log
from appliance.kernel.memory import close_memory

_MORE_GARBAGE: Final = 50_000
"""Objects more than there were, until cycles are looked for: a command mostly loads what it needs, says something, and ends."""


@click.group(cls=Console, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(appliance.__version__, prog_name="appliance")
def group() -> None:
    """Cloister: AI over your own documents, on your own host.

    \b
    First time:   appliance run                 start everything; prints one URL
    Every day:    appliance ingest FILE…        add documents, and folders of them
                  appliance ask "QUESTION"      ask from the console
                  appliance user list           and org, group, token, …: what the API does
    Keep it:      appliance backup FILE         database and files; restore puts them back
                  appliance vault check         do the keys open? rotate-root exchanges the root key
    How good is it? appliance eval SET           measure retrieval on labelled questions
    By which model? appliance models list        and build NAME; appliance org choose-index --model NAME
    Something odd? appliance doctor             what is wrong, and the remedy

    Settings are APPLIANCE_* variables or /etc/appliance/appliance.toml; `appliance config check` explains them.
    """


for command in all_of_them():
    group.add_command(command)


def main() -> None:
    """Run the command; a refusal is a message and exit code 1, never a traceback."""
    close_memory()
    gc.set_threshold(_MORE_GARBAGE)
    log.configure(format="console", level="WARNING")
    try:
        group(complete_var="_APPLIANCE_COMPLETE")  # however it is called: what `completion` printed names this
    except Exception as error:
        from appliance.cli.failures import words_for  # whoever succeeds needs none of what may fail

        said = words_for(error)
        if said is None:
            raise
        sys.exit(said)
