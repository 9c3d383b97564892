// Streams an answer: server-sent events over fetch, since EventSource cannot post.
const form = document.querySelector("[data-ask]");
const list = document.querySelector("[data-messages]");
const field = form.querySelector("textarea");
const send = form.querySelector("[data-send]");
const stop = form.querySelector("[data-stop]");
const say = form.querySelector("[data-say]");
let running = null;

const toEnd = () => list.lastElementChild?.scrollIntoView({ block: "end" });

const append = (html) => {
  const holder = document.createElement("template");
  holder.innerHTML = html; // rendered and escaped by our own server
  const node = holder.content.querySelector("article");
  list.append(node);
  return node;
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
  const node = document.createElement("article");
  node.className = "message assistant pending";
  node.setAttribute("aria-label", "Answer");
  const body = document.createElement("div");
  body.className = "body";
  body.append(document.createElement("p"));
  node.append(body);
  list.append(node);
  return node;
};

const refuse = (node, problem) => {
  node.classList.remove("pending");
  node.classList.add("refused");
  node.querySelector("p").textContent = problem.detail || "The answer broke off. Ask again.";
};

const follow = async (answer, node) => {
  for await (const [name, data] of events(answer.body)) {
    if (name === "question") { append(data.html); list.append(node); }
    if (name === "delta") node.querySelector("p").append(data.text);
    if (name === "refused") refuse(node, data);
    if (name === "done") {
      append(data.html);
      node.remove();
      say.textContent = "The answer is complete.";
    }
    toEnd();
  }
};

const ask = async () => {
  const body = new FormData(form);
  field.value = "";
  document.querySelector("[data-welcome]")?.remove();
  const node = draft();
  running = new AbortController();
  send.hidden = true;
  stop.hidden = false;
  say.textContent = "Searching your documents";
  try {
    const answer = await fetch(form.action, {
      method: "POST", body, headers: { Accept: "text/event-stream" }, signal: running.signal,
    });
    if (answer.headers.get("Content-Type").startsWith("text/event-stream")) await follow(answer, node);
    else refuse(node, answer.redirected ? { detail: "Your session has ended. Reload the page and sign in." } : await answer.json());
  } catch (error) {
    node.classList.remove("pending");
    if (error.name !== "AbortError") refuse(node, { detail: "The connection broke. Reload the page to see what was stored." });
  } finally {
    running = null;
    send.hidden = false;
    stop.hidden = true;
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
toEnd();
