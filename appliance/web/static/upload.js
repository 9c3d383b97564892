// Files, three at a time, each a request that can be repeated; large ones come in parts and go on where they stopped,
// also after a reload.
const csrf = document.querySelector("meta[name=csrf]").content;
const form = document.querySelector("[data-upload]");
const PARALLEL = 3;
const ATTEMPTS = 5;
const PART_FROM = 8_000_000;
const MEGABYTE = 1_000_000;
const words = form ? JSON.parse(form.dataset.words) : {}; // in the reader's language
const phrase = (name, values) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
const pause = (seconds) => new Promise((done) => { setTimeout(done, seconds * 1000); });

class Refused extends Error {}

// What was lost is tried again; what was refused is not.
const send = async (path, body, headers = {}) => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await fetch(path, {
        method: body ? "POST" : "GET", body,
        headers: { "X-CSRF-Token": csrf, Accept: "application/json", ...headers },
      });
      const said = await answer.json().catch(() => ({})); // a proxy on the way answers in HTML
      if (answer.ok) return said;
      if (answer.status < 500 && said.code !== "idempotency_key_in_use") throw new Refused(said.detail || words.untaken);
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    if (attempt === ATTEMPTS) throw new Refused(words.lost);
    await pause(2 ** attempt / 2);
  }
};

const fields = (values) => {
  const body = new FormData();
  for (const [name, value] of Object.entries(values)) if (value) body.append(name, value);
  return body;
};

const remembered = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
const remember = (key, value) => {
  try { if (value) localStorage.setItem(key, value); else localStorage.removeItem(key); } catch { /* then not */ }
};

const sendWhole = ({ file, folder }, target) => {
  const body = fields({ ...target, folder });
  body.append("files", file, file.name);
  return send("/documents", body, { "Idempotency-Key": crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}` });
};

const sendInParts = async ({ file, folder }, target, progress) => {
  const key = `upload ${target.collection || ""} ${folder}/${file.name} ${file.size} ${file.lastModified}`;
  const earlier = remembered(key);
  let upload = earlier ? await send(`/uploads/${earlier}`).catch(() => null) : null;
  if (!upload) {
    upload = await send("/uploads", fields({ ...target, folder, name: file.name, bytes: String(file.size) }));
    remember(key, upload.id);
  }
  while (upload.received < file.size) {
    const body = fields({ start: String(upload.received) });
    body.append("part", file.slice(upload.received, upload.received + upload.most), "part");
    upload = await send(`/uploads/${upload.id}/parts`, body);
    progress(upload.received / file.size);
  }
  const done = await send(`/uploads/${upload.id}/completion`, fields({ csrf }));
  remember(key, null);
  return done;
};

class Queue {
  constructor(entries) {
    this.entries = entries;
    this.sent = 0;
    this.failed = 0;
    this.bar = form.querySelector("[data-upload-progress]");
    this.status = form.querySelector("[data-upload-status]");
    this.list = form.querySelector("[data-upload-files]");
    this.button = form.querySelector("button");
  }

  async run() {
    this.list.replaceChildren();
    this.list.hidden = true;
    this.bar.value = 0;
    this.bar.hidden = false;
    this.button.disabled = true;
    onbeforeunload = (event) => event.preventDefault();
    try {
      const target = await this.target();
      this.show();
      const waiting = [...this.entries];
      const lane = async () => { while (waiting.length) await this.one(waiting.shift(), target); };
      await Promise.all(Array.from({ length: PARALLEL }, lane));
      this.end(target.batch);
    } catch (error) {
      this.say(error.message, true);
    } finally {
      onbeforeunload = null;
      this.bar.hidden = true;
      this.button.disabled = false;
    }
  }

  async target() {
    const target = Object.fromEntries(new FormData(form));
    delete target.files;
    if (this.entries.length > 1) target.batch = (await send("/batches", fields({ csrf }))).id;
    return target;
  }

  async one(entry, target) {
    try {
      if (entry.file.size > Number(form.dataset.limit) * MEGABYTE) {
        throw new Refused(phrase("large", { name: entry.file.name, limit: form.dataset.limit }));
      }
      const isLarge = entry.file.size > PART_FROM;
      const answer = isLarge ? await sendInParts(entry, target, (part) => this.show(part)) : await sendWhole(entry, target);
      const { receipt } = answer.documents[0];
      this.sent += 1;
      if (receipt !== "added") this.tell(entry, words[receipt]);
    } catch (error) {
      this.failed += 1;
      this.tell(entry, error.message, true);
    }
    this.show();
    document.dispatchEvent(new Event("uploaded"));
  }

  tell({ file, folder }, text, isBad = false) {
    const line = document.createElement("li");
    line.textContent = `${folder ? `${folder}/` : ""}${file.name}: ${text}`;
    line.classList.toggle("bad", isBad);
    this.list.append(line);
    this.list.hidden = false;
  }

  show(part = 0) {
    const done = this.sent + this.failed;
    this.bar.value = (100 * (done + part)) / this.entries.length;
    this.say(phrase("several", { done, count: this.entries.length }));
  }

  say(text, isBad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("bad", isBad);
  }

  end(batch) {
    const good = this.sent ? phrase(this.sent === 1 ? "one" : "many", { count: this.sent }) : "";
    this.say([good, this.failed ? phrase("failed", { count: this.failed }) : ""].filter(Boolean).join(" "), this.failed > 0);
    if (batch) {
      const link = document.createElement("a");
      link.href = `/batches/${batch}`;
      link.textContent = words.batch;
      this.status.append(" ", link);
    }
    form.reset();
  }
}

// A dropped folder is walked; its path stands before each file's name.
const walk = async (entry, folder) => {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => { entry.file(done, fail); });
    return [{ file, folder }];
  }
  const reader = entry.createReader();
  const inside = folder ? `${folder}/${entry.name}` : entry.name;
  const found = [];
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise((done, fail) => { reader.readEntries(done, fail); });
    if (!some.length) return found;
    for (const one of some) found.push(...await walk(one, inside));
  }
};

const dropped = async (transfer) => {
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!roots.length) return [...transfer.files].map((file) => ({ file, folder: "" }));
  return (await Promise.all(roots.map((root) => walk(root, "")))).flat();
};

if (form) {
  const button = form.querySelector("button");
  const start = (entries) => (entries.length ? new Queue(entries).run() : new Queue([]).say(words.empty, true));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start([...form.querySelector("[type=file]").files].map((file) => ({ file, folder: "" })));
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, async (event) => {
      event.preventDefault();
      form.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && !button.disabled) start(await dropped(event.dataTransfer));
    });
  }
}
