// sotto/client in Node: everything of the portable client, with node:crypto, `ws`, a worker thread for masking, and files.

export { nativeKeystream, nativePrimitives, nativeRng } from '../../protocol/native/index.js';
export * from '../index.js';
export { type CsvOptions, type CsvTable, csvDataset, readCsv } from './csv.js';
export { FederatedClient } from './federated-client.js';
export { fileGuards } from './file-guards.js';
export { loadOrCreateIdentity } from './file-identity.js';
export { fileLedgers } from './file-ledgers.js';
export { nodeTransport } from './websocket.js';
export { EngineThread, workerEngine } from './worker-engine.js';
