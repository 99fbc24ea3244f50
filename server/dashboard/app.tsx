// The frame of the page: state of the campaign, what operators may do to it, navigation, the page that is open, and what went wrong.
// Not here: the pages.

import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { StatusView } from '../board/view.js';
import { act, ask, say } from './api.js';
import { Audit } from './audit.js';
import { Clients } from './clients.js';
import { watchFeed } from './feed.js';
import { clock, count } from './format.js';
import { Logo } from './logo.js';
import { Models } from './models.js';
import { Alerts, Groups, Traffic } from './more.js';
import { Overview } from './overview.js';
import { type Ask, Loading, ReasonDialog, Tag, type Tone } from './parts.js';
import { Privacy } from './privacy.js';
import { SignIn } from './sign-in.js';
import { connection, isOperator, me, one, route, toast } from './state.js';
import { Stopped } from './stopped.js';
import { theme, toggleTheme } from './theme.js';

const PAGES: Readonly<Record<string, readonly [name: string, page: () => JSX.Element]>> = {
  overview: ['Overview', Overview],
  clients: ['Clients', Clients],
  stopped: ['Stopped', Stopped],
  groups: ['Groups', Groups],
  privacy: ['Privacy', Privacy],
  traffic: ['Traffic', Traffic],
  models: ['Models', Models],
  audit: ['Audit log', Audit],
  alerts: ['Alerts', Alerts],
};

export function App(): JSX.Element {
  const who = me.value;
  if (who === undefined) return <Loading what="Opening the dashboard" />;
  if (who === 'none') return <SignIn />;
  return <SignedIn />;
}

function SignedIn(): JSX.Element {
  // Reads nothing, so it runs once for each signing in.
  useSignalEffect(watchFeed);
  const { page } = route.value;
  const [name, View] = PAGES[page] ?? ['Overview', Overview];
  const there = one('task') !== undefined;
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to the page
      </button>
      <Top />
      <nav aria-label="Pages">
        <ul>
          {Object.entries(PAGES).map(([path, [label]]) => (
            <li key={path}>
              <a href={`#/${path}`} aria-current={label === name ? 'page' : undefined}>
                {label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main id="main" tabIndex={-1}>
        <h1 class="hidden">{name}</h1>
        {connection.value.state === 'lost' && (
          <p class="banner" role="alert">
            The coordinator does not answer. This is the picture of {clock(connection.value.since)}; trying again.
          </p>
        )}
        {there ? <View /> : <Loading what="Waiting for the first picture" />}
      </main>
      <div class="toasts" aria-live="polite">
        {toast.value && <p class={toast.value.bad ? 'toast bad' : 'toast'}>{toast.value.says}</p>}
      </div>
    </>
  );
}

/** No link: the address names the page already. */
function skip(): void {
  document.getElementById('main')?.focus();
}

function Top(): JSX.Element {
  const task = one('task');
  const status = one('status');
  const who = me.value;
  const [asking, setAsking] = useState<Ask | undefined>();
  const [tone, says] = stateOf(status);
  const running = status !== undefined && status.phase !== 'ended' && status.phase !== 'stopping';
  return (
    <header class="top">
      <Logo />
      <div class="what">
        <b>{task?.task ?? ''}</b>
        <span class="muted">{task && `${task.profile}, ${task.rule}, ${count(task.dimension)} parameters`}</span>
      </div>
      <Tag tone={tone}>{says}</Tag>
      <div class="tools">
        {isOperator() && running && status !== undefined && (
          <>
            {status.hold === 'paused' ? (
              <button type="button" class="primary" onClick={() => setAsking(RESUME)}>
                Resume
              </button>
            ) : (
              status.hold === 'none' && (
                <button type="button" onClick={() => setAsking(PAUSE)}>
                  Pause
                </button>
              )
            )}
            {status.hold !== 'draining' && (
              <button type="button" onClick={() => setAsking(DRAIN)}>
                Drain
              </button>
            )}
          </>
        )}
        <button
          type="button"
          class="icon"
          onClick={toggleTheme}
          aria-label={theme.value === 'dark' ? 'Light colours' : 'Dark colours'}
        >
          {theme.value === 'dark' ? '☀' : '☾'}
        </button>
        <details class="me">
          <summary>{who !== undefined && who !== 'none' ? who.name : ''}</summary>
          <div>
            <p class="muted small">{who !== undefined && who !== 'none' ? `signed in as ${who.role}` : ''}</p>
            <button type="button" onClick={() => void otherDevice()}>
              Code for another device
            </button>
            <button type="button" onClick={() => void signOut()}>
              Sign out
            </button>
          </div>
        </details>
      </div>
      {asking && <ReasonDialog ask={asking} close={() => setAsking(undefined)} />}
    </header>
  );
}

function stateOf(status: StatusView | undefined): readonly [Tone, string] {
  if (status === undefined) return ['calm', '…'];
  if (!status.writable) return ['bad', 'cannot write its data'];
  if (status.hold === 'paused') return ['warn', `paused by ${status.says}`];
  if (status.hold === 'draining') return ['warn', 'draining: ends after this round'];
  // Not while a round runs: it may be the good one.
  if (status.setbacks > 0 && (status.phase === 'waiting' || status.phase === 'pausing'))
    return [
      'warn',
      `nothing came of ${count(status.setbacks)} tries in a row, ${count(status.checkedIn)} clients here`,
    ];
  switch (status.phase) {
    case 'waiting':
      return ['calm', `waiting for clients, ${count(status.checkedIn)} here`];
    case 'running':
      return ['good', `round ${count(status.round)} runs`];
    case 'publishing':
    case 'judging':
      return ['good', `making the model of round ${count(status.round)}`];
    case 'pausing':
      return ['calm', 'between rounds'];
    case 'rollingBack':
      return ['warn', 'going back to an earlier model'];
    case 'stopping':
      return ['warn', 'stopping'];
    case 'ended':
      return ['calm', status.says];
    default:
      return status.phase satisfies never;
  }
}

const PAUSE: Ask = {
  title: 'Pause the campaign',
  says: 'The running attempt goes on to its end; no other starts before somebody resumes it, also not after a restart.',
  verb: 'Pause',
  go: (reason) => act('pause', { reason }, 'paused'),
};
const RESUME: Ask = {
  title: 'Resume the campaign',
  says: 'The next round starts as soon as enough clients are here.',
  verb: 'Resume',
  go: (reason) => act('resume', { reason }, 'resumed'),
};
const DRAIN: Ask = {
  title: 'Drain the coordinator',
  says: 'The running round is finished, then the coordinator ends. Clients are told to come back later. This cannot be taken back here.',
  verb: 'Drain',
  dangerous: true,
  go: (reason) => act('drain', { reason }, 'draining'),
};

async function otherDevice(): Promise<void> {
  try {
    const { code } = await ask<{ code: string }>('/api/codes', {});
    say(`${code} is good once, for ten minutes`);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
  }
}

async function signOut(): Promise<void> {
  await ask('/api/sign-out', {}).catch(() => undefined);
  me.value = 'none';
}
