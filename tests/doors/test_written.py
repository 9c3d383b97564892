"""Templates say each language's own sentences, to each reader of the same site, as babel writes its dates."""

from datetime import UTC, datetime

import pytest
from babel import dates
from flask import Flask

from appliance.web.language import LANGUAGES, calendar, catalogue, day, when
from tests.support.house import Member
from tests.support.site import Browser


def test_readers_of_two_languages_are_each_spoken_to_in_theirs_page_by_page(site: Flask, ada: Member) -> None:
    english, german = Browser(site), Browser(site)
    for browser in (english, german):
        browser.signs_in(ada)
    german.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"

    for _ in range(2):
        for path in ("/people", "/documents", "/chat"):
            assert "Skip to the content" in english.gets(path).text, path
            assert str(catalogue("de")["Skip to the content"]) in german.gets(path).text, path
            assert "Skip to the content" not in german.gets(path).text, path


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_is_put_into_a_sentence_is_escaped_in_every_language(site: Flask, code: str) -> None:
    with site.test_request_context(headers={"Accept-Language": code}):
        template = site.jinja_env.get_template("_macros.html")
        said = template.make_module().pages(type("Piece", (), {"page_from": "<b>", "page_to": None}))  # type: ignore[attr-defined]

    assert "&lt;b&gt;" in said
    assert "<b>" not in said


@pytest.mark.parametrize("code", LANGUAGES)
def test_dates_are_written_as_babel_writes_them(site: Flask, code: str) -> None:
    moments = [datetime(2026, month, 2 * month, 2 * month - 1, month, tzinfo=UTC) for month in range(1, 13)]
    moments.append(datetime(1999, 12, 31, 23, 59, tzinfo=UTC))
    with site.test_request_context(headers={"Accept-Language": code}):
        for moment in moments:
            minute, date = ("short", "medium") if code == "de" else ("y-MM-dd HH:mm", "y-MM-dd")
            assert when(moment) == dates.format_datetime(moment, minute, locale=code)
            assert day(moment) == calendar(moment.date()) == dates.format_date(moment, date, locale=code)
