// Requests to the coordinator. Every failure is a text for people. Not here: the live feed (feed.ts).

import type { Me } from '../board/view.js';
import { me, skew, toast } from './state.js';

export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

/** @throws ApiError */
export async function ask<T>(path: string, body?: object): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method: body === undefined ? 'GET' : 'POST',
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(0, 'the coordinator does not answer');
  }
  const date = Date.parse(answer.headers.get('date') ?? '');
  if (Number.isFinite(date) && Math.abs(date - Date.now()) > 2_000) skew.value = date - Date.now();
  const value: unknown = await answer.json().catch(() => undefined);
  if (answer.ok) return value as T;
  if (answer.status === 401 && path !== '/api/sign-in') me.value = 'none';
  const text = (value as { error?: { text?: string } } | undefined)?.error?.text;
  throw new ApiError(answer.status, text ?? `the coordinator answered ${answer.status}`);
}

export async function whoAmI(): Promise<void> {
  try {
    me.value = await ask<Me>('/api/me');
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 0) me.value = 'none';
  }
}

/** Says how it ended. @returns whether it was done */
export async function act(action: string, body: object, done: string): Promise<boolean> {
  try {
    await ask(`/api/actions/${action}`, body);
    say(done);
    return true;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
    return false;
  }
}

let clearing: ReturnType<typeof setTimeout> | undefined;
export function say(says: string, bad = false): void {
  toast.value = { says, bad };
  clearTimeout(clearing);
  clearing = setTimeout(() => {
    toast.value = undefined;
  }, 8_000);
}
