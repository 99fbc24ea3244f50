// Bodies and queries of requests, checked before anything reads them. Not here: what they mean (the routes).

import type { Context } from 'hono';
import * as v from 'valibot';
import { SottoError } from '../../protocol/errors.js';
import { MAX_ADMIN_BODY_BYTES } from '../../protocol/limits.js';

/** @throws ADMIN_INVALID naming the field */
export async function bodyOf<S extends v.GenericSchema>(c: Context, schema: S): Promise<v.InferOutput<S>> {
  return checked(await jsonOf(c), schema);
}

/** @throws ADMIN_INVALID naming the parameter */
export const queryOf = <S extends v.GenericSchema>(c: Context, schema: S): v.InferOutput<S> =>
  checked(c.req.query(), schema);

function checked<S extends v.GenericSchema>(value: unknown, schema: S): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = (issue?.path ?? []).map(({ key }) => String(key)).join('.') || 'the request';
  throw new SottoError('ADMIN_INVALID', `${field}: ${issue?.message ?? 'wrong'}`, { field });
}

/** Read piece by piece: a body that is too long is not collected first. */
async function jsonOf(c: Context): Promise<unknown> {
  const tooLong = new SottoError('ADMIN_INVALID', `the body has more than ${MAX_ADMIN_BODY_BYTES} bytes`);
  if (Number(c.req.header('content-length') ?? 0) > MAX_ADMIN_BODY_BYTES) throw tooLong;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const body: ReadableStream<Uint8Array> | null = c.req.raw.body;
  const reader = body?.getReader();
  for (let piece = await reader?.read(); piece !== undefined && !piece.done; piece = await reader?.read()) {
    bytes += piece.value.length;
    if (bytes > MAX_ADMIN_BODY_BYTES) {
      await reader?.cancel();
      throw tooLong;
    }
    pieces.push(piece.value);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw new SottoError('ADMIN_INVALID', 'the body is no JSON');
  }
}

const count = (most: number) =>
  v.pipe(v.string(), v.regex(/^\d{1,10}$/, 'a whole number'), v.transform(Number), v.maxValue(most, `at most ${most}`));
/** A number in a query; absent: `otherwise`. */
export const number = (otherwise: number, most: number = Number.MAX_SAFE_INTEGER) =>
  v.optional(count(most), String(otherwise));
