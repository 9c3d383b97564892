"""A chatbot that a model of a recording provider answers for, under a policy to begin from: what the provider is sent, and what is shown, copied and kept."""

import json
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from playwright.sync_api import Page

from appliance import chat
from appliance.chat import Audience, ChatbotForm
from tests.support.house import Member
from tests.support.model_host import Asked, Reply, Upstream, said, streamed
from tests.support.papers import folded
from tests.support.planted_keys import Planted
from tests.support.template_words import ALL, Says
from tests.support.twelve import Kind, Paper, paper
from tests.support.upstreams import COMPLETION, chat_bytes, chunk

_SURROGATE = re.compile(r"\[[A-Z_]+_[0-9A-Z]{5}\]")


@dataclass(frozen=True)
class Talk:
    """Somebody at a browser, with a paper that passed, in a conversation with a chatbot that a provider's model answers for."""

    code: str
    says: Says
    member: Member
    page: Page
    address: str
    provider: Upstream
    passing: Paper

    def begins(self) -> None:
        """Publish the chatbot, which shows what no passage bears out, too, and open a conversation with it."""
        member = self.member
        with member.services.db.tenant(member.tenant_id) as tx:
            form = ChatbotForm("Clerk", "", "", "openai/gpt-6", is_grounded=False, audience=Audience.EVERYONE)
            bot = chat.create_chatbot(tx, member.caller, form, models=member.services.gateway.choices(tx), clock=member.house.clock)
            chat.publish_chatbot(tx, member.caller, bot.chatbot_id, clock=member.house.clock)
        self.page.goto(f"{self.address}/chat")
        self.page.locator("li", has=self.page.get_by_role("heading", name="Clerk")).get_by_role("button").click()

    def is_refused(self, asked: Paper) -> None:
        """Ask with what may not go out: it is kept nowhere, and the provider hears nothing."""
        self.provider.asked.clear()
        self.page.locator("#question").fill(asked.text)
        self.page.locator("[data-send]").click()
        refused = self.page.locator(".message.refused")
        refused.wait_for(timeout=60_000)
        assert not values_in(refused.inner_text(), [asked])
        assert self.provider.asked == []
        self.page.reload()

    def is_answered(self, asked: Paper, told: Paper) -> None:
        """Ask with what may go out; the model repeats all that it is sent, and says what it was never told."""
        self.provider.says()
        self.provider.chooses = lambda heard: repeats(heard, self.passing.word, told)
        question = f"{asked.text}\n\nWhat is reimbursed for hotel rooms at the {self.passing.word} fair?"
        shown = asks(self.page, question)
        (heard,) = self.provider.asked
        self._reaches(heard, asked)
        gone = self.says.blacked | self.says.blacked_in_answers
        seen = {
            *(value for one in (asked, self.passing) for kind, value in one.values.items() if kind not in gone),
            *(value for kind, value in told.values.items() if kind not in self.says.blacked_in_answers),
        }
        assert values_in(shown, [asked, self.passing, told]) == seen, f"{self.code}: {shown}"
        assert not _SURROGATE.search(shown), shown
        assert "What it means was not judged" in shown
        whole = seen | set(asked.values.values())  # what somebody typed is theirs to see
        self.page.reload()
        assert values_in(self.page.locator("main").inner_text(), [asked, self.passing, told]) == whole, self.code
        for form in ("md", "json"):
            copied = self.page.request.get(f"{self.page.url}/export/{form}").text()
            text = copied if form == "md" else " ".join(one["body"] for one in json.loads(copied)["messages"])
            assert values_in(text, [asked, self.passing, told]) == whole, f"{self.code} {form}"
            assert not _SURROGATE.search(copied)

    def _reaches(self, heard: Asked, asked: Paper) -> None:
        """Compare the provider's bytes with the policy: of question and passage, each value there or not, in any form of it."""
        gone = self.says.blacked | self.says.renamed
        for one in (asked, self.passing):
            assert one.word in heard.body.decode()
            for kind, value in one.values.items():
                planted = Planted()
                planted.plant(kind, value)
                assert bool(planted.found_in(heard.body)) == (kind not in gone), f"{self.code} {kind} of {heard.body.decode()}"
        last = heard.json["messages"][-1]["content"]
        assert len(set(_SURROGATE.findall(last))) >= len(self.says.renamed & {*asked.values, *self.passing.values}), last


def talks(talk: Talk) -> dict[str, tuple[Paper, frozenset[Kind]]]:
    """Have the conversation; return its papers by name, each with the kinds that may be found in what the product keeps open: none."""
    names = {"asked whole": ALL, "asked": ALL - talk.says.refused, "told": ALL - talk.says.ends}
    made = {name: paper(kinds, f"{talk.code}: {name} in a talk") for name, kinds in names.items()}
    talk.begins()
    talk.is_refused(made["asked whole"])
    talk.is_answered(made["asked"], made["told"])
    return {name: (one, frozenset()) for name, one in made.items()}


def values_in(text: str, papers: Iterable[Paper]) -> set[str]:
    """Return which values stand in a text, whatever it breaks into lines."""
    said = folded(text)
    return {value for paper in papers for value in paper.values.values() if folded(value) in said}


def asks(page: Page, question: str) -> str:
    """Ask in the conversation that is open; return the answer as it is shown, with its sources."""
    page.locator("#question").fill(question)
    many = page.locator(".message.assistant").count()
    page.locator("[data-send]").click()
    answer = page.locator(".message.assistant:not(.pending)").nth(many)
    answer.wait_for(timeout=60_000)
    page.locator("[data-send]").wait_for(timeout=60_000)
    return answer.inner_text()


def repeats(heard: Asked, word: str, told: Paper) -> Reply:
    """Answer with the passage that has this word, cited line by line, with the question, and with a paper of its own."""
    content = heard.json["messages"][-1]["content"]
    passages, _, question = content.rpartition("Question: ")
    number, passage = next(
        (found[1], found[2]) for found in re.finditer(r"passage \[(\d+)\][^\n]*\n(.*?)(?=\n\n==|\Z)", passages, re.DOTALL) if word in found[2]
    )
    cited = [f"{line.rstrip('.')} [{number}]." for line in passage.splitlines() if line.strip()]
    return says_text("\n\n".join([*cited, question, told.text]), streams=bool(heard.json.get("stream")))


def says_text(content: str, *, streams: bool) -> Reply:
    """Return an answer that says this, in pieces that end anywhere."""
    if not streams:
        message = {"role": "assistant", "content": content, "refusal": None}
        return said(COMPLETION | {"choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}]})
    dice, chunks, at = random.Random(content), [chunk({"role": "assistant", "content": ""})], 0
    while at < len(content):
        size = dice.randint(1, 9)
        chunks.append(chunk({"content": content[at : at + size]}))
        at += size
    return streamed(chat_bytes([*chunks, chunk({}, finish="stop")]))
