// Streams an answer: server-sent events over fetch, since EventSource cannot post.
const form = document.querySelector("[data-ask]");
const list = document.querySelector("[data-messages]");
const words = JSON.parse(form?.dataset.words ?? "{}");
const field = form?.querySelector("textarea");
const send = form?.querySelector("[data-send]");
const stop = form?.querySelector("[data-stop]");
const say = form?.querySelector("[data-say]");
let running = null;

const make = (tag, className, ...children) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
};

const toEnd = () => scrollTo(0, document.documentElement.scrollHeight);
// Whoever has scrolled up to read is left there.
const isAtEnd = () => innerHeight + scrollY > document.documentElement.scrollHeight - 120;

const fromServer = (html) => {
  const holder = document.createElement("template");
  holder.innerHTML = html; // rendered and cleaned by our own server
  const article = holder.content.querySelector("article");
  equip(article);
  return article;
};

const events = async function* (stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const [name, data] = block.split("\n");
      yield [name.slice(7), JSON.parse(data.slice(6))];
    }
  }
};

const draft = () => {
  const node = make("article", "message assistant pending", make("p", "meta", words.searching), make("div", "body", make("p")));
  node.setAttribute("aria-label", words.answer);
  return node;
};

const end = (node, className, text) => {
  node.classList.remove("pending");
  if (className) node.classList.add(className);
  node.append(make("p", "meta", text));
};

const refuse = (node, problem) => { node.querySelector(".meta")?.remove(); end(node, "refused", problem.detail || words.broke); };

const cite = (node, citation) => {
  const title = citation.url ? make("a", "", citation.title) : make("span", "", citation.title);
  if (citation.url) title.href = citation.url;
  const page = citation.page_from ? `${words.page} ${citation.page_from}` : "";
  const place = make("small", "", [citation.heading, page].filter(Boolean).join(", "));
  const item = make("li", "", make("span", "mark", citation.number), make("div", "", title, place, make("q", "", citation.quote)));
  if (!node.querySelector(".sources")) node.append(make("ol", "sources"));
  node.querySelector(".sources").append(item);
};

// A chat that keeps nothing carries what was said in its own form.
const remember = (role, value) => {
  if (!("history" in form.dataset)) return;
  const input = make("input", "");
  Object.assign(input, { type: "hidden", name: role, value });
  form.append(input);
};

const follow = async (answer, node, asked) => {
  for await (const [name, data] of events(answer.body)) {
    const follows = isAtEnd();
    if (name === "question" && asked !== null) { node.before(fromServer(data.html)); field.value = ""; }
    if (name === "delta") { node.querySelector(".meta")?.remove(); node.querySelector(".body p").append(data.text); }
    if (name === "citation") cite(node, data);
    if (name === "refused") refuse(node, data);
    if (name === "done") {
      if (asked !== null) { remember("user", asked); remember("assistant", data.text); }
      node.replaceWith(fromServer(data.html));
      say.textContent = words.complete;
    }
    if (follows) toEnd();
  }
  if (node.isConnected && node.classList.contains("pending")) refuse(node, {});
};

const setRunning = (controller) => {
  running = controller;
  send.hidden = Boolean(controller);
  stop.hidden = !controller;
  field.readOnly = Boolean(controller);
  // A screen reader hears the answer once, when it is whole, and not word by word.
  list.setAttribute("aria-busy", Boolean(controller));
};

const ask = async (action, body, asked) => {
  const controller = new AbortController();
  for (const node of document.querySelectorAll("[data-welcome]")) node.remove();
  const node = draft();
  list.append(node);
  toEnd();
  setRunning(controller);
  say.textContent = words.searching;
  try {
    const answer = await fetch(action, {
      method: "POST", body, headers: { Accept: "text/event-stream" }, signal: controller.signal,
    });
    if (answer.headers.get("Content-Type")?.startsWith("text/event-stream")) await follow(answer, node, asked);
    else refuse(node, answer.redirected ? { detail: words.ended } : await answer.json());
  } catch (error) {
    if (error.name === "AbortError") { node.querySelector(".meta")?.remove(); end(node, "", words.stopped); say.textContent = words.stopped; }
    else refuse(node, { detail: words.lost });
  } finally {
    setRunning(null);
    field.focus();
  }
  return node;
};

// Answering again and editing begin a branch: then the page is shown anew.
const again = (branching) => branching.addEventListener("submit", async (event) => {
  if (!form || running) return;
  event.preventDefault();
  const node = await ask(branching.action, new FormData(branching), null);
  if (!node.classList.contains("refused")) location.reload();
});

// A button copies what it stands for, and says so.
const copies = (button, text) => {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text());
    button.textContent = words.copied ?? label;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
};

// What an answer says, without the words on its own buttons.
const wordsOf = (body) => {
  const buttons = [...body.querySelectorAll("button")];
  for (const button of buttons) button.hidden = true;
  const text = body.innerText;
  for (const button of buttons) button.hidden = false;
  return text;
};

const equip = (root) => {
  for (const code of navigator.clipboard && words.copy ? root.querySelectorAll(".body pre") : []) {
    const button = make("button", "", words.copy, make("span", "unseen", ` ${words.code}`));
    button.type = "button";
    const text = code.innerText;
    code.append(button);
    copies(button, () => text);
  }
  for (const branching of root.querySelectorAll("form[data-again]")) again(branching);
  for (const button of root.querySelectorAll("[data-copy-answer]")) {
    button.hidden = !navigator.clipboard;
    copies(button, () => wordsOf(button.closest("article").querySelector(".body")));
  }
};

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!running && field.value.trim()) ask(form.action, new FormData(form), field.value);
});
field?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
});
for (const button of document.querySelectorAll("[data-suggest]")) {
  button.addEventListener("click", (event) => {
    if (!form) return;
    event.preventDefault();
    field.value = button.textContent;
    form.requestSubmit();
  });
}
stop?.addEventListener("click", () => running?.abort());
equip(document);
if (list.querySelector("article") && location.pathname.startsWith("/chat/")) toEnd();
