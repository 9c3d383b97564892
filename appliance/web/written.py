"""Templates as each language writes them: a sentence is looked up when its template is compiled, and not each time.

A table of fifty rows says a thousand sentences. To look up, wrap and fill each of them took half of such a page.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

from flask.templating import Environment
from jinja2 import Template, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from appliance.web.language import LANGUAGES, catalogue, language

_SAY = frozenset({"_", "gettext"})


class Written(Environment):
    """The site's templates. Whoever asks for one gets it in the language of the request.

    What is compiled is of one language: a cache of it on disk, which nobody here has, would have to tell them apart.
    """

    code: str | None = None
    """The language of these templates; None for the environment that hands out those of each."""
    _of: Mapping[str, "Written"] = {}

    def get_template(
        self, name: str | Template, parent: str | None = None, globals: MutableMapping[str, Any] | None = None  # noqa: A002 - Jinja's
    ) -> Template:  # fmt: skip
        """Return a template. One that another one names is of the same language."""
        if self.code is None:
            return self._every()[language()].get_template(name, parent, globals)
        return super().get_template(name, parent, globals)

    def _every(self) -> Mapping[str, "Written"]:
        if not self._of:
            self._of = {code: self._in(code) for code in LANGUAGES}
        return self._of

    def _in(self, code: str) -> "Written":
        written = self.overlay()  # the same filters and globals, and templates of its own
        written.code = code
        return written

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        if self.code is not None and callable(self.autoescape) and self.autoescape(name):
            source = _Said(self.code).visit(source)
        return super()._generate(source, name, filename, defer_init)


class _Said(NodeTransformer):
    """Puts the sentence in the place of a call that asks for it. What is only known at the time is asked for then."""

    def __init__(self, code: str) -> None:
        self._sentences = catalogue(code)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - Jinja's
        """Return a sentence of ours, with what is put into it escaped, or else the call."""
        self.generic_visit(node)
        if not isinstance(node.node, nodes.Name) or node.node.name not in _SAY or node.dyn_args or node.dyn_kwargs:
            return node
        match node.args:
            case [nodes.Const(value=str(message))]:
                said = Markup(str(self._sentences.get(message) or message))  # noqa: S704 - our own sentences, as `gettext` marks them
            case _:
                return node
        if not node.kwargs:
            return nodes.Const(said % {}, lineno=node.lineno)
        filled = [nodes.Pair(nodes.Const(one.key), one.value) for one in node.kwargs]
        return nodes.Mod(nodes.Const(said), nodes.Dict(filled), lineno=node.lineno)
