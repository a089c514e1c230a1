/** Dark unless chosen otherwise: reading rooms are. */
import { signal } from "@preact/signals";

const KEPT = "lookalike-theme";
type Theme = "dark" | "light";

export const theme = signal<Theme>(localStorage.getItem(KEPT) === "light" ? "light" : "dark");

theme.subscribe((chosen) => {
  document.documentElement.dataset["theme"] = chosen;
  localStorage.setItem(KEPT, chosen);
});

export const toggleTheme = (): void => void (theme.value = theme.value === "dark" ? "light" : "dark");
