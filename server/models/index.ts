// Models with their provenance: signed manifests and the folders they lie in. Not here: other formats (client/tfjs/formats).

export {
  type Declaration,
  type DeclaredData,
  declare,
  isDeclaration,
  isDeclaredBy,
  MAX_SLICE_NAME,
  MAX_SLICES,
  MIN_SLICE_EXAMPLES,
  type Slice,
} from './declaration.js';
export {
  hashOfWeights,
  isModelFolder,
  MANIFEST_FILE,
  readBytes,
  readManifest,
  readModel,
  writeModel,
} from './folder.js';
export { type LoggedModel, modelFromLog } from './from-log.js';
export {
  isSignedBy,
  MODEL_FORMAT,
  type ModelManifest,
  type Provenance,
  parseManifest,
  type SignedManifest,
  signManifest,
} from './manifest.js';
