// Domain-separation labels of what is kept: the log, models, access; and of parts that a page loads when a task uses them. Apart from the
// others (labels.ts) so that the core of a client in a browser does not carry them. The same rules hold for all.

export const RECORD_LABELS = {
  // the log of a coordinator
  transcript: 'sotto/1 transcript',
  auditEvent: 'sotto/1 audit event',
  auditHead: 'sotto/1 audit head',
  handOver: 'sotto/1 hand-over',
  // models for others
  modelManifest: 'sotto/1 model manifest',
  dataDeclaration: 'sotto/1 data declaration',
  // access
  enrolmentToken: 'sotto/1 enrolment token',
  clientRotation: 'sotto/1 client rotation',
  // loaded with a task's clauses
  sketchMatrix: 'sotto/1 sketch matrix',
  rotation: 'sotto/1 rotation',
} as const;
