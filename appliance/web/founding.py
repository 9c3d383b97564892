"""What a new organisation starts with, in the language of whoever founds it."""

from appliance.chat import FirstWords
from appliance.web.language import gettext


def first_words() -> FirstWords:
    """Return the names and the welcome of the first collection and the first chatbot."""
    return FirstWords(
        gettext("Documents"),
        gettext("Ask about your organisation's documents. Every answer quotes them and says where it stands."),
    )
