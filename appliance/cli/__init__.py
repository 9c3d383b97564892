"""The door for operators: every command prints what it does, takes --json, and says how to go on."""

import sys

import click

import appliance
from appliance.cli import verbs
from appliance.cli.backups import backup, restore
from appliance.cli.evaluate import evaluation
from appliance.cli.ingest import ingest
from appliance.cli.models import models
from appliance.cli.operate import config, doctor, migrate, ready, run, setup
from appliance.cli.people import completion, operator, reset_password
from appliance.cli.use import ask, audit_export
from appliance.cli.vault import vault
from appliance.kernel import log
from appliance.kernel.db import DatabaseUnavailable
from appliance.kernel.errors import Refusal
from appliance.kernel.memory import close_memory
from appliance.kernel.sealing import IntegrityError, KeyUnavailable
from appliance.ops.errors import CannotStart
from appliance.settings import InvalidSettings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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


for command in (
    run,
    setup,
    migrate,
    ingest,
    ask,
    audit_export,
    evaluation,
    doctor,
    ready,
    models,
    config,
    backup,
    restore,
    vault,
    operator,
    reset_password,
    completion,
):
    group.add_command(command)
verbs.add_to(group)


def main() -> None:
    """Run the command; a refusal is a message and exit code 1, never a traceback."""
    close_memory()
    log.configure(format="console", level="WARNING")
    try:
        group(complete_var="_APPLIANCE_COMPLETE")  # however it is called: what `completion` printed names this
    except InvalidSettings as error:
        sys.exit("Some settings are wrong:\n" + "\n".join(f"  {fault}" for fault in error.faults))
    except DatabaseUnavailable as error:
        sys.exit(
            f"{error} If the house is stopped, start it with `appliance run`; `appliance doctor` says what is wrong."
        )
    except (IntegrityError, KeyUnavailable) as error:  # whoever is here can see to it
        sys.exit(f"{error} Here: {error.reason.rstrip('.') or 'see the log'}. `appliance doctor` says more.")
    except (CannotStart, Refusal) as error:
        sys.exit(str(error))
