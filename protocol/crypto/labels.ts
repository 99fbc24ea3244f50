// Every domain-separation label, each with the protocol version inside. One thing, one label: a signature, hash or key made
// for one purpose can never be taken for another. Labels are always the first field of `enc`, whose length prefix makes
// them prefix-free. Not here: what is bound beside the label (the function that uses it says so).

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
  unmask: 'sotto/1 unmask',
  sketch: 'sotto/1 sketch',
  sketchMatrix: 'sotto/1 sketch matrix',
  rotation: 'sotto/1 rotation',
  sketchNonce: 'sotto/1 sketch nonce',
  // results and history
  transcript: 'sotto/1 transcript',
  aggregate: 'sotto/1 aggregate',
  model: 'sotto/1 model',
  modelManifest: 'sotto/1 model manifest',
  dataDeclaration: 'sotto/1 data declaration',
  chainRecord: 'sotto/1 chain record',
  blame: 'sotto/1 blame',
  auditEvent: 'sotto/1 audit event',
  auditHead: 'sotto/1 audit head',
  // session
  hello: 'sotto/1 hello',
  challenge: 'sotto/1 challenge',
  proof: 'sotto/1 proof',
  enrolmentToken: 'sotto/1 enrolment token',
  clientRotation: 'sotto/1 client rotation',
  // data structures
  vector: 'sotto/1 vector',
  chunk: 'sotto/1 chunk',
  blob: 'sotto/1 blob',
  merkleRoot: 'sotto/1 merkle root',
  rosterLeaf: 'sotto/1 roster leaf',
  groupRoster: 'sotto/1 group roster',
} as const;

export type Label = (typeof LABELS)[keyof typeof LABELS];
