// Hands the server's options to the browser's passkeys (Web Authentication Level 2), and the answer to the form.
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const forBrowser = (options) => ({
  ...options,
  challenge: bytes(options.challenge),
  ...(options.user && { user: { ...options.user, id: bytes(options.user.id) } }),
  ...(options.excludeCredentials && { excludeCredentials: options.excludeCredentials.map((one) => ({ ...one, id: bytes(one.id) })) }),
  ...(options.allowCredentials && { allowCredentials: options.allowCredentials.map((one) => ({ ...one, id: bytes(one.id) })) }),
});

const forServer = (made) => {
  const response = { clientDataJSON: text(made.response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (made.response[part]) response[part] = text(made.response[part]);
  }
  return JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response, clientExtensionResults: {} });
};

for (const button of document.querySelectorAll("[data-passkey]")) {
  const form = button.closest("form");
  const say = form.querySelector("[data-passkey-say]");
  button.hidden = !window.PublicKeyCredential;
  button.addEventListener("click", async () => {
    const publicKey = forBrowser(JSON.parse(button.dataset.options));
    try {
      const made = await navigator.credentials[button.dataset.passkey]({ publicKey });
      form.querySelector("[data-passkey-response]").value = forServer(made);
      form.submit();
    } catch {
      say.className = "bad";
      say.textContent = say.dataset.failed;
    }
  });
}
