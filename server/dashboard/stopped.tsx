// Attacks and accidents that were stopped, with the reason in plain words. Not here: evidence of one client (client-panel.tsx).

import type { JSX } from 'preact';
import type { StopView } from '../board/view.js';
import { count, EVENT_WORDS, short, when } from './format.js';
import { Card, Empty, Tag, type Tone } from './parts.js';
import { list, one } from './state.js';

const TONES: Readonly<Record<StopView['what'], Tone>> = {
  excluded: 'warn',
  quarantined: 'bad',
  banned: 'bad',
  spared: 'calm',
};

export function StopList(props: { readonly stops: readonly StopView[] }): JSX.Element {
  if (props.stops.length === 0)
    return (
      <Empty title="Nobody was stopped">
        Whoever is left out of a sum, quarantined or banned stands here with the reason. Updates stay masked all the
        same.
      </Empty>
    );
  return (
    <ul class="events">
      {props.stops.map((stop) => (
        <li key={stop.n}>
          <Tag tone={TONES[stop.what]}>{EVENT_WORDS[stop.what] ?? stop.what}</Tag>
          <p>
            <ClientLink n={stop.client} /> <span>{stop.says}</span>
          </p>
          <small>
            round {count(stop.round)}
            {stop.phase !== '' && `, phase ${stop.phase}`}, {when(stop.at)}
            {stop.code !== '' && <code title="error code, see docs/errors.md">{stop.code}</code>}
          </small>
        </li>
      ))}
    </ul>
  );
}

export function ClientLink(props: { readonly n: number }): JSX.Element | null {
  const client = one('client', props.n);
  if (client === undefined) return null;
  return (
    <a href={`#/clients/${client.n}`} class="mono">
      {short(client.id)}
    </a>
  );
}

export function Stopped(): JSX.Element {
  const stops = list('stop').reverse();
  const kinds = (['excluded', 'quarantined', 'banned', 'spared'] as const).map(
    (what) => [what, stops.filter((stop) => stop.what === what).length] as const,
  );
  return (
    <Card
      title="Stopped"
      wide
      aside={<span class="muted">{kinds.map(([what, n]) => `${count(n)} ${EVENT_WORDS[what]}`).join(', ')}</span>}
    >
      <p class="muted">
        Left out: the update is in no sum of that round, and nobody saw it. Quarantined: barred for some rounds on
        statistics; appeals are heard. Banned: the client's own signed messages prove it. Spared: should have gone, but
        the round could lose no more.
      </p>
      <StopList stops={stops} />
    </Card>
  );
}
