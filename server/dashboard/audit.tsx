// The audit log, page by page, with how far its chain has been recomputed. Not here: the verdict of a third party (`sotto verify`).

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { AuditPage } from '../http/audit-pages.js';
import { ApiError, ask } from './api.js';
import { count, day } from './format.js';
import { Broken, Card, Empty, Loading, Tag } from './parts.js';
import { one } from './state.js';

const TYPES = [
  'round-committed',
  'round-void',
  'attempt-failed',
  'client-enrolled',
  'client-blamed',
  'client-quarantined',
  'client-appealed',
  'auth-failed',
  'messages-refused',
  'model-recorded',
  'privacy-reserved',
  'paused',
  'resumed',
  'admin',
  'coordinator-started',
  'coordinator-stopped',
  'checkpoint',
];

export function Audit(): JSX.Element {
  const logged = one('task')?.logged;
  const [type, setType] = useState('');
  const [before, setBefore] = useState<readonly number[]>([0]);
  const [page, setPage] = useState<AuditPage | string | undefined>();
  const [turn, setTurn] = useState(0);
  const at = before.at(-1) ?? 0;
  // `turn` asks again.
  useEffect(() => {
    if (logged !== true) return;
    ask<AuditPage>(`/api/audit?limit=50&before=${at}&type=${type}`).then(setPage, (error: unknown) =>
      setPage(error instanceof ApiError ? error.message : String(error)),
    );
  }, [at, type, turn, logged]);
  if (logged === undefined) return <Loading what="Waiting for the first picture" />;
  if (!logged)
    return (
      <Card title="Audit log" wide>
        <Empty title="This coordinator keeps no log">
          Give it a data directory (<code>dataDir</code> in its settings): then every round, model and action is written
          down, hash-chained and signed, before anything that depends on it leaves.
        </Empty>
      </Card>
    );
  const older = typeof page === 'object' ? page.events.at(-1)?.seq : undefined;
  return (
    <Card
      title="Audit log"
      wide
      aside={
        <a href="/api/audit/export" download>
          export
        </a>
      }
    >
      {typeof page === 'object' && (
        <p class="check" role="status">
          <Tag tone={page.check.state === 'sound' ? 'good' : page.check.state === 'damaged' ? 'bad' : 'calm'}>
            {page.check.state}
          </Tag>{' '}
          {page.check.says}. Head{' '}
          <span class="mono" title={page.head.hash}>
            {page.head.hash.slice(0, 16)}…
          </span>
          {page.check.state === 'checking' && (
            <progress value={page.check.to} max={Math.max(1, page.head.seq)} aria-label="Events checked" />
          )}
        </p>
      )}
      <div class="filters">
        <label>
          Kind
          <select
            value={type}
            onChange={(event) => {
              setType(event.currentTarget.value);
              setBefore([0]);
            }}
          >
            <option value="">all</option>
            {TYPES.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" onClick={() => setTurn(turn + 1)}>
          Refresh
        </button>
        <button type="button" disabled={before.length < 2} onClick={() => setBefore(before.slice(0, -1))}>
          Newer
        </button>
        <button
          type="button"
          disabled={older === undefined || older <= 1}
          onClick={() => older !== undefined && setBefore([...before, older])}
        >
          Older
        </button>
      </div>
      {page === undefined ? (
        <Loading what="Reading the log" />
      ) : typeof page === 'string' ? (
        <Broken text={page} again={() => setTurn(turn + 1)} />
      ) : page.events.length === 0 ? (
        <Empty title="No such event">
          {type === '' ? 'The log is empty.' : 'None of this kind on this page; older ones may be further back.'}
        </Empty>
      ) : (
        <ol class="log" reversed start={page.events[0]?.seq ?? 1}>
          {page.events.map((event) => (
            <li key={event.seq}>
              <details>
                <summary>
                  <b>{count(event.seq)}</b> <span class="type">{event.type}</span>{' '}
                  <span class="muted gist">{gist(event.body)}</span>
                  <time>{day(event.time)}</time>
                </summary>
                <pre>{JSON.stringify(event.body, null, 2)}</pre>
                <p class="mono small">hash {event.hash}</p>
              </details>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

/** The short values of a body: enough to know what it is about. */
function gist(body: AuditPage['events'][number]['body']): string {
  return Object.entries(body)
    .filter(([, value]) => typeof value !== 'object' || value === null)
    .slice(0, 4)
    .map(([name, value]) => `${name} ${String(value).slice(0, 40)}`)
    .join(', ');
}
