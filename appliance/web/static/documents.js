const rows = document.querySelector("[data-rows]");
const live = document.querySelector("[data-live]");
const say = document.querySelector("[data-say]");

const rowsOf = (html) => {
  const holder = document.createElement("template");
  holder.innerHTML = html; // rendered and escaped by our own server
  const span = ".pager span";
  document.querySelector(span).textContent = holder.content.querySelector(span).textContent;
  return [...holder.content.querySelectorAll("tr")];
};

const find = (id) => rows.querySelector(`[data-document="${id}"]`);

// A row is left alone while nothing about it changed, or while somebody is using it: a new one would take
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

// First take out what goes: a row that moves loses the focus.
const place = (wanted) => {
  for (const row of [...rows.children]) if (!wanted.includes(row)) row.remove();
  wanted.forEach((row, position) => {
    if (rows.children[position] !== row) rows.insertBefore(row, rows.children[position] ?? null);
  });
};

const refresh = async () => {
  if (!rows) return;
  const answer = await fetch(rows.dataset.rows, { headers: { "X-Fragment": "rows" } });
  if (answer.ok && !answer.redirected) place(rowsOf(await answer.text()).map(settle));
};

const follow = async () => {
  const answer = await fetch(live.dataset.live, { headers: { "X-Fragment": "state" } });
  if (answer.ok && !answer.redirected) live.innerHTML = await answer.text(); // likewise
};

const isBusy = () => document.querySelector("[data-busy]") && !document.hidden;
const watch = async () => {
  if (isBusy()) {
    await refresh().catch(() => {});
    if (live) await follow().catch(() => {});
  }
  setTimeout(watch, isBusy() ? 1000 : 2500);
};
watch();
let asked = null; // many files may arrive within a second
document.addEventListener("uploaded", () => {
  asked ??= setTimeout(() => { asked = null; refresh().catch(() => {}); }, 500);
});
