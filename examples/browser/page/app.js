// The page: choose data, take part, see what happens and what leaves. Not here: drawing (draw.js), data (data.js), bytes (wire.js).
import { FederatedClient } from 'sotto/client';
import { openBrowserStore, wakeWithPage } from 'sotto/client/browser';
import { workerTrainer } from 'sotto/client/tfjs';
import { drawnDataset, loadShard, paint } from './data.js';
import { drawingPad } from './draw.js';
import { show } from './view.js';
import { watchedTransport } from './wire.js';

const $ = (id) => document.getElementById(id);
const LEAST_DRAWINGS = 10;

const view = show($);
const drawings = [];
const sent = { input: 0, shares: 0, rest: 0 };
let client;
let about;
let test;

async function load() {
  const response = await fetch('/federation.json');
  if (!response.ok) throw new Error(`the federation cannot be found (${response.status})`);
  about = await response.json();
  for (let i = 0; i < about.shards; i++) $('shard').append(new Option(`Notebook ${i + 1}: 600 digits`, String(i)));
  view.policy(about.policy);
  test = await loadShard('test');
  await preview();
}

async function preview() {
  const { inputs } = await loadShard($('shard').value);
  $('shard-preview').replaceChildren(
    ...Array.from({ length: 16 }, (_, i) => {
      const canvas = document.createElement('canvas');
      paint(canvas, inputs.subarray(784 * i, 784 * (i + 1)));
      return canvas;
    }),
  );
}

const source = () => document.querySelector('input[name=source]:checked').value;
async function chosenData() {
  return source() === 'shard' ? loadShard($('shard').value) : drawnDataset(drawings);
}

function seen({ kind, bytes, sample }) {
  const row = kind in sent ? kind : 'rest';
  sent[row] += bytes;
  view.sent(sent);
  if (sample !== undefined) view.sample(sample);
}

async function join() {
  view.problem();
  view.status('waiting', 'Getting ready…');
  const store = await openBrowserStore('digits');
  const trainer = workerTrainer({
    model: about.model,
    data: await chosenData(),
    evaluation: test,
    backend: 'wasm',
    wasmPaths: `${location.origin}/wasm/`,
    makeWorker: () => new Worker('/worker.js', { type: 'module' }),
  });
  view.identity(store.identity.id);
  const { identity, guards, ledgers, models } = store;
  client = new FederatedClient({
    url: about.url,
    coordinator: about.coordinator,
    task: about.task,
    policy: about.policy,
    trainer,
    identity,
    guards,
    ledgers,
    models,
    transport: watchedTransport(seen),
  });
  const spent = async () =>
    view.spent((await guards.load(about.coordinator, about.task))?.contributed ?? 0, about.policy);
  const measure = async (round) => {
    const { weights } = client.model ?? {};
    if (weights !== undefined) view.accuracy(round, (await trainer.evaluate(weights)).accuracy);
  };
  client.on('connected', () => view.status('waiting', 'Waiting for the others'));
  client.on('disconnected', ({ retryInMs }) => {
    if (retryInMs !== undefined)
      view.status('waiting', `No connection, trying again in ${Math.ceil(retryInMs / 1000)} s`);
  });
  client.on('round', (news) => {
    view.round(news);
    if (news.spent !== undefined) view.epsilon(news.spent);
    if (news.stage === 'ended') spent().catch(failed);
  });
  client.on('model', ({ round }) => measure(round).catch(() => undefined)); // training may be over, and the worker with it
  client.on('guard', ({ text }) => view.problem(`This page refused the coordinator: ${text}`));
  await spent();
  const sleepless = wakeWithPage(client);
  view.joined(true);
  client
    .run()
    .then(({ how }) => view.status('away', how === 'finished' ? 'The task is finished. Thank you!' : 'Not taking part'))
    .catch(failed)
    .finally(async () => {
      sleepless();
      await trainer.dispose();
      store.close();
      client = undefined;
      view.joined(false);
    });
}

function failed(error) {
  view.status('failed', 'Something went wrong');
  view.problem(error.message);
}

async function toggle() {
  const button = $('join');
  button.disabled = true;
  try {
    if (client === undefined) await join();
    else await client.stop('the visitor left');
  } catch (error) {
    failed(error);
  } finally {
    button.disabled = false;
    allow();
  }
}

function allow() {
  const missing = source() === 'draw' ? LEAST_DRAWINGS - drawings.length : 0;
  $('join').disabled = about === undefined || (client === undefined && missing > 0);
  $('drawn-count').textContent =
    drawings.length === 0
      ? 'Nothing drawn yet.'
      : `${drawings.length} drawn${missing > 0 ? `, ${missing} to go` : ''}.`;
}

const pad = drawingPad($('pad'), () => undefined);
for (let label = 0; label < 10; label++) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = String(label);
  button.addEventListener('click', () => {
    const pixels = pad.pixels();
    if (pixels === undefined) return;
    drawings.push({ pixels, label });
    const canvas = document.createElement('canvas');
    paint(canvas, pixels);
    $('drawn').append(canvas);
    $('drawn').setAttribute('aria-label', `Drawn: ${drawings.map((one) => one.label).join(', ')}`);
    pad.clear();
    allow();
  });
  $('labels').append(button);
}
$('clear').addEventListener('click', () => pad.clear());
$('join').addEventListener('click', toggle);
$('shard').addEventListener('change', () => preview().catch(failed));
for (const radio of document.querySelectorAll('input[name=source]'))
  radio.addEventListener('change', () => {
    $('shard-panel').hidden = source() !== 'shard';
    $('draw-panel').hidden = source() !== 'draw';
    allow();
  });
$('join').disabled = true;
load()
  .then(allow)
  .catch((error) => {
    view.status('failed', 'No federation here');
    view.problem(`${error.message}. Start it with “npm run example:browser”, then reload this page.`);
  });
