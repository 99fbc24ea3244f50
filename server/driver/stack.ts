// What the log says of a bug of ours. Not here: what peers are told, which is less.

export const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
