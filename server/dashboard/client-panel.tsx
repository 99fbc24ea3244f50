// One client in full: how it took part, the evidence that its suspicion rests on, what was done about it, and what an operator may do.
// Not here: the list (clients.tsx).

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ClientView, StopView } from '../board/view.js';
import { ApiError, act, ask } from './api.js';
import { count, percent } from './format.js';
import { type Ask, Broken, Fact, Loading, ReasonDialog, Spark, Strip, Tag } from './parts.js';
import { isAdmin, isOperator, one } from './state.js';
import { StopList } from './stopped.js';

interface Finding {
  readonly signal: string;
  readonly value: number;
  readonly threshold: number;
  readonly strong: boolean;
  readonly says: string;
}
interface Detail {
  readonly ledger: {
    readonly suspicion: number;
    readonly findings: readonly Finding[];
    readonly quarantines: number;
  } | null;
  readonly stops: readonly StopView[];
}

export function ClientPanel(props: { readonly client: ClientView }): JSX.Element {
  const { client } = props;
  const [detail, setDetail] = useState<Detail | string | undefined>();
  const [asking, setAsking] = useState<Ask | undefined>();
  const dialog = useRef<HTMLDialogElement>(null);
  const load = (): void => {
    ask<Detail>(`/api/clients/${client.id}`).then(setDetail, (error: unknown) =>
      setDetail(error instanceof ApiError ? error.message : String(error)),
    );
  };
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  // asked anew when a round has changed the client.
  useEffect(load, [client.id, client.invited, client.status]);
  const close = (): void => {
    location.hash = '#/clients';
  };
  return (
    <dialog ref={dialog} class="panel" onClose={close} aria-labelledby="client-title">
      <header>
        <h2 id="client-title">
          Client <span class="mono">{client.id.slice(0, 8)}</span>
        </h2>
        <Tag tone={client.status === 'active' ? 'good' : client.status === 'quarantined' ? 'warn' : 'bad'}>
          {client.status}
          {client.status === 'quarantined' &&
            (client.until > (one('task')?.rounds ?? 0) ? ' for the rest of the task' : ` up to round ${client.until}`)}
        </Tag>
        <button type="button" class="close" aria-label="Close" onClick={() => dialog.current?.close()}>
          ×
        </button>
      </header>
      <p class="mono id">{client.id}</p>
      <dl class="facts">
        <Fact name="Took part">
          {client.invited === 0
            ? 'not yet'
            : `${count(client.counted)} of ${count(client.invited)} rounds (${percent(client.counted / client.invited)})`}
        </Fact>
        <Fact name="Dropped out">{count(client.dropped)}</Fact>
        <Fact name="Left out">{count(client.excluded)}</Fact>
        <Fact name="Now">{client.online ? 'online' : 'away'}</Fact>
        <Fact name="Software">{client.agent || '–'}</Fact>
        <Fact name="Last rounds">
          <Strip
            letters={client.history}
            label={`${client.counted} counted, ${client.dropped} dropped, ${client.excluded} left out`}
          />
        </Fact>
        <Fact name="Suspicion">
          <Spark
            values={client.scores}
            top={2.5}
            label={`suspicion over the last rounds, now ${client.scores.at(-1) ?? 0}`}
          />{' '}
          {(client.scores.at(-1) ?? 0).toFixed(1)}
        </Fact>
      </dl>
      <h3>Evidence</h3>
      {detail === undefined ? (
        <Loading what="Asking for the evidence" />
      ) : typeof detail === 'string' ? (
        <Broken text={detail} again={load} />
      ) : (
        <>
          {detail.ledger === null || detail.ledger.findings.length === 0 ? (
            <p class="muted">The monitor has found nothing unusual about this client.</p>
          ) : (
            <ul class="evidence">
              {[...detail.ledger.findings].reverse().map((finding, i) => (
                // findings have no name, and the list is shown as a whole.
                <li key={i}>
                  <Tag tone={finding.strong ? 'bad' : 'warn'}>{finding.signal}</Tag> {finding.says}
                  <small>
                    {' '}
                    {finding.value.toPrecision(3)} against {finding.threshold.toPrecision(3)}
                  </small>
                </li>
              ))}
            </ul>
          )}
          <h3>What was done</h3>
          {detail.stops.length === 0 ? (
            <p class="muted">Nothing: every update it sent was counted.</p>
          ) : (
            <StopList stops={[...detail.stops].reverse()} />
          )}
        </>
      )}
      {isOperator() ? (
        <div class="buttons">
          {client.status === 'quarantined' && (
            <>
              <button type="button" onClick={() => setAsking(appealAsk(client, false))}>
                Refuse appeal
              </button>
              <button type="button" class="primary" onClick={() => setAsking(appealAsk(client, true))}>
                Grant appeal
              </button>
            </>
          )}
          {client.status === 'active' && (
            <button type="button" class="danger" onClick={() => setAsking(quarantineAsk(client))}>
              Quarantine…
            </button>
          )}
          {isAdmin() && client.status === 'revoked' && (
            <button type="button" onClick={() => setAsking(readmitAsk(client))}>
              Readmit…
            </button>
          )}
          {isAdmin() && client.status !== 'banned' && client.status !== 'revoked' && (
            <button type="button" class="danger" onClick={() => setAsking(revokeAsk(client))}>
              Revoke…
            </button>
          )}
          {client.status === 'banned' && (
            <p class="muted">A ban rests on signed proof; there is no appeal against it here.</p>
          )}
        </div>
      ) : (
        <p class="muted small">Only operators can quarantine clients or hear appeals.</p>
      )}
      {asking && <ReasonDialog ask={asking} close={() => setAsking(undefined)} />}
    </dialog>
  );
}

const quarantineAsk = ({ id }: ClientView): Ask => ({
  title: `Quarantine ${id.slice(0, 8)}`,
  says: 'From the next round on it is not invited. Its updates so far stay in the model. It can appeal.',
  verb: 'Quarantine',
  dangerous: true,
  number: { label: 'Rounds', value: 5 },
  go: (reason, rounds) =>
    act('quarantine', { client: id, rounds, reason }, `${id.slice(0, 8)} is quarantined for ${rounds} rounds`),
});

const revokeAsk = ({ id }: ClientView): Ask => ({
  title: `Revoke ${id.slice(0, 8)}`,
  says: 'Its connection is closed at once, in the middle of a round too, and it is let in no more, until an administrator readmits it.',
  verb: 'Revoke',
  dangerous: true,
  go: (reason) => act('revoke', { client: id, reason }, `${id.slice(0, 8)} is out and comes in no more`),
});

const readmitAsk = ({ id }: ClientView): Ask => ({
  title: `Readmit ${id.slice(0, 8)}`,
  says: 'It may connect again as the roster says; a quarantine ends with it. A key that was given up for another one stays shut.',
  verb: 'Readmit',
  go: (reason) => act('readmit', { client: id, reason }, `${id.slice(0, 8)} may come in again`),
});

const appealAsk = ({ id }: ClientView, granted: boolean): Ask => ({
  title: granted ? `Grant the appeal of ${id.slice(0, 8)}` : `Refuse the appeal of ${id.slice(0, 8)}`,
  says: granted
    ? 'It may take part again from the next round on; for a while statistics only observe it.'
    : 'The quarantine stays as it is; that it was heard goes into the record.',
  verb: granted ? 'Grant' : 'Refuse',
  go: (reason) =>
    act(
      'appeal',
      { client: id, granted, reason },
      granted ? `${id.slice(0, 8)} may take part again` : 'the appeal is refused',
    ),
});
