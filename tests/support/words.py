"""Every text that a reader may see, for the catalogues: templates, gettext calls, notices, refusals, events."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

from jinja2.ext import babel_extract

import appliance
from appliance.audit.meanings import MEANING
from appliance.chat import ExportWords, FirstWords
from appliance.dlp import Category, Family
from appliance.dlp.hidden import FORMS
from appliance.dlp.templates import TEMPLATES
from appliance.evidence.controls import FRAMEWORKS
from appliance.evidence.items import GAPS, ITEMS, LABELS, MEASURES, STANDINGS, VALUES
from appliance.evidence.words import TITLE as EVIDENCE
from appliance.evidence.words import WORDS
from appliance.gateway.trying import SENTENCES
from appliance.identity.sso.saml.rules import ADVICE, OTHER_ADVICE
from appliance.kernel.errors import Refusal
from appliance.kernel.problems import FAULT, TITLE
from appliance.knowledge.changes import REASONS as CHANGE_REASONS
from appliance.knowledge.unreadable import BLOCKED, HELD, REASONS, REJECTED, WARNINGS
from appliance.policy import Aspect
from appliance.policy.reasons import REASONS as RULE_REASONS
from appliance.providers.local.extractive import NOTHING
from appliance.web.notices import NOTICES

HERE = Path(appliance.__file__).parent
Message = str | tuple[str, str]


def messages() -> set[Message]:
    """Return every message; a plural one as the pair of its forms."""
    found: set[Message] = {
        *NOTICES.values(),
        *TITLE.values(),
        *FAULT.values(),
        *MEANING.values(),
        *REASONS.values(),
        *CHANGE_REASONS.values(),
        *WARNINGS.values(),
        *RULE_REASONS,
        *SENTENCES,
        *Aspect,
        HELD,
        BLOCKED,
        REJECTED,
        NOTHING,
        *Category,
        *Family,
        *(said for one in TEMPLATES for said in (one.name, one.purpose, *(part for rule in one.rules for part in (rule.name, rule.why)))),
        *(form[0] for form in FORMS),
        *astuple(ExportWords()),
        *astuple(FirstWords()),
        EVIDENCE,
        *WORDS.values(),
        *LABELS.values(),
        *MEASURES.values(),
        *STANDINGS.values(),
        *ADVICE.values(),
        OTHER_ADVICE,
        *VALUES.values(),
        *(text for pair in GAPS.values() for text in pair),
        *(text for about in ITEMS.values() for text in (about.title, about.words)),
        *(control.words for one in FRAMEWORKS.values() for control in one.controls),
    }
    found |= set(_of_templates()) | set(_of_code()) | set(_of_refusals())
    return {message for message in found if message}


def _of_templates() -> Iterator[Message]:
    for file in sorted((HERE / "web" / "templates").rglob("*.html")):
        with file.open("rb") as lines:
            for _, _, message, _ in babel_extract(lines, ["_", "ngettext"], [], {"newstyle_gettext": "true"}):
                if isinstance(message, tuple) and message[1]:
                    yield str(message[0]), str(message[1])
                elif isinstance(message, tuple):  # the rest are its values
                    yield str(message[0])
                elif message:
                    yield message


def _of_code() -> Iterator[Message]:
    for file in [HERE / "app.py", *sorted((HERE / "web").glob("*.py"))]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "gettext":
                argument = node.args[0]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def _of_refusals() -> Iterator[Message]:
    for module in pkgutil.walk_packages([str(HERE)], "appliance."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    yield from _docs(Refusal)


def _docs(kind: type[Refusal]) -> Iterator[str]:
    for each in kind.__subclasses__():
        if each.__module__.startswith("appliance."):
            yield " ".join((each.__doc__ or "").split())
        yield from _docs(each)
