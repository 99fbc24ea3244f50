// A record of the model chain as a row for people. Not here: the chain (chain/), the board (board.ts).

import { hashOf } from '../../protocol/ids.js';
import type { Link } from '../chain/store.js';
import type { ModelView, RoundView } from './view.js';

/** @param round the row of the round that made it (behind a roll-back the ancestor's), if it is still there */
export const linkRow = (
  index: number,
  { record, hash }: Link,
  round: RoundView | undefined,
  kept: boolean,
): ModelView => ({
  index,
  type: record.type,
  round: record.round,
  hash,
  model: hashOf(record.modelAfter),
  accuracy: round?.accuracy ?? null,
  loss: round?.loss ?? null,
  kept,
});
