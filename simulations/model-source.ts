// From the `model` section of settings to what is built: sizes as they stand, or a model that was imported before, with the weights to
// start from. Not here: importing (server/cli/models), building (client/tfjs).

import { type DescribedSpec, initialWeights, type ModelSpec, modelManifest } from '../client/tfjs/spec.js';
import { SottoError } from '../protocol/errors.js';
import type { ModelSettings } from '../server/config/types.js';
import { readManifest, readModel } from '../server/models/folder.js';
import type { ModelManifest } from '../server/models/manifest.js';

export interface ModelSource {
  readonly model: ModelSpec;
  /** Folder of the weights to start from; absent: drawn from a seed. */
  readonly start?: string;
}

/**
 * @param resolved makes a path in the file absolute
 * @throws CONFIG_UNREADABLE, MODEL_MALFORMED, TRAIN_SHAPE
 */
export function modelSource(settings: ModelSettings, resolved: (path: string) => string): ModelSource {
  if (settings.kind !== 'imported') return { model: settings };
  const folder = resolved(settings.folder);
  const { manifest } = readManifest(`${folder}/manifest.json`);
  return { model: specOf(manifest, folder), start: folder };
}

/** Coordinates of the model that checked settings name, its paths absolute. @throws as modelSource */
export const dimensionOf = (model: ModelSettings): number =>
  modelManifest(modelSource(model, (path) => path).model).dimension;

/** @throws CONFIG_UNREADABLE, MODEL_MALFORMED, MODEL_UNPROVEN where the weights are not those of the manifest */
export function startWeights({ model, start }: ModelSource, seed: number | string): Float32Array<ArrayBuffer> {
  if (start !== undefined) return readModel(start).weights;
  return initialWeights(model as DescribedSpec, seed).weights; // safe: other models have a start
}

/** @throws MODEL_MALFORMED where the manifest describes no model that can be built */
export function specOf({ model, dimension }: ModelManifest, file: string): ModelSpec {
  const bad = (text: string) => new SottoError('MODEL_MALFORMED', `${file}: ${text}`, { file });
  if (model === null) throw bad('its manifest describes no model to build; give one with --model when you export it');
  const spec = model as unknown as ModelSpec;
  if (!isSpec(spec)) throw bad('its manifest describes a model of a kind that this Sotto does not know');
  if (modelManifest(spec).dimension !== dimension) throw bad('its manifest and its model differ in size');
  return spec;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;
const areCounts = (value: unknown): boolean => Array.isArray(value) && value.every(isCount);

/** Read from a file by others, so looked at field by field. */
function isSpec(value: ModelSpec): boolean {
  const fields = value as unknown as Readonly<Record<string, unknown>>;
  const { kind, input, classes, hidden, filters, kernel, topology, output, variables } = fields;
  if (!isCount(classes)) return false;
  switch (kind) {
    case 'softmax':
      return isCount(input);
    case 'mlp':
      return isCount(input) && areCounts(hidden);
    case 'cnn':
      return (
        areCounts(input) &&
        (input as unknown[]).length === 3 &&
        areCounts(filters) &&
        areCounts(hidden) &&
        (kernel === undefined || isCount(kernel))
      );
    case 'layers':
      return (
        areCounts(input) &&
        (output === 'logits' || output === 'probabilities') &&
        typeof topology === 'object' &&
        topology !== null &&
        Array.isArray(variables) &&
        (variables as readonly unknown[]).every(
          (variable) =>
            typeof variable === 'object' &&
            variable !== null &&
            'name' in variable &&
            typeof variable.name === 'string' &&
            'weight' in variable &&
            typeof variable.weight === 'string' &&
            'shape' in variable &&
            areCounts(variable.shape),
        )
      );
    default:
      return false;
  }
}
