// What an upgrade request must look like, and whose it is: sub-protocol, origin, address. Pure. Not here: sockets (listener.ts), how many
// may come from one address (connections.ts), who may come in once it has said who it is (access/).

import type { IncomingMessage } from 'node:http';
import { SUBPROTOCOL } from '../../protocol/wire/types.js';

export interface UpgradeRules {
  /**
   * Pages that may connect, exactly as browsers name them: `https://fl.example.org`. No list: any page may. A request without Origin is no
   * page and is never refused for it: no cookie or other ambient right counts here, a client proves its key.
   */
  readonly origins: readonly string[] | undefined;
  /** Header in which a proxy in front of us names the client, the last entry being its own. Without it a header says nothing. */
  readonly proxyHeader: string | undefined;
}

/** The HTTP status of a refusal, `undefined` for a request that may go on. */
export function refusalOf({ headers }: Pick<IncomingMessage, 'headers'>, rules: UpgradeRules): number | undefined {
  const { origin } = headers;
  if (origin !== undefined && rules.origins !== undefined && !rules.origins.includes(origin)) return 403;
  // RFC 6455 §4.2.1; node:http asks for it in ordinary requests only.
  if (headers.host === undefined) return 400;
  // Ours has one version (RFC 6455 §4.4); ws knows older ones.
  if (headers['sec-websocket-version'] !== '13') return 426;
  // It must be offered, and exactly: another version of ours is another name.
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.includes(SUBPROTOCOL) ? undefined : 400;
}

/** @param remote of the TCP connection */
export function addressOf({ headers }: Pick<IncomingMessage, 'headers'>, remote: string, rules: UpgradeRules): string {
  if (rules.proxyHeader === undefined) return plain(remote);
  const said = headers[rules.proxyHeader.toLowerCase()];
  // Everything before the last entry was said by the client itself.
  const last = (Array.isArray(said) ? said.join(',') : (said ?? '')).split(',').at(-1)?.trim();
  return last ? plain(last) : plain(remote);
}

/** IPv4 in IPv6 clothes is the same machine. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');

/** This machine's usual addresses: where its own fleets, and proxies that name nobody, come from. */
export const isThisMachine = (address: string): boolean => address === '127.0.0.1' || address === '::1';

/** Whether nobody beyond this machine can connect to a host that is listened on. A name may be any machine. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
