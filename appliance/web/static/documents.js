// Uploads with progress, and rows that follow what the worker does.
const csrf = document.querySelector("meta[name=csrf]").content;
const rows = document.querySelector("[data-rows]");
const form = document.querySelector("[data-upload]");

const refresh = async () => {
  const answer = await fetch(rows.dataset.rows, { headers: { "X-Fragment": "rows" } });
  if (!answer.ok || answer.redirected) return;
  if (!rows.querySelector("details[open]")) rows.innerHTML = await answer.text();
};

const watch = async () => {
  if (rows.querySelector("[data-busy]")) await refresh().catch(() => {});
  setTimeout(watch, rows.querySelector("[data-busy]") ? 1000 : 4000);
};
watch();

const upload = (files) => {
  const status = form.querySelector("[data-upload-status]");
  const body = new FormData();
  for (const file of files) body.append("files", file);
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("X-CSRF-Token", csrf);
  request.setRequestHeader("Accept", "application/json");
  request.upload.onprogress = (event) => {
    if (event.lengthComputable) status.textContent = `Uploading ${Math.round((100 * event.loaded) / event.total)} %`;
  };
  request.onload = async () => {
    const answer = JSON.parse(request.responseText || "{}");
    status.textContent = request.status === 202
      ? `${answer.documents.length} received. They are read on this host.`
      : answer.detail || "The upload did not arrive. Try again.";
    status.classList.toggle("bad", request.status !== 202);
    form.reset();
    await refresh();
  };
  request.onerror = () => { status.textContent = "The upload did not arrive. Check the connection and try again."; };
  status.classList.remove("bad");
  status.textContent = "Uploading";
  request.send(body);
};

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    upload(form.querySelector("[type=file]").files);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) upload(event.dataTransfer.files);
    });
  }
}
