// sotto/client/browser: what a page keeps between visits, and how it comes back. Together with sotto/client it is all that a page
// needs, but for training (sotto/client/tfjs). No node:, no globals before a function is called.
export { Database } from './database.js';
export { type BrowserStore, keepStorage, openBrowserStore } from './store.js';
export { databaseGuards, databaseLedgers, databaseModels } from './stores.js';
export { wakeWithPage } from './wake.js';
