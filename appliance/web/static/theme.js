// Runs before the page is painted, so that a chosen theme does not flash.
const root = document.documentElement;

// A browser that forbids storage throws here; the theme then lasts for one page.
const recall = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
const remember = (theme) => { try { localStorage.setItem("theme", theme); } catch { /* as above */ } };

// Times on pages are the reader's: the server learns the zone from here.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
if (/^[A-Za-z0-9_+\/-]+$/.test(zone) && !document.cookie.includes(`zone=${zone}`)) document.cookie = `zone=${zone}; path=/; SameSite=Lax; max-age=31536000`;

const chosen = recall();
if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

document.addEventListener("DOMContentLoaded", () => {
  const buttons = document.querySelectorAll("[data-theme-switch]");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => {
    for (const button of buttons) {
      button.textContent = isDark() ? button.dataset.light : button.dataset.dark;
      button.hidden = false;
    }
  };
  label();
  system.addEventListener("change", label);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember(root.dataset.theme);
      label();
    });
  }
});
