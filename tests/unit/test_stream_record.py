"""What the log says of a stream's address: where it goes, and nothing that lets somebody in."""

import pytest

from appliance.audit.sinks.service import place_of_url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://hooks.example.org/services/T0/B0/secret-of-the-hook", "https://hooks.example.org"),
        ("https://siem.example.org:9200/index?token=abc", "https://siem.example.org:9200"),
        ("tls://siem.example.org:6514", "tls://siem.example.org:6514"),
        ("https://user:word@siem.example.org/x", "https://siem.example.org"),
        ("/srv/log", "/srv/log"),
    ],
)
def test_no_path_no_query_and_no_word_of_an_address_is_on_record(url: str, told: str) -> None:
    assert place_of_url(url) == told
