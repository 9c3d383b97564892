"""A law: the design language is as it is written down, and small."""

import re
from pathlib import Path

import appliance

WEB = Path(appliance.__file__).parent / "web"
PAGE = (Path(appliance.__file__).parents[1] / "deploy" / "docs" / "design.md").read_text()
STYLE = (WEB / "static" / "app.css").read_text()
FIRST_LOAD_BYTES = 100_000
_WORDS = set(re.findall(r"`([^`\s]+)`", PAGE))


def test_every_token_is_written_down_and_used() -> None:
    given = set(re.findall(r"(--[a-z0-9-]+):", STYLE))
    assert given == {word for word in _WORDS if word.startswith("--")}
    assert given == set(re.findall(r"var\((--[a-z0-9-]+)\)", STYLE))


def test_both_themes_give_every_colour() -> None:
    themes = [
        set(re.findall(r"(--[a-z-]+): #", block)) for block in re.findall(r"{([^{}]*)}", STYLE) if "--ground: " in block
    ]
    assert len(themes) == 4  # light, dark by choice, dark by the system, paper
    assert themes[0] == themes[1] == themes[2]


def test_every_component_is_written_down_and_used() -> None:
    macros = (WEB / "templates" / "_macros.html").read_text()
    given = set(re.findall(r"{% macro (\w+)\(", macros))
    table = PAGE.partition("## Components")[2].partition("##")[0]
    assert given == set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    pages = "".join(file.read_text() for file in (WEB / "templates").rglob("*.html"))
    for name in given:
        assert len(re.findall(rf"\b{name}\(", pages)) > 1, name


def test_every_colour_and_shadow_is_a_token() -> None:
    rules = "".join(re.sub(r"--[a-z0-9-]+: [^;]+;", "", line) for line in STYLE.splitlines())
    assert re.findall(r"(?<=: )#[0-9a-f]{3,8}\b|rgb\([^)]*\)", rules) == ["#fff"], "but for a QR code"


def test_a_tick_stands_beside_its_words() -> None:
    for file in (WEB / "templates").rglob("*.html"):
        page = file.read_text()
        for found in re.finditer(r'<label(?: class="check")?><input type="(?:checkbox|radio)"', page):
            before = page[: found.start()]
            is_listed = before.rfind("<fieldset") > before.rfind("</fieldset>")
            form = before[before.rfind("<form") :].partition("csrf()")[0]
            assert is_listed or "stack" not in form, (file.name, before.count("\n") + 1)


def test_a_first_page_is_light() -> None:
    static = [file for file in (WEB / "static").iterdir() if file.suffix in {".css", ".js", ".svg"}]
    assert sum(file.stat().st_size for file in static) < FIRST_LOAD_BYTES / 2  # the other half is the page itself
