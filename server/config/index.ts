// Reads the settings of a coordinator. Documented in docs/configuration.md, which is made from fields.ts.
// Not here: the settings of simulations (simulations/config.ts); starting anything (server/index.ts).

import { dirname, resolve } from 'node:path';
import type { TaskConfig } from '../../protocol/task.js';
import { coordinatorSchema, type TaskSettings, taskSchema } from './fields.js';
import { checkSettings, parseSettings, readSettings } from './load.js';
import { checkTask, fillCoordinator, fillTask } from './profiles.js';
import type { CoordinatorSettings, ModelSettings } from './types.js';

export type { TaskSettings } from './fields.js';
export type { CampaignSettings, CoordinatorSettings, ModelSettings } from './types.js';

/** Counts the coordinates of a described model. Handed in, because the server knows no models. */
export type DimensionOf = (model: ModelSettings) => number;

/**
 * @param path of a YAML or JSON file; paths inside are relative to it
 * @throws CONFIG_UNREADABLE, CONFIG_INVALID, and every CONFIG_* of deriveTask
 */
export function loadCoordinatorSettings(path: string, dimensionOf: DimensionOf): CoordinatorSettings {
  return parseCoordinatorSettings(readSettings(path), path, dimensionOf);
}

/** The same from a text; `name` stands for the file in messages and as the base of relative paths. */
export function parseCoordinatorSettings(text: string, name: string, dimensionOf: DimensionOf): CoordinatorSettings {
  return parseSettings(text, name, coordinatorSchema, (file) => {
    const resolved = (path: string): string => resolve(dirname(name), path);
    const { model } = file;
    const found = model.kind === 'imported' ? { ...model, folder: resolved(model.folder) } : model;
    const filled = fillCoordinator({ ...file, model: found }, dimensionOf(found), resolved);
    checkTask(filled.task);
    return filled;
  });
}

/**
 * A task written in code: the settings of a file with `dimension` in place of `model`, checked and filled in by its profile alike.
 * @throws CONFIG_INVALID, and every CONFIG_* of deriveTask
 */
export function defineTask(task: TaskSettings): TaskConfig {
  return checkSettings(
    task,
    () => 'task',
    'task',
    taskSchema,
    (file) => {
      const filled = fillTask(file, file.dimension);
      checkTask(filled);
      return filled;
    },
  );
}
