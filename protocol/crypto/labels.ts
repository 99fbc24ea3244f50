// Every domain-separation label, each with the protocol version inside. One thing, one label: a signature, hash or key made
// for one purpose can never be taken for another. Labels are always the first field of `enc`, whose length prefix makes
// them prefix-free. Not here: what is bound beside the label (the function that uses it says so), the labels of what no page needs
// before its first round (record-labels.ts).

import type { RECORD_LABELS } from './record-labels.js';

/** Spoken on the wire and inside every label. */
export const PROTOCOL_VERSION = 'sotto/1';

export const LABELS = {
  // contexts
  ctx: 'sotto/1 ctx',
  gctx: 'sotto/1 gctx',
  roster: 'sotto/1 roster',
  config: 'sotto/1 config',
  // keys derived from an agreement or a secret
  channelKey: 'sotto/1 channel key',
  pairMask: 'sotto/1 pair mask',
  selfMask: 'sotto/1 self mask',
  // shares, their commitments, and the box they travel in
  shareB: 'sotto/1 share b',
  shareS: 'sotto/1 share s',
  shareBox: 'sotto/1 share box',
  commitB: 'sotto/1 commit b',
  // signed messages of a round
  announce: 'sotto/1 announce',
  keys: 'sotto/1 keys',
  shares: 'sotto/1 shares',
  complaint: 'sotto/1 complaint',
  masked: 'sotto/1 masked',
  plain: 'sotto/1 plain',
  survivors: 'sotto/1 survivors',
  sketch: 'sotto/1 sketch',
  sketchNonce: 'sotto/1 sketch nonce',
  // results and history
  chainRecord: 'sotto/1 chain record',
  // session
  challenge: 'sotto/1 challenge',
  proof: 'sotto/1 proof',
  // data structures
  vector: 'sotto/1 vector',
  blob: 'sotto/1 blob',
  merkleRoot: 'sotto/1 merkle root',
  groupRoster: 'sotto/1 group roster',
} as const;

export type Label = (typeof LABELS)[keyof typeof LABELS] | (typeof RECORD_LABELS)[keyof typeof RECORD_LABELS];
