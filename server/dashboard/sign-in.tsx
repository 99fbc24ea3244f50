// The door: a one-time code or a token becomes a session. Nothing of it is kept in the page. Not here: what a session may do.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Me } from '../board/view.js';
import { ask } from './api.js';
import { Logo } from './logo.js';
import { me } from './state.js';

export function SignIn(): JSX.Element {
  const [secret, setSecret] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const go = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      me.value = await ask<Me>('/api/sign-in', { secret });
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <main class="door">
      <form onSubmit={(event) => void go(event)}>
        <Logo />
        <h1>Sign in to this coordinator</h1>
        <label>
          One-time code or token
          <input
            type="password"
            name="secret"
            autocomplete="off"
            required
            value={secret}
            aria-describedby="help"
            aria-invalid={problem !== ''}
            onInput={(event) => setSecret(event.currentTarget.value)}
          />
        </label>
        {problem !== '' && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy || secret === ''}>
          Sign in
        </button>
        <p class="muted small" id="help">
          The coordinator printed a one-time code when it started on this machine. Elsewhere use a token of `sotto keys
          token`, or a code that somebody who is signed in makes for you.
        </p>
      </form>
    </main>
  );
}
