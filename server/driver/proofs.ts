// Who checks the signature of a handshake. On a clock of our own a thread of libuv's pool does, so that ten thousand clients that come back
// at once keep the event loop busy for a third less; where time is somebody else's (simulations), at once, so that a run can be replayed.
// Not here: what is signed (session/).

import { nativePrimitives, verifyInPool } from '../../protocol/native/index.js';
import type { ConnectionHandlers } from './connection.js';

type Verify = ConnectionHandlers['verify'];

/** At most as many wait for the pool as there may be connections that have not proven who they are. */
export const verifyLater: Verify = ({ publicKey, message, signature }, answer) =>
  verifyInPool(publicKey, message, signature, answer);

export const verifyAtOnce: Verify = ({ publicKey, message, signature }, answer) =>
  answer(nativePrimitives.verify(publicKey, message, signature));
