// sotto/client/tfjs: local training with TensorFlow.js. Importing it starts no backend and registers no kernel.
// Not here: the client core (sotto/client), which never imports TensorFlow.js.

export { checkDataset, type Dataset, exampleCount, exampleSize, shard, shareDataset } from '../dataset.js';
export { withMomentum } from '../momentum.js';
export { type BackendInfo, type BackendName, type BackendOptions, startBackend } from './backend.js';
export { layersFile, readLayersFile } from './formats/layers-file.js';
export { decodeNpz, encodeNpz } from './formats/npz.js';
export { decodeSafetensors, encodeSafetensors } from './formats/safetensors.js';
export { flattenTensors, type NamedTensor, tensorsOf } from './formats/tensors.js';
export { createModel, importLayers } from './imported.js';
export { installCpuKernels, installWasmKernels } from './kernels/install.js';
export { type ConvolutionOptions, type Layers, type NormalizationOptions, plainLayers } from './layers.js';
export { evaluateLocally, type LocalEvaluation, type LocalTraining, trainLocally } from './loop.js';
export {
  buildModel,
  type LayersModelLike,
  type LayerWeightLike,
  layersModel,
  loadWeights,
  type ModelFactory,
  readWeights,
  type TrainableModel,
} from './model.js';
export { type Random, seededRandom, shuffle, systemRandom } from './random.js';
export {
  type CnnSpec,
  type DescribedSpec,
  initialWeights,
  inputShape,
  type LayersSpec,
  type MlpSpec,
  type ModelSpec,
  modelManifest,
  type SoftmaxSpec,
} from './spec.js';
export { type LocalTrainer, type TfjsTrainerOptions, tfjsTrainer } from './trainer.js';
export type { ModelModule } from './worker/messages.js';
export {
  createTrainingPool,
  type PoolTrainerOptions,
  type TrainingPool,
  type TrainingPoolOptions,
  workerTrainer,
} from './worker/pool.js';
