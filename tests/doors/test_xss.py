"""Hostile text in every place where people and documents put text; each page is read by a real parser."""

from html.parser import HTMLParser

import pytest

from appliance import chat, identity, tenancy
from appliance.tenancy import OrganisationSettings
from appliance.web import markdown
from tests.support import scripted
from tests.support.house import House, Member
from tests.support.payloads import payloads
from tests.support.site import Browser

PAYLOADS = payloads()
NAME = 120
in_names = pytest.mark.parametrize(
    "texts", [pytest.param(PAYLOADS[::5], id="some"), pytest.param(PAYLOADS, id="all", marks=pytest.mark.long)]
)
ADDRESSES = {"action", "background", "cite", "data", "formaction", "href", "poster", "src", "srcset", "xlink:href"}
NEVER = {"base", "embed", "iframe", "object", "math", "style", "template", "video", "audio", "marquee", "image", "use"}


class Reader(HTMLParser):
    """Collects what a page could do."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        super().__init__()
        self.faults: list[str] = []
        self._hosts = hosts

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        members = {name.lower(): value or "" for name, value in attrs}
        if tag in NEVER or "style" in members or "srcdoc" in members or "http-equiv" in members:
            self.faults.append(f"<{tag} {members}>")
        if tag == "script" and not members.get("src", "").startswith("/static/"):
            self.faults.append(f"script {members}")
        if tag == "img" and not members.get("src", "").startswith("/static/"):
            self.faults.append(f"img {members}")
        for name, value in members.items():
            if name.startswith("on") or (name in ADDRESSES and not self._is_ours(value)):
                self.faults.append(f"<{tag} {name}={value}>")

    def handle_data(self, text: str) -> None:
        if self.cdata_elem and text.strip():
            self.faults.append(f"text inside <{self.cdata_elem}>: {text}")

    def _is_ours(self, address: str) -> bool:
        is_own = address.startswith(("/", "#", "?")) and not address.startswith(("//", "/\\"))
        is_clean = not any(sign in address for sign in "\t\r\n\\")
        return is_clean and (is_own or any(address.startswith(f"https://{host}/") for host in self._hosts))


def faults(page: str, *hosts: str) -> list[str]:
    reader = Reader(hosts)
    reader.feed(page)
    reader.close()
    return reader.faults


def test_the_corpus_is_large() -> None:
    assert len(PAYLOADS) >= 200


def test_the_reader_sees_what_it_looks_for() -> None:
    for page in (
        "<script>x</script>",
        "<a onclick=x>",
        "<a href=javascript:x>",
        "<img src=//e.example>",
        "<p style=x>",
    ):
        assert faults(page)


@pytest.mark.parametrize("hosts", [(), ("good.example",)])
def test_it_makes_an_answer_harmless(hosts: tuple[str, ...]) -> None:
    marks = {1: ("/documents/1?passage=2#p-2", "Source 1")}
    for payload in PAYLOADS:
        for text in (
            payload,
            f"A [1] {payload} [1]",
            f"> - {payload}",
            f"**{payload}",
            f"| {payload} |\n|---|\n| {payload} |",
        ):
            found = faults(str(markdown.render(text, marks, hosts)), *hosts)
            assert not found, (text, found)


def test_it_shows_hostile_answers_and_questions_as_text(house: House, ada: Member, at_ada: Browser) -> None:
    model = scripted.install(house)
    with house.app.db.tenant(ada.tenant_id) as tx:
        tenancy.put_settings(tx, OrganisationSettings(link_hosts=("good.example",)))
    path = at_ada.first(r'href="(/chatbots/[0-9a-f-]+)"', "/chatbots")
    at_ada.posts(path, name="Scripted", model="scripted")
    at_ada.posts(f"{path}/publication")
    with house.app.db.tenant(ada.tenant_id) as tx:
        chatbot = chat.list_chatbots(tx, ada.caller)[0]
        conversation = chat.create_conversation(tx, ada.caller, chatbot.chatbot_id, clock=house.clock)
    for start in range(0, len(PAYLOADS), 24):
        model.text = "\n\n".join(PAYLOADS[start : start + 24])
        at_ada.posts(f"/chat/{conversation.conversation_id}/messages", question=model.text[:4000])
    page = at_ada.gets(f"/chat/{conversation.conversation_id}").text

    assert page.count('class="message assistant"') == -(-len(PAYLOADS) // 24)
    assert faults(page, "good.example") == []
    assert faults(at_ada.gets("/chat").text) == []


@in_names
def test_it_shows_hostile_names_as_text(house: House, ada: Member, at_ada: Browser, texts: list[str]) -> None:
    names = [payload[:NAME] for payload in texts]
    with house.app.db.tenant(ada.tenant_id) as tx:
        for number, name in enumerate(names):
            identity.create_group(
                tx, ada.caller, name=f"{name[: NAME - 5]} {number}".replace("\x01", ""), clock=house.clock
            )
            form = chat.ChatbotForm(name=name, welcome=name, instructions=name, model="extractive", questions=(name,))
            made = chat.create_chatbot(tx, ada.caller, form, models=("extractive",), clock=house.clock)
            chat.publish_chatbot(tx, ada.caller, made.chatbot_id, clock=house.clock)
    for path in ("/chatbots", f"/chatbots/{made.chatbot_id}", "/chat"):
        assert faults(at_ada.gets(path).text) == [], path
    for room in ("groups", "chatbots"):
        pages = [at_ada.gets(f"/{room}?page={page}").text for page in range(1, len(names) // 50 + 2)]
        assert [faults(page) for page in pages] == [[]] * len(pages), room
        assert sum(page.count(f'href="/{room}/') for page in pages) >= len(names) > 50, room


@in_names
def test_it_shows_hostile_people_as_text(house: House, ada: Member, at_ada: Browser, texts: list[str]) -> None:
    for payload in texts:
        name = payload.replace("\x01", "").strip()[:NAME]
        with house.app.db.tenant(ada.tenant_id) as tx:
            identity.change_profile(tx, ada.caller, display_name=name, language=None, zone=None)
        assert faults(at_ada.gets("/account").text) == [], payload
    for path in ("/", "/people", f"/people/{ada.caller.user_id}"):
        assert faults(at_ada.gets(path).text) == [], path


@in_names
def test_it_shows_hostile_documents_as_text(ada: Member, at_ada: Browser, texts: list[str]) -> None:
    for number, payload in enumerate(texts):
        ada.uploads(f"{payload.replace('/', '∕')[:100]}.txt", f"Some text {number}.")
    document = ada.reads_in("payloads.txt", "\n\n".join(texts))
    ada.reads_in("payloads.md", "\n\n".join(f"# {text}\n\nThe finder is paid in gold. {text}" for text in texts))
    ada.asks("How is the finder paid?")
    conversation = at_ada.first(r'href="(/chat/[0-9a-f-]+)"', "/chat")

    lists = [f"/documents?page={page}" for page in range(1, (len(texts) + 2) // 50 + 2)]
    for path in (*lists, f"/documents/{document.document_id}", conversation):
        assert faults(at_ada.gets(path).text) == [], path
