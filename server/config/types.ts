// What the settings of a coordinator look like once they are read, checked and filled in: nothing optional that means "later".
// Not here: the fields of a file and their documentation (fields.ts), the signed settings of a task (protocol/task.ts).

import type { TaskConfig } from '../../protocol/task.js';
import type { RosterPolicy } from '../access/access.js';
import type { DataSettings } from '../audit/durable.js';
import type { CampaignSettings } from '../campaign/types.js';
import type { ListenSettings } from '../driver/listener.js';
import type { AdminToken } from '../http/access.js';
import type { MonitorSettings } from '../monitor/index.js';
import type { IncidentSettings } from './incidents.js';

export type { CampaignSettings };

/**
 * A model that both sides can build from its description alone. `dimensionOf` counts its coordinates.
 * `mlp`: dense layers with ReLU between them. `cnn`: 3x3 convolutions with ReLU and 2x2 max-pooling, then dense layers.
 */
export type ModelSettings =
  | { readonly kind: 'softmax'; readonly input: number; readonly classes: number }
  | { readonly kind: 'mlp'; readonly input: number; readonly hidden: readonly number[]; readonly classes: number }
  | {
      readonly kind: 'cnn';
      /** Height, width, channels. */
      readonly input: readonly [number, number, number];
      readonly filters: readonly number[];
      readonly hidden: readonly number[];
      readonly classes: number;
    }
  /** Lies in a folder with its first weights (server/models). */
  | { readonly kind: 'imported'; readonly folder: string };

/** Everything `sotto coordinator` needs. The drivers get `task`, `listen`, `roster` and `campaign` as they are. */
export interface CoordinatorSettings {
  readonly task: TaskConfig;
  readonly model: ModelSettings;
  /** What the first model is drawn from. Public: every client checks the genesis record, and weights at random reveal nothing. */
  readonly modelSeed: number;
  readonly listen: ListenSettings;
  readonly roster: RosterPolicy;
  readonly campaign: CampaignSettings;
  /** Administrators by their tokens' hashes. */
  readonly admins: readonly AdminToken[];
  readonly incidents: IncidentSettings;
  readonly monitor: MonitorSettings;
  /** Path of the file with the coordinator's identity. */
  readonly identityFile: string;
  /** Where state outlives the process; `none`: nowhere. */
  readonly data: 'none' | DataSettings;
  readonly memoryBytes?: number;
  /** Data to measure the model on after each round, by the coordinator itself. */
  readonly evaluate: 'none' | 'mnist' | 'spam';
}
