"""`appliance eval SET`: how well questions find what answers them, on texts that somebody labelled.

It runs in a house of its own: a temporary directory with an embedded database, gone afterwards. So it disturbs nobody,
leaves no document, no record and no cost behind, and it can run beside the real one or where none runs.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from appliance import chat, identity
from appliance.assembly import Services, assemble, roots_of
from appliance.audit import Actor, ActorKind
from appliance.identity import Caller
from appliance.identity.sessions import caller_of
from appliance.identity.setup import Founding
from appliance.kernel import log
from appliance.kernel.ids import TenantId, new_id
from appliance.knowledge.evaluation import SetUnreadable, evaluate, fill, read_set
from appliance.ops import launch
from appliance.ops.data_directory import DataDirectory
from appliance.settings import load

_LABELS = {"recall": "recall@{k}", "ndcg": "nDCG@10", "mrr": "MRR"}


@click.command("eval")
@click.argument("folder", metavar="SET", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--k", default=10, show_default=True, type=click.IntRange(1, 50), help="How many documents count.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluation(*, folder: Path, k: int, as_json: bool) -> None:
    """Measure retrieval on a set of labelled questions: recall@k, nDCG@10, MRR. Nothing of it is kept.

    SET is a folder with corpus.jsonl, queries.jsonl and qrels.tsv; see deploy/docs/search.md.
    """
    try:
        labelled = read_set(folder)
    except SetUnreadable as error:
        raise click.ClickException(str(error.__doc__)) from error
    with _house_of_its_own() as (services, caller):
        placed = fill(services.db, services.gateway, caller, labelled, clock=services.clock)
        figures = evaluate(services.db, services.gateway, caller, labelled, placed, k=k)
    if as_json:
        click.echo(json.dumps({"set": labelled.name, **asdict(figures)}))
        return
    click.echo(f"{labelled.name}: {figures.questions} questions over {figures.documents} documents")
    for name, label in _LABELS.items():
        click.echo(f"  {label.format(k=k):<10} {getattr(figures, name):.4f}")


@contextmanager
def _house_of_its_own() -> Iterator[tuple[Services, Caller]]:
    log.configure(format="console", level="ERROR")
    with tempfile.TemporaryDirectory(prefix="cloister-eval-") as scratch:
        root = Path(scratch)
        alone = {"data_dir": root, "secrets_dir": None, "database_url": None, "root_key": None, "root_key_next": None}
        settings = load().model_copy(update=alone)
        directory = DataDirectory(root, root / "secrets")
        with launch.opened(directory, None, lambda _line: None, roots=lambda: roots_of(settings)):
            app, worker = assemble(settings, role="app"), assemble(settings, role="worker")
            try:
                yield app, _founder(app, worker)
            finally:
                app.close()
                worker.close()


def _founder(app: Services, worker: Services) -> Caller:
    token = identity.create_setup_link(worker.db, clock=worker.clock)
    founding = Founding("Evaluation", "Evaluation", "evaluation@cloister.example", new_id().hex)
    with app.db.tenant(TenantId(new_id())) as tx:
        identity.consume_setup_link(tx, token, clock=app.clock)
        user_id = chat.found(tx, founding, actor=Actor(ActorKind.OPERATOR), clock=app.clock)
        return caller_of(tx, user_id)
