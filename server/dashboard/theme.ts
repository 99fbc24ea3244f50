// Light or dark: what the system says, until somebody chooses. Not here: the colours (page/app.css).

import { signal } from '@preact/signals';

export type Theme = 'light' | 'dark';
const system = matchMedia('(prefers-color-scheme: dark)');
const KEY = 'sotto-theme';

/** A page without storage, as in private windows, follows the system. */
function chosen(): Theme | undefined {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : undefined;
  } catch {
    return undefined;
  }
}

export const theme = signal<Theme>(chosen() ?? (system.matches ? 'dark' : 'light'));

export function startTheme(): void {
  const show = (): void => {
    document.documentElement.dataset.theme = theme.value;
  };
  show();
  theme.subscribe(show);
  system.addEventListener('change', () => {
    if (chosen() === undefined) theme.value = system.matches ? 'dark' : 'light';
  });
}

export function toggleTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // It holds for this visit.
  }
}
