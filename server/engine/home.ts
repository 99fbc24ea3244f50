// One place that holds vectors: a worker thread, or this process. Requests are answered in the order in which they are made.
// Not here: what the requests do (workbench.ts, combine.ts) and which home holds what (engine.ts).

import { nativeKernels, nativePrimitives } from '../../protocol/native/index.js';
import type { GroupResult } from '../../protocol/round/types.js';
import type { Encoding, EngineResult } from '../../protocol/secagg/jobs.js';
import { createRuleKernels } from '../aggregate/index.js';
import { combine, stepModel } from './combine.js';
import type { InputBytes } from './inbox.js';
import type {
  AggregateResult,
  AggregateWork,
  DirectionResult,
  DirectionWork,
  ModelResult,
  ModelWork,
} from './types.js';
import { type HomeWork, type InputsResult, type RulePart, Workbench } from './workbench.js';

export type HomeRequest =
  /** `input`: complete, of the work's slot; it is the home's until it is `freed`. */
  | { readonly type: 'run'; readonly work: HomeWork; readonly input?: InputBytes }
  | { readonly type: 'inputs'; readonly groups: readonly GroupResult[]; readonly encoding: Encoding }
  | { readonly type: 'combine'; readonly work: Omit<AggregateWork, 'groups'>; readonly parts: readonly RulePart[] }
  | { readonly type: 'nextModel'; readonly work: ModelWork }
  | { readonly type: 'direction'; readonly work: DirectionWork }
  | { readonly type: 'forget'; readonly keep: readonly string[] }
  | { readonly type: 'held' };
interface Answers {
  /** `freed`: memory of an input, erased. */
  readonly run: { readonly result: EngineResult; readonly freed?: InputBytes };
  readonly inputs: InputsResult;
  readonly combine: AggregateResult;
  readonly nextModel: ModelResult;
  readonly direction: DirectionResult;
  readonly forget: null;
  readonly held: readonly string[];
}
export type AnswerTo<R extends HomeRequest> = Answers[R['type']];
export type HomeAnswer = Answers[HomeRequest['type']];

export interface Home {
  /** @param transfer buffers that belong to the home from now on. Rejects when the home is lost. */
  ask<R extends HomeRequest>(request: R, transfer?: readonly ArrayBuffer[]): Promise<AnswerTo<R>>;
  /** There will be work soon. */
  warm?(): void;
  /** It holds nothing, and there is nothing to do: gives its memory back. With the next request it is as new. */
  rest?(): Promise<void>;
  /** A lost home answers nothing any more. */
  readonly lost: boolean;
  close(): Promise<void>;
}

/** Both kinds of home answer with this. */
export class HomeServer {
  readonly #bench = new Workbench(nativePrimitives, nativeKernels());
  readonly #kernels = createRuleKernels();

  /** `transfer`: buffers of the answer that may move to the asking thread. */
  answer(request: HomeRequest): { readonly answer: HomeAnswer; readonly transfer: readonly ArrayBuffer[] } {
    switch (request.type) {
      case 'run': {
        const result = this.#bench.run(request.work, request.input);
        const freed = this.#bench.takeFreed();
        return { answer: { result, ...(freed && { freed }) }, transfer: [] };
      }
      case 'inputs': {
        const parts = request.groups.map((here) => ({ here }));
        const answer = this.#bench.inputs(parts, request.encoding);
        return { answer, transfer: answer.ok ? answer.inputs.map(({ vector }) => vector.buffer) : [] };
      }
      case 'combine': {
        const { work, parts } = request;
        const gathered = this.#bench.inputs(parts, work.encoding, this.#kernels.order.takeRows);
        const answer = gathered.ok ? combine(work, gathered.inputs, this.#kernels) : gathered;
        return { answer, transfer: answer.ok ? [answer.aggregate.buffer] : [] };
      }
      case 'nextModel': {
        const answer = stepModel(request.work, nativePrimitives);
        return { answer, transfer: answer.ok ? buffersOf(answer) : [] };
      }
      case 'direction': {
        const answer = this.#bench.direction(request.work);
        return { answer, transfer: answer.ok ? [answer.sketch.buffer] : [] };
      }
      case 'forget':
        this.#bench.forget(request.keep);
        return { answer: null, transfer: [] };
      case 'held':
        return { answer: this.#bench.held(), transfer: [] };
      default:
        return request satisfies never;
    }
  }
}

/** Each once: two views may share a buffer, and a buffer cannot be transferred twice. */
function buffersOf(answer: Extract<ModelResult, { ok: true }>): ArrayBuffer[] {
  const vectors: ArrayBufferView[] = [
    answer.after.weights,
    ...answer.after.optimizer.moments,
    answer.model.bytes,
    answer.aggregate.bytes,
  ];
  if (answer.optimizer !== undefined) vectors.push(answer.optimizer.bytes);
  return [...new Set(vectors.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : [])))];
}

/** A home in this process: for tests, and for coordinators of tiny models. Answers later, like a thread. */
export function localHome(): Home {
  const server = new HomeServer();
  let lost = false;
  return {
    get lost() {
      return lost;
    },
    async ask<R extends HomeRequest>(request: R) {
      if (lost) throw new Error('the home is closed');
      // safe: HomeServer answers each type of request with its type of answer
      return server.answer(request).answer as AnswerTo<R>;
    },
    async close() {
      lost = true;
    },
  };
}
