// Everything that viewers may ask for: rows of the board, the live feed, models, one client with its evidence, the audit log.
// Not here: changing anything (action-routes.ts), what the rows say (board/).

import { Hono } from 'hono';
import * as v from 'valibot';
import { SottoError } from '../../protocol/errors.js';
import { type ClientId, type Hash, isHex32 } from '../../protocol/ids.js';
import { MAX_AUDIT_PAGE } from '../../protocol/limits.js';
import { READS, type ReadName } from './authority.js';
import { number, queryOf } from './body.js';
import type { Desk, Env, RouteContext } from './context.js';
import { needs } from './guard.js';

const page = v.strictObject({ from: number(0), limit: number(100, 1_000) });
const auditPage = v.strictObject({
  before: number(0),
  limit: number(50, MAX_AUDIT_PAGE),
  type: v.optional(v.pipe(v.string(), v.regex(/^[a-z-]{0,40}$/, 'the type of an event')), ''),
});
const clientPage = v.strictObject({
  from: number(0),
  limit: number(100, 1_000),
  status: v.optional(
    v.picklist(['active', 'quarantined', 'banned', 'revoked'], 'active, quarantined, banned or revoked'),
  ),
});

export function readRoutes(desk: Desk): Hono<Env> {
  const routes = new Hono<Env>();
  const table = () => desk.running().attached.board.table;
  const fresh = () => desk.running().attached.refresh();
  /** What is not in the table is no route. */
  const get = (name: ReadName, answer: (c: RouteContext) => Response) =>
    routes.get(`/${name}`, needs(desk, READS[name]), answer);

  get('feed', (c) => {
    const stream = desk.running().feed.open(c.req.header('last-event-id'));
    if (stream === undefined) throw new SottoError('ADMIN_BUSY', 'too many dashboards watch already; close one');
    return c.body(stream, 200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // A proxy that collects the stream would hold it back.
      'x-accel-buffering': 'no',
    });
  });

  get('status', (c) => {
    fresh();
    const rows = table();
    return c.json({
      task: rows.get('task'),
      status: rows.get('status'),
      cohort: rows.get('cohort') ?? null,
      live: rows.all('live'),
    });
  });
  get('rounds', (c) => {
    const { from, limit } = queryOf(c, page);
    return c.json({
      rounds: table()
        .all('round')
        .filter(({ round }) => round >= from)
        .slice(0, limit),
    });
  });
  get('clients', (c) => {
    const { from, limit, status } = queryOf(c, clientPage);
    fresh();
    const all = table()
      .all('client')
      .filter((one) => one.n >= from && (status === undefined || one.status === status));
    return c.json({ clients: all.slice(0, limit), more: all.length > limit });
  });
  get('clients/:id', (c) => {
    const id = c.req.param('id') ?? '';
    const row = table()
      .all('client')
      .find((one) => one.id === id);
    if (row === undefined) throw new SottoError('ADMIN_UNKNOWN_CLIENT', 'no client with that id has been here');
    const ledger = desk
      .running()
      .coordinator.admin.monitor()
      .clients.get(id as ClientId);
    const stops = table()
      .all('stop')
      .filter(({ client }) => client === row.n);
    return c.json({ client: row, ledger: ledger ?? null, stops });
  });
  get('groups', (c) => c.json({ groups: table().all('group') }));
  get('alerts', (c) => c.json({ alerts: table().all('alert').reverse() }));
  get('stops', (c) => c.json({ stops: table().all('stop').reverse() }));
  get('privacy', (c) => c.json({ privacy: table().get('privacy') ?? null }));

  get('models', (c) => {
    fresh();
    return c.json({ models: table().all('model') });
  });
  get('models/:hash', (c) => {
    const hash = c.req.param('hash') ?? '';
    // Blobs of other kinds (aggregates, optimiser states) are nobody's download.
    const model =
      isHex32(hash) &&
      table()
        .all('model')
        .find((one) => one.model === hash);
    const bytes = model ? desk.running().coordinator.admin.blob(hash as Hash) : undefined;
    if (!model || bytes === undefined)
      throw new SottoError('ADMIN_UNKNOWN', 'no model with that hash is kept; older ones make way for newer ones');
    return c.body(Uint8Array.from(bytes), 200, {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="round-${model.round}-${hash.slice(0, 12)}.f32"`,
    });
  });

  get('audit', (c) => {
    const { before, limit, type } = queryOf(c, auditPage);
    return c.json(auditOf(desk).page(before, limit, type));
  });
  get('audit/export', (c) => {
    const lines = auditOf(desk).lines()[Symbol.iterator]();
    const encoder = new TextEncoder();
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        for (let i = 0; i < 256; i++) {
          const { value, done } = lines.next();
          if (done) return controller.close();
          controller.enqueue(encoder.encode(value));
        }
      },
    });
    return c.body(stream, 200, {
      'content-type': 'application/jsonl',
      'content-disposition': `attachment; filename="${table().get('task')?.task ?? 'sotto'}-audit.jsonl"`,
    });
  });
  /** What `sotto admin export` needs beside the log to make the same folder as `sotto export`. */
  get('audit/blobs', (c) => {
    auditOf(desk);
    return c.json({ blobs: desk.running().coordinator.admin.blobs() });
  });
  get('audit/blobs/:hash', (c) => {
    auditOf(desk);
    const hash = c.req.param('hash') ?? '';
    const bytes = isHex32(hash) ? desk.running().coordinator.admin.blob(hash as Hash) : undefined;
    if (bytes === undefined) throw new SottoError('ADMIN_UNKNOWN', 'no blob with that hash is kept, or it is damaged');
    return c.body(Uint8Array.from(bytes), 200, { 'content-type': 'application/octet-stream' });
  });
  return routes;
}

function auditOf(desk: Desk) {
  const { audit } = desk.running();
  if (audit !== undefined) return audit;
  throw new SottoError(
    'ADMIN_UNKNOWN',
    'this coordinator keeps no audit log; give it a data directory (`data` in its settings)',
  );
}
