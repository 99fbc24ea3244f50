// The second table of docs/limits.md: each rule about hostile peers, where it is enforced and which test would fail without it. Files
// that are named must exist. Used by tools/make-tables.mjs.

import { existsSync } from 'node:fs';

/** Rule, how it is kept, where, test. */
const RULES = [
  [
    'wss only beyond this machine',
    'refused at the start without TLS unless `insecure`',
    'server/driver/listener.ts',
    'test/access/listener.test.ts',
  ],
  [
    'RFC 6455, version 13, `sotto.v1` exactly',
    '400 or 426 before a websocket exists',
    'server/driver/upgrade.ts',
    'test/bars/rfc6455/cases.ts',
  ],
  [
    'no compression',
    '`perMessageDeflate: false`; an offer is not taken',
    'server/driver/listener.ts',
    'test/server/connections.test.ts',
  ],
  ['Origin allow-list', 'exact, in the upgrade: 403', 'server/driver/upgrade.ts', 'test/access/listener.test.ts'],
  ['header of an HTTP request', '8 KiB, half a one 5 s', 'server/driver/listener.ts', 'test/bars/rfc6455/cases.ts'],
  ['handshake', 'proof within 5 s of connecting', 'server/session/session.ts', 'test/server/connections.test.ts'],
  [
    'connections without proof',
    '1,024, of one address 64; TCP without websocket 2,048 and 128: 503 with `Retry-After`',
    'server/driver/connections.ts',
    'test/server/back-pressure.test.ts',
  ],
  [
    'handshakes',
    'beyond 288 in progress 350 a second; the others are told when to come back, and so is everybody at a stop',
    'server/driver/turnstile.ts',
    'test/server/turnstile.test.ts',
  ],
  [
    'one socket per identity',
    'the newest wins, the old one hears 4409',
    'server/driver/connections.ts',
    'test/server/connections.test.ts',
  ],
  ['revocation', 'closes a live socket at once', 'server/driver/gate.ts', 'test/access/enrolment.test.ts'],
  [
    'each message authorised',
    'table of what may be said in which state, default deny; then by phase in the round',
    'server/session/types.ts',
    'test/server/session.test.ts',
  ],
  ['rate', 'token bucket, control frames counted: 1008', 'server/driver/bucket.ts', 'test/server/limits.test.ts'],
  ['heartbeat', 'ping 20 s, dead at 45 s', 'server/driver/connection.ts', 'test/server/connections.test.ts'],
  [
    'back-pressure downwards',
    '1 MiB of blob chunks ahead, 4 MiB of messages, 60 s',
    'server/chain/blob-sender.ts',
    'test/server/back-pressure.test.ts',
  ],
  [
    'frame, fragments, buffered pieces',
    '320 KiB, 64, 4,096: 1009 or 1008',
    'server/driver/listener.ts',
    'test/bars/rfc6455/cases.ts',
  ],
  [
    'slow sockets',
    'bytes since the last whole message: 16 KiB before proof, 16 KiB/s from the third second on, 20 s, 256 MiB of all',
    'server/driver/guard.ts',
    'test/server/limits.test.ts',
  ],
  [
    'structure of a header',
    'one pass before MessagePack: depth 8, 4,096 values, 32 keys, lengths within the bytes left, no extension types',
    'protocol/wire/prescan.ts',
    'test/wire/prescan.test.ts',
  ],
  [
    'fields of a header',
    'strict schema of every kind, one encoding per message',
    'protocol/wire/schemas.ts',
    'test/wire/limits.test.ts',
  ],
  [
    'payload of a chunk',
    'length and SHA-256 as announced and signed',
    'protocol/round/phases/masked.ts',
    'test/protocol/hostile-client.test.ts',
  ],
  [
    'a chunk without credit',
    '`UPLOAD_NO_CREDIT`, 4422, named',
    'server/driver/credits.ts',
    'test/uploads/uploads.test.ts',
  ],
  [
    'a chunk again',
    'acknowledged, counted like a message; other bytes at a seen place are a violation',
    'server/driver/credits.ts',
    'test/uploads/uploads.test.ts',
  ],
  [
    'uploads at a time',
    '16 (more where inputs are small or clients slow), four chunks ahead each',
    'server/uploads/tickets.ts',
    'test/uploads/tickets.test.ts',
  ],
  [
    'memory of unfinished inputs',
    '256 MiB or a quarter of `memoryBytes`; inputs of lost connections make room first',
    'server/uploads/tickets.ts',
    'test/uploads/tickets.test.ts',
  ],
  [
    'inputs that must be kept whole',
    'half of `memoryBytes`, or the start is refused',
    'server/uploads/budget.ts',
    'test/uploads/tickets.test.ts',
  ],
  [
    'a stalled upload',
    '20 s of unused credit: `UPLOAD_STALLED`, 4408; resumes at the chunk that is missing',
    'server/uploads/tickets.ts',
    'test/uploads/uploads.test.ts',
  ],
  [
    'memory of the process',
    'resident bytes: 85 % nobody new, uploads one by one; 95 % strangers go',
    'server/driver/memory.ts',
    'test/server/limits.test.ts',
  ],
  [
    'the audit log under a flood',
    'each kind once by name and round, the rest as counts',
    'server/driver/offences.ts',
    'test/server/limits.test.ts',
  ],
];

export function enforcedTable() {
  for (const [rule, , ...files] of RULES)
    for (const file of files) if (!existsSync(file)) throw new Error(`${rule}: there is no ${file}`);
  return [
    '',
    '## Where rules about hostile peers are enforced',
    '',
    'Deliberately other than a first plan: a slow line is cut below 16 KiB/s and not 64 (a bad mobile uplink has 32), so an upload may stall for 20 s and not',
    '15: a chunk at the least rate takes 16.',
    '',
    '| rule | how | enforced in | tested in |',
    '|---|---|---|---|',
    ...RULES.map(([rule, how, where, test]) => `| ${rule} | ${how} | \`${where}\` | \`${test}\` |`),
  ];
}
