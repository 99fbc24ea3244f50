// The table of authority: every action × phase × role, asked of the real handler, against a grid that people can read. The grid is
// written by hand: a line too many or a phase too many in the code shows here. What clients may send is session.test.ts.

import { beforeAll, describe, expect, it } from 'vitest';
import { nativeRng } from '../../protocol/native/index.js';
import type { Role } from '../../server/board/view.js';
import { CAMPAIGN_TRANSITIONS, type CampaignPhase } from '../../server/campaign/types.js';
import { Access, hashToken, newToken } from '../../server/http/access.js';
import { createApp } from '../../server/http/app.js';
import { ACTIONS, READS, ROLES } from '../../server/http/authority.js';
import type { Running } from '../../server/http/context.js';

const PHASES = Object.keys(CAMPAIGN_TRANSITIONS) as CampaignPhase[];
/** v, o, a: from which role on; a dot: nobody. Columns as PHASES: waiting running publishing judging pausing rollingBack stopping ended. */
const GRID: Readonly<Record<string, string>> = {
  pause: 'oooooo..',
  resume: 'oooooo..',
  drain: 'oooooo..',
  quarantine: 'oooooo..',
  appeal: 'oooooooo',
  'log-level': 'oooooooo',
  stop: 'oooooooo',
  ban: 'oooooooo',
  exclude: 'aaaaaa..',
  revoke: 'aaaaaaaa',
  readmit: 'aaaaaaaa',
  'new-token': 'aaaaaaaa',
  'revoke-token': 'aaaaaaaa',
  'roll-back': 'aaaaaa..',
  pin: 'aaaaaaaa',
};
const CLIENT = 'ab'.repeat(32);
const BODIES: Readonly<Record<string, object>> = {
  quarantine: { client: CLIENT, rounds: 1 },
  exclude: { client: CLIENT },
  appeal: { client: CLIENT, granted: true },
  ban: { client: CLIENT },
  revoke: { client: CLIENT },
  readmit: { client: CLIENT },
  'new-token': { uses: 1, days: 1 },
  'revoke-token': { token: CLIENT },
  'roll-back': { to: 0 },
  pin: { round: 0 },
  'log-level': { level: 'info' },
};
const WHO = ['nobody', ...ROLES] as const;
const tokens = new Map<Role, string>(ROLES.map((role) => [role, newToken(nativeRng)]));

/** A coordinator that does nothing but say in which phase it is, and write down what it is asked for. */
let phase: CampaignPhase = 'waiting';
let done: string[] = [];
const noted = (name: string) => async () => {
  done.push(name);
  return { text: 'sotto-token-x', hash: CLIENT, expires: 0 };
};
const admin = new Proxy(
  { status: () => ({ phase }) },
  { get: (own, name) => (name === 'status' ? own.status : noted(String(name))) },
);
const newTokenNoted = () => {
  done.push('newToken');
  return { expires: 0 };
};
const access = new Proxy({}, { get: (_, name) => (name === 'newToken' ? newTokenNoted : noted(String(name))) });
const board = { table: { all: () => [{ id: CLIENT, status: 'banned' }], get: () => undefined } };
const app = createApp({
  settings: { tokens: [], listenHost: '127.0.0.1', setLogLevel: () => void done.push('setLogLevel') },
  access: new Access({
    tokens: ROLES.map((role) => ({ name: role, role, sha256: hashToken(tokens.get(role) ?? '') })),
    random: nativeRng,
    now: () => 0,
  }),
  running: () => ({ coordinator: { admin, access, stop: noted('stop') }, attached: { board } }) as unknown as Running,
});
async function ask(path: string, who: (typeof WHO)[number], body?: object): Promise<number> {
  done = [];
  const headers = {
    'content-type': 'application/json',
    ...(who !== 'nobody' && { authorization: `Bearer ${tokens.get(who)}` }),
  };
  const request = new Request(`http://127.0.0.1/api/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers,
    ...(body && { body: JSON.stringify(body) }),
  });
  return (await app.fetch(request)).status;
}

describe('actions', () => {
  it('the grid names every action and every phase of the code, and the code no other', () => {
    expect(Object.keys(ACTIONS).sort()).toEqual(Object.keys(GRID).sort());
    for (const line of Object.values(GRID)) expect(line).toHaveLength(PHASES.length);
  });

  const cases = Object.entries(GRID).flatMap(([action, line]) =>
    PHASES.flatMap((at, i) => WHO.map((who) => ({ action, at, who, least: line[i] ?? '.' }))),
  );
  it(`all ${cases.length} of action × phase × role: what is allowed is done, and of what is not nothing is`, async () => {
    for (const { action, at, who, least } of cases) {
      phase = at;
      const status = await ask(`actions/${action}`, who, { ...BODIES[action], reason: 'because' });
      const rank = 'voa'.indexOf(least);
      const role = WHO.indexOf(who) - 1;
      // The role is told before the phase: a viewer learns nothing of what would be possible.
      const roleMay = role >= 'voa'.indexOf(ACTIONS[action as keyof typeof ACTIONS].least[0] ?? '');
      const expected = role < 0 ? 401 : !roleMay ? 403 : rank < 0 ? 409 : action === 'stop' ? 202 : 200;
      if (rank >= 0) expect(roleMay, `${action}: the role of the code is not that of the grid`).toBe(role >= rank);
      expect(status, `${action} while ${at} by ${who}`).toBe(expected);
      expect(done.length > 0, `${action} while ${at} by ${who}: ${done}`).toBe(expected < 300);
    }
  });

  it.each(['', 'nothing', 'constructor', '__proto__', 'pause/x', 'Pause', 'roll-back%2f'])(
    'an action that is in no line is refused to administrators too: %j',
    async (action) => {
      phase = 'waiting';
      expect(await ask(`actions/${action}`, 'admin', { reason: 'because' })).toBe(404);
      expect(done).toEqual([]);
    },
  );
});

describe('what may be read', () => {
  const VIEWERS =
    'feed status rounds clients clients/:id groups alerts stops privacy models models/:hash audit audit/export';
  const ADMINS = 'audit/blobs audit/blobs/:hash';
  let allowed: Map<string, Role>;
  beforeAll(() => {
    allowed = new Map([
      ...VIEWERS.split(' ').map((name) => [name, 'viewer'] as const),
      ...ADMINS.split(' ').map((name) => [name, 'admin'] as const),
    ]);
  });

  it('the list names every route of the code, and the code no other', () => {
    expect(new Map(Object.entries(READS))).toEqual(allowed);
  });
  it('nobody sees more than the role', async () => {
    for (const [name, least] of allowed) {
      for (const who of WHO) {
        const status = await ask(name.replace(/:\w+/, CLIENT), who);
        const may = WHO.indexOf(who) >= WHO.indexOf(least);
        const refused = status === 401 || status === 403;
        expect(refused, `${name} by ${who}: ${status}`).toBe(!may);
      }
    }
  });
});
