// The inside of a training worker, whatever kind of worker it is: many trainers over shared arrays, one backend.
// Not here: threads and ports (node.ts, browser.ts), and the other end (pool.ts).

import { SottoError } from '../../../protocol/errors.js';
import type { Dataset } from '../../dataset.js';
import type { BackendOptions } from '../backend.js';
import type { ModelFactory } from '../model.js';
import type { ModelSpec } from '../spec.js';
import { type LocalTrainer, tfjsTrainer } from '../trainer.js';
import type { Answers, DataReference, FromWorker, Job, ModelModule, SentError, ToWorker } from './messages.js';

type Post = (message: FromWorker, transfer: readonly ArrayBuffer[]) => void;

/** Gives the function to call with each message that arrives. Calls are answered in the order in which they finish. */
export function hostTrainers(post: Post): (message: ToWorker) => void {
  const arrays = new Map<number, Float32Array | Uint8Array | Int32Array>();
  const trainers = new Map<string, LocalTrainer>();
  const running = new Map<number, AbortController>();
  let backend: BackendOptions = {};

  const dataset = (reference: DataReference): Dataset => {
    const { inputs, labels, ...rest } = reference;
    return {
      ...rest,
      inputs: arrays.get(inputs) as Dataset['inputs'],
      labels: arrays.get(labels) as Dataset['labels'],
    };
  };
  const open = (message: ToWorker & { type: 'open' }): void => {
    const { trainer, model, data, evaluation, seed } = message;
    trainers.set(
      trainer,
      tfjsTrainer({
        ...backend,
        model: 'module' in model ? importedFactory(model) : model,
        data: dataset(data),
        ...(evaluation && { evaluation: dataset(evaluation) }),
        ...(seed !== undefined && { seed }),
      }),
    );
  };
  const serve = async (call: number, trainer: string, job: Job): Promise<void> => {
    const abort = new AbortController();
    running.set(call, abort);
    try {
      const found = trainers.get(trainer);
      if (!found) throw new SottoError('INTERNAL', `the worker was not told of trainer '${trainer}'`);
      if (job.method === 'dispose') trainers.delete(trainer);
      const value = await perform(found, job, abort.signal);
      post({ type: 'done', call, value }, value !== undefined && 'update' in value ? [value.update.buffer] : []);
    } catch (error) {
      post({ type: 'failed', call, error: sent(error) }, []);
    } finally {
      running.delete(call);
    }
  };

  return (message) => {
    switch (message.type) {
      case 'backend':
        backend = { ...message.options, log: (line) => post({ type: 'log', line }, []) };
        return;
      case 'array':
        arrays.set(message.key, message.values);
        return;
      case 'open':
        open(message);
        return;
      case 'call':
        void serve(message.call, message.trainer, message.job);
        return;
      case 'abort':
        running.get(message.call)?.abort();
        return;
      default:
        message satisfies never;
    }
  };
}

async function perform(trainer: LocalTrainer, job: Job, signal: AbortSignal): Promise<Answers[keyof Answers]> {
  switch (job.method) {
    case 'init':
      return trainer.init(job);
    case 'train':
      return trainer.train(job.weights, { ...job.round, signal });
    case 'evaluate':
      return trainer.evaluate(job.weights);
    case 'dispose':
      await trainer.dispose();
      return undefined;
  }
}

function importedFactory({ module, name }: ModelModule): ModelFactory {
  return async () => {
    const found = (await import(/* @vite-ignore */ /* webpackIgnore: true */ module)) as Record<
      string,
      ModelFactory | ModelSpec | undefined
    >;
    const factory = found[name];
    if (typeof factory !== 'function')
      throw new SottoError('CONFIG_INVALID', `the module exports no function '${name}' that makes a model`);
    return factory();
  };
}

function sent(error: unknown): SentError {
  if (!(error instanceof SottoError)) return { message: error instanceof Error ? error.message : String(error) };
  // The constructor puts the code in front again on the other side.
  return { code: error.code, message: error.message.slice(error.code.length + 2), details: error.details };
}
