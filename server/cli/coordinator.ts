// `sotto coordinator`: reads settings and identity, starts the coordinator, shows its rounds until the campaign is over.
// Not here: the coordinator (server/index.ts), its settings (server/config).

import { initialWeights, modelManifest } from '../../client/tfjs/spec.js';
import { nativeRng } from '../../protocol/native/index.js';
import { type CoordinatorSettings, loadCoordinatorSettings } from '../config/index.js';
import type { CoordinatorOptions as ServerOptions, startCoordinator } from '../index.js';
import { evaluatorOf } from './evaluate.js';
import { EXIT, type ExitCode } from './exit.js';
import { loadIdentityFile } from './identity-file.js';
import { colorsFor, type Io } from './io.js';
import { LiveLines } from './live.js';
import { stoppable } from './stop.js';
import { RunView } from './view.js';

export interface CoordinatorOptions {
  readonly json: boolean;
}
