/** Light or dark, as the system has it or as the person has chosen. */

/** Take over what was chosen on an earlier visit. */
export function keptTheme(): void {
  try {
    const kept = localStorage.getItem("ik-theme");
    if (kept && !document.documentElement.dataset.theme) document.documentElement.dataset.theme = kept;
  } catch {
    // Storage may be switched off; the theme of the system is used.
  }
}

export function toggleTheme(): void {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("ik-theme", root.dataset.theme);
  } catch {
    // Storage may be switched off; the choice then holds for this page.
  }
}
