// All clients: search, filter, sort, and a list of which only the visible rows exist, so that ten thousand scroll like ten. The keyboard
// moves by arrows. Not here: one client in full (client-panel.tsx).

import type { JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ClientView } from '../board/view.js';
import { ClientPanel } from './client-panel.js';
import { count, percent, short } from './format.js';
import { Card, Empty, Spark, Strip, Tag, type Tone } from './parts.js';
import { list, one, route } from './state.js';

const ROW = 44;
const AROUND = 6;
const TONES: Readonly<Record<ClientView['status'], Tone>> = {
  active: 'good',
  quarantined: 'warn',
  banned: 'bad',
  revoked: 'bad',
};
const FILTERS = ['all', 'online', 'suspicious', 'quarantined', 'banned', 'revoked'] as const;
type Filter = (typeof FILTERS)[number];
const ORDERS = { arrival: 'first seen', suspicion: 'suspicion', counted: 'participation' } as const;
type Order = keyof typeof ORDERS;

const fits = (client: ClientView, filter: Filter, search: string): boolean =>
  (search === '' || client.id.startsWith(search) || client.agent.toLowerCase().includes(search)) &&
  (filter === 'all' ||
    (filter === 'online' && client.online) ||
    (filter === 'suspicious' && suspicion(client) > 0) ||
    filter === client.status);
const suspicion = ({ scores }: ClientView): number => scores.at(-1) ?? 0;
const share = ({ counted, invited }: ClientView): number => (invited === 0 ? 0 : counted / invited);
const COMPARE: Readonly<Record<Order, (a: ClientView, b: ClientView) => number>> = {
  arrival: (a, b) => a.n - b.n,
  suspicion: (a, b) => suspicion(b) - suspicion(a) || a.n - b.n,
  counted: (a, b) => share(a) - share(b) || a.n - b.n,
};

export function Clients(): JSX.Element {
  const [search, setSearch] = useState('');
  const [filter, setFilter] = useState<Filter>('all');
  const [order, setOrder] = useState<Order>('arrival');
  const all = list('client');
  const shown = all.filter((client) => fits(client, filter, search.trim().toLowerCase())).sort(COMPARE[order]);
  const open = one('client', Number(route.value.open));
  const grouped = (one('task')?.groups ?? 1) > 1;
  return (
    <Card
      title="Clients"
      wide
      aside={
        <span class="muted" role="status">
          {count(shown.length)} of {count(all.length)}
        </span>
      }
    >
      <div class="filters">
        <label>
          Search
          <input
            type="search"
            placeholder="id or agent"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </label>
        <label>
          Show
          <select value={filter} onChange={(event) => setFilter(event.currentTarget.value as Filter)}>
            {FILTERS.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          Order by
          <select value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
            {Object.entries(ORDERS).map(([name, says]) => (
              <option key={name} value={name}>
                {says}
              </option>
            ))}
          </select>
        </label>
      </div>
      {shown.length === 0 ? (
        <Empty title={all.length === 0 ? 'No client has been here yet' : 'No client fits'}>
          {all.length === 0
            ? 'Clients appear when they connect: “sotto client --url … --task …” prints its own id.'
            : 'Change the search or the filter.'}
        </Empty>
      ) : (
        <Rows clients={shown} grouped={grouped} />
      )}
      {open && <ClientPanel client={open} />}
    </Card>
  );
}

function Rows(props: { readonly clients: readonly ClientView[]; readonly grouped: boolean }): JSX.Element {
  const { clients, grouped } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [active, setActive] = useState(0);
  const wanted = useRef(-1);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (wanted.current < 0) return;
    box.current?.querySelector<HTMLElement>(`[data-at="${wanted.current}"]`)?.focus({ preventScroll: true });
    wanted.current = -1;
  });
  const from = Math.max(0, Math.floor(top / ROW) - AROUND);
  const to = Math.min(clients.length, Math.ceil((top + height) / ROW) + AROUND);
  const move = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(height / ROW) - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -clients.length,
      End: clients.length,
    };
    const step = steps[event.key];
    const element = box.current;
    if (step === undefined || element === null) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(clients.length - 1, active + step));
    if (next * ROW < element.scrollTop) element.scrollTop = next * ROW;
    if ((next + 1) * ROW > element.scrollTop + height) element.scrollTop = (next + 1) * ROW - height;
    setTop(element.scrollTop);
    setActive(next);
    wanted.current = next;
  };
  return (
    <div class={grouped ? 'grid grouped' : 'grid'} role="table" aria-label="Clients" aria-rowcount={clients.length + 1}>
      <div role="rowgroup" class="head">
        <div role="row" class="row" aria-rowindex={1}>
          <span role="columnheader">Client</span>
          <span role="columnheader">Status</span>
          <span role="columnheader" class="c-group">
            Group
          </span>
          <span role="columnheader" class="c-last">
            Last rounds
          </span>
          <span role="columnheader" class="c-share num">
            Took part
          </span>
          <span role="columnheader" class="c-score">
            Suspicion
          </span>
        </div>
      </div>
      {/* the rows inside are links, the arrows move between them. */}
      <div
        ref={box}
        role="rowgroup"
        class="body"
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={move}
      >
        <div class="tall" style={{ height: `${clients.length * ROW}px` }} role="presentation">
          {clients.slice(from, to).map((client, i) => (
            <Row
              key={client.n}
              client={client}
              at={from + i}
              active={from + i === active}
              focused={() => setActive(from + i)}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

function Row(props: {
  readonly client: ClientView;
  readonly at: number;
  readonly active: boolean;
  readonly focused: () => void;
}): JSX.Element {
  const { client, at, active, focused } = props;
  const score = suspicion(client);
  return (
    <div role="row" class="row" aria-rowindex={at + 2} style={{ transform: `translateY(${at * ROW}px)` }}>
      <span role="cell">
        <a href={`#/clients/${client.n}`} class="mono" data-at={at} tabIndex={active ? 0 : -1} onFocus={focused}>
          {short(client.id)}
        </a>
        <i
          class={client.online ? 'dot on' : 'dot'}
          role="img"
          aria-label={client.online ? 'online' : 'away'}
          title={client.online ? 'online' : 'away'}
        />
      </span>
      <span role="cell">
        <Tag tone={TONES[client.status]}>
          {client.status}
          {client.status === 'quarantined' && ` to ${client.until}`}
        </Tag>
      </span>
      <span role="cell" class="c-group">
        {client.group}
      </span>
      <span role="cell" class="c-last">
        <Strip
          letters={client.history}
          label={`${client.counted} counted, ${client.dropped} dropped, ${client.excluded} left out`}
        />
      </span>
      <span role="cell" class="c-share num">
        {client.invited === 0 ? '–' : percent(share(client))}
      </span>
      <span role="cell" class="c-score">
        <Spark values={client.scores} top={2.5} label={`suspicion ${score}`} />
        <b class={score >= 1 ? 'bad' : ''}>{score.toFixed(1)}</b>
      </span>
    </div>
  );
}
