// Streams an answer: server-sent events over fetch, since EventSource cannot post.
const form = document.querySelector("[data-ask]");
const list = document.querySelector("[data-messages]");
const field = form.querySelector("textarea");
const send = form.querySelector("[data-send]");
const stop = form.querySelector("[data-stop]");
const say = form.querySelector("[data-say]");
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
  holder.innerHTML = html; // rendered and escaped by our own server
  return holder.content.querySelector("article");
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
  const node = make("article", "message assistant pending", make("div", "body", make("p")));
  node.setAttribute("aria-label", "Answer");
  return node;
};

const end = (node, className, text) => {
  node.classList.remove("pending");
  if (className) node.classList.add(className);
  node.append(make("p", "meta", text));
};

const refuse = (node, problem) => end(node, "refused", problem.detail || "The answer broke off. Ask again.");

const cite = (node, citation) => {
  const title = citation.url ? make("a", "", citation.title) : make("span", "", citation.title);
  if (citation.url) title.href = citation.url;
  const page = citation.page_from ? `page ${citation.page_from}` : "";
  const place = make("small", "", [citation.heading, page].filter(Boolean).join(", "));
  const item = make("li", "", make("span", "mark", citation.number), make("div", "", title, place, make("q", "", citation.quote)));
  if (!node.querySelector(".sources")) node.append(make("ol", "sources"));
  node.querySelector(".sources").append(item);
};

const follow = async (answer, node) => {
  for await (const [name, data] of events(answer.body)) {
    const follows = isAtEnd();
    if (name === "question") { node.before(fromServer(data.html)); field.value = ""; }
    if (name === "delta") node.querySelector("p").append(data.text);
    if (name === "citation") cite(node, data);
    if (name === "refused") refuse(node, data);
    if (name === "done") {
      node.replaceWith(fromServer(data.html));
      say.textContent = "The answer is complete.";
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

const ask = async () => {
  const body = new FormData(form);
  const controller = new AbortController();
  document.querySelector("[data-welcome]")?.remove();
  const node = draft();
  list.append(node);
  toEnd();
  setRunning(controller);
  say.textContent = "Searching your documents";
  try {
    const answer = await fetch(form.action, {
      method: "POST", body, headers: { Accept: "text/event-stream" }, signal: controller.signal,
    });
    if (answer.headers.get("Content-Type")?.startsWith("text/event-stream")) await follow(answer, node);
    else refuse(node, answer.redirected ? { detail: "Your session has ended. Reload the page and sign in." } : await answer.json());
  } catch (error) {
    if (error.name === "AbortError") { end(node, "", "Stopped."); say.textContent = "Stopped."; }
    else refuse(node, { detail: "The connection broke. Reload the page to see what was stored." });
  } finally {
    setRunning(null);
    field.focus();
  }
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!running && field.value.trim()) ask();
});
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
});
stop.addEventListener("click", () => running?.abort());
if (list.querySelector("article")) toEnd();
