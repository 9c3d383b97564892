// Uploads with progress, and rows that follow what the worker does.
const csrf = document.querySelector("meta[name=csrf]").content;
const rows = document.querySelector("[data-rows]");
const form = document.querySelector("[data-upload]");
const say = document.querySelector("[data-say]");
const MEGABYTE = 1_000_000;
const words = form ? JSON.parse(form.dataset.words) : {}; // in the reader's language
const phrase = (name, values) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

const rowsOf = (html) => {
  const holder = document.createElement("template");
  holder.innerHTML = html; // rendered and escaped by our own server
  return [...holder.content.querySelectorAll("tr")];
};

const find = (id) => rows.querySelector(`[data-document="${id}"]`);

// A row is left alone while nothing about it changed, or while somebody is using it: replacing it would take
// the keyboard's focus and close an open question.
const settle = (fresh) => {
  const present = find(fresh.dataset.document);
  if (!present) return fresh;
  if (present.outerHTML === fresh.outerHTML) return present;
  if (present.contains(document.activeElement) || present.querySelector("details[open]")) return present;
  if (present.dataset.status !== fresh.dataset.status && !("busy" in fresh.dataset)) announce(fresh);
  return fresh;
};

const announce = (row) => {
  say.textContent = `${row.querySelector("a").textContent}: ${row.querySelector(".status").textContent}`;
};

const place = (wanted) => {
  wanted.forEach((row, position) => {
    if (rows.children[position] !== row) rows.insertBefore(row, rows.children[position] ?? null);
  });
  while (rows.children.length > wanted.length) rows.lastElementChild.remove();
};

const refresh = async () => {
  const answer = await fetch(rows.dataset.rows, { headers: { "X-Fragment": "rows" } });
  if (answer.ok && !answer.redirected) place(rowsOf(await answer.text()).map(settle));
};

const watch = async () => {
  const isBusy = () => rows.querySelector("[data-busy]") && !document.hidden;
  if (isBusy()) await refresh().catch(() => {});
  setTimeout(watch, isBusy() ? 1000 : 2500);
};
watch();

const report = (text, isBad = false) => {
  const status = form.querySelector("[data-upload-status]");
  status.textContent = text;
  status.classList.toggle("bad", isBad);
};

const parsed = (text) => {
  try { return JSON.parse(text); } catch { return {}; } // a proxy on the way answers in HTML
};

const finish = async (request) => {
  const answer = parsed(request.responseText);
  if (request.status === 202) {
    const count = answer.documents.length;
    report(phrase(count === 1 ? "one" : "many", { count }));
    form.reset();
  } else {
    report(answer.detail || words.untaken, true);
  }
  await refresh().catch(() => {});
};

const upload = (files) => {
  const tooLarge = files.find((file) => file.size > Number(form.dataset.limit) * MEGABYTE);
  if (tooLarge) {
    report(phrase("large", { name: tooLarge.name, limit: form.dataset.limit }), true);
    return;
  }
  const bar = form.querySelector("[data-upload-progress]");
  const button = form.querySelector("button");
  const body = new FormData();
  for (const file of files) body.append("files", file);
  if (form.elements.collection) body.append("collection", form.elements.collection.value);
  const request = new XMLHttpRequest(); // fetch cannot report how much of a body is sent
  request.open("POST", form.action);
  request.setRequestHeader("X-CSRF-Token", csrf);
  request.setRequestHeader("Accept", "application/json");
  request.upload.onprogress = (event) => { if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total; };
  request.onload = () => finish(request);
  request.onerror = () => report(words.lost, true);
  request.onloadend = () => { bar.hidden = true; button.disabled = false; };
  report(files.length === 1 ? phrase("sending", { name: files[0].name }) : phrase("several", { count: files.length }));
  bar.value = 0;
  bar.hidden = false;
  button.disabled = true;
  request.send(body);
};

if (form) {
  const button = form.querySelector("button");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    upload([...form.querySelector("[type=file]").files]);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length && !button.disabled) upload([...event.dataTransfer.files]);
    });
  }
}
