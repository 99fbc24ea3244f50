// Why the coordinator closes a websocket: one code per kind of reason, in the range that RFC 6455 §7.4.2 leaves to applications.
// docs/ lists this table. The codes say little on purpose: the log has the error code and the details.
// Codes that ws itself sends: 1009 (frame over MAX_FRAME_BYTES), 1002 and 1007 (no RFC 6455), 1008 (too many fragments).

import type { ErrorCode } from '../../protocol/errors.js';

export const CLOSE = {
  /** The task is finished, or the client said goodbye. */
  done: 1000,
  /** The coordinator shuts down; come back later. */
  goingAway: 1001,
  /** More messages than anybody has reason to send. */
  policy: 1008,
  /** The bytes are no frame of sotto/1. */
  malformed: 4400,
  /** The proof of identity is wrong. */
  unauthenticated: 4401,
  /** The identity is not on the roster, or was excluded. */
  forbidden: 4403,
  /** No such task. */
  unknownTask: 4404,
  /** A message that this state of the connection, or this role, may not send. */
  unexpected: 4405,
  /** It did not authenticate, or take its messages, in time. */
  tooSlow: 4408,
  /** A newer connection of the same identity took over. Do not reconnect because of it. */
  replaced: 4409,
  /** The frame, its header or a section is over its limit. */
  tooLarge: 4413,
  /** A contribution to a round that proves a broken or hostile client. */
  violation: 4422,
  /** Another protocol version. */
  version: 4426,
  /** No room for another connection; come back later. */
  busy: 4429,
  /** A fault of the coordinator. */
  internal: 4500,
} as const;
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

/** The close code that goes with an error for which a connection ends. */
export function closeCodeOf(code: ErrorCode): CloseCode {
  switch (code) {
    case 'WIRE_MALFORMED':
    case 'WIRE_SCHEMA':
    case 'WIRE_UNKNOWN_TYPE':
      return CLOSE.malformed;
    case 'WIRE_VERSION':
      return CLOSE.version;
    case 'WIRE_TOO_LARGE':
      return CLOSE.tooLarge;
    case 'AUTH_BAD_PROOF':
    case 'AUTH_WRONG_COORDINATOR':
    case 'AUTH_TOKEN':
    case 'AUTH_ROTATION':
      return CLOSE.unauthenticated;
    case 'AUTH_NOT_ENROLLED':
    case 'AUTH_REVOKED':
    case 'SESSION_EXCLUDED':
      return CLOSE.forbidden;
    case 'AUTH_TIMEOUT':
    case 'TRANSPORT_SLOW':
    case 'UPLOAD_STALLED':
      return CLOSE.tooSlow;
    case 'AUTH_REPLACED':
      return CLOSE.replaced;
    case 'SESSION_FLOOD':
      return CLOSE.policy;
    case 'SESSION_UNEXPECTED':
      return CLOSE.unexpected;
    case 'SESSION_UNKNOWN_TASK':
      return CLOSE.unknownTask;
    case 'SESSION_BUSY':
      return CLOSE.busy;
    case 'INTERNAL':
      return CLOSE.internal;
    default:
      return CLOSE.violation;
  }
}
