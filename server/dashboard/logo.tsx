// The mark: many voices, one line. Not here: the icon of the tab (page/icon.svg), which is the same.
import type { JSX } from 'preact';

export const Logo = (): JSX.Element => (
  <span class="logo">
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <path d="M4 9c5 0 7 7 12 7h12M4 16h24M4 23c5 0 7-7 12-7" />
    </svg>
    sotto
  </span>
);
