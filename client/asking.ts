// Answers the questions of the core (protocol/crypto/asking.ts): at once where the answerer can, else later.
// Not here: the answers (web-keys.ts; synchronous primitives answer for themselves).
import type { Answer, Answerer, Asking } from '../protocol/crypto/asking.js';

/** Runs to the end. A promise only if some answer was one: with synchronous primitives nothing is put off. */
export function runAsking<T>(asking: Asking<T>, answerer: Answerer): T | Promise<T> {
  let step = asking.next();
  while (!step.done) {
    const answer = answerer(step.value);
    if (answer instanceof Promise) return finish(asking, answer, answerer);
    step = asking.next(answer);
  }
  return step.value;
}

async function finish<T>(asking: Asking<T>, first: Promise<Answer>, answerer: Answerer): Promise<T> {
  let step = asking.next(await first);
  while (!step.done) step = asking.next(await answerer(step.value));
  return step.value;
}
