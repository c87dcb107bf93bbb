/** Light or dark: as the system says until the reader chooses. */
import { element } from "./dom.js";

const KEY = "canopy-report-theme";

export function themeSwitch() {
  const button = element("button", { type: "button", class: "theme" });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const current = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const label = () => {
    button.textContent = current() === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${current() === "dark" ? "light" : "dark"} theme`);
  };
  const kept = remembered();
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = current() === "dark" ? "light" : "dark";
    remember(document.documentElement.dataset.theme);
    label();
  });
  dark.addEventListener("change", label);
  label();
  return button;
}

/** Files opened from a disk may have no storage. */
function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // The choice holds for this visit.
  }
}
