// What happens when a client's connection says something: check-in, round messages, requests for the chain and its blobs, offences,
// the end. Passes each on to whom it concerns. Not here: what a connection may say at all (session/), the bytes (connection.ts).

import type { ClientId, Hash, Millis } from '../../protocol/ids.js';
import type { CampaignEvent } from '../campaign/types.js';
import { chainAfter, wantedBlob } from '../chain/serve.js';
import type { ChainStore } from '../chain/store.js';
import { faultOf } from '../session/session.js';
import type { ClientRequest } from '../session/types.js';
import type { Connection, ConnectionHandlers } from './connection.js';
import type { Connections } from './connections.js';
import type { ClientNotice, Logger, Part } from './options.js';
import type { Reporter } from './reporter.js';
import type { RoundRunner } from './round-runner.js';

export interface ClientDesk {
  readonly connections: Connections;
  readonly store: ChainStore;
  readonly reporter: Reporter;
  readonly log: Logger;
  readonly now: () => Millis;
  /** The latest attempt, running or over. */
  readonly runner: () => RoundRunner | undefined;
  readonly campaign: (event: CampaignEvent) => void;
  readonly notify: (notice: ClientNotice) => void;
  /** A member said its part of a phase; whether the round takes it is the round's business. */
  readonly heard: (client: ClientId, part: Part) => void;
  /** It is in; by this token where it was not before. */
  readonly enrol: (client: ClientId, token: Hash | undefined) => void;
  readonly durably: (work: () => void) => void;
  readonly verify: ConnectionHandlers['verify'];
}

export function clientHandlers(desk: ClientDesk): ConnectionHandlers {
  const { connections, reporter, log, notify } = desk;
  return {
    authenticated(connection, client, agent, token) {
      desk.enrol(client, token);
      if (connections.authenticated(connection, client) !== undefined) notify({ type: 'replaced', client });
      log.debug({ client, agent }, 'connected');
      notify({ type: 'connected', client, agent });
    },
    durably: desk.durably,
    verify: desk.verify,
    request: (connection, client, message) => onRequest(desk, connection, client, message),
    offence(_, offence) {
      log.warn(offence, 'a peer broke the protocol');
      notify({ type: 'offence', ...offence });
      const { client, code } = offence;
      // A bad network, or a busy machine of ours, does the same: its connection is lost, and it may come back and go on where it was.
      if (code === 'TRANSPORT_SLOW') return;
      // Somebody who is not connected under that name has done nothing to the round.
      if (client === undefined || connections.of(client) === undefined) return;
      reporter.offence(client, code);
      desk.runner()?.ban(client);
      desk.campaign({ type: 'offended', client, code, now: desk.now() });
    },
    complaint(client, code, text, run) {
      log.warn({ client, code, text }, 'a client complains');
      notify({ type: 'complaint', client, code, text });
      // A client that has ended its part is as good as gone: nobody waits for it until the phase's deadline.
      if (run !== undefined) desk.runner()?.withdraw(client, run);
    },
    ended(connection) {
      const client = connections.ended(connection);
      if (client !== undefined) leave(desk, client);
    },
    broken(error) {
      log.error({ error: String(error) }, 'the session machine threw; please report it');
    },
  };
}

/** The message with which a member does its part of a phase. */
const PARTS: Readonly<Partial<Record<ClientRequest['kind'], Part>>> = {
  keys: 'keys',
  shares: 'shares',
  masked: 'masked',
  plain: 'masked',
  sketch: 'sketch',
  consistent: 'consistency',
  unmask: 'unmask',
};

function onRequest(desk: ClientDesk, connection: Connection, client: ClientId, message: ClientRequest): void {
  switch (message.kind) {
    case 'checkIn':
      desk.campaign({ type: 'joined', client, now: desk.now() });
      // A member of the running round goes on where it was.
      desk.runner()?.back(client);
      break;
    case 'leave':
      desk.runner()?.left(client);
      leave(desk, client);
      break;
    case 'wantChain':
      connection.send(chainAfter(desk.store, message) ?? faultOf('SESSION_UNKNOWN_BLOB'));
      break;
    case 'want': {
      const blob = wantedBlob(desk.store, message);
      if (blob === undefined) connection.send(faultOf('SESSION_UNKNOWN_BLOB'));
      else if (!connection.blobs.want(blob)) connection.send(faultOf('SESSION_BUSY'));
      break;
    }
    default: {
      const part = PARTS[message.kind];
      if (part !== undefined) desk.heard(client, part);
      desk.runner()?.message(client, message);
    }
  }
}

function leave(desk: ClientDesk, client: ClientId): void {
  desk.runner()?.gone(client);
  desk.campaign({ type: 'left', client, now: desk.now() });
  desk.notify({ type: 'left', client });
}
