// Asks the admin API of a running coordinator, with a token or a one-time code. Every failure is a typed error with what to do.
// Not here: the API (server/http), what is made of the answers (from-api.ts).

import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type ErrorCode, SottoError } from '../../../protocol/errors.js';
import { isCode } from '../explain/page.js';
import type { Io } from '../io.js';

export interface Credentials {
  /** File that holds a token of `sotto keys token`. */
  readonly tokenFile?: string;
  /** One-time code that the coordinator printed; it is used up. */
  readonly code?: string;
  /** PEM file of the authority behind the certificate. */
  readonly ca?: string;
}
export interface AdminApi {
  /** @param path below /api, such as `/status` @throws ADMIN_*, TRANSPORT_CLOSED, TRANSPORT_SLOW */
  get(path: string): Promise<unknown>;
  post(path: string, body: object): Promise<unknown>;
  /** Bytes of any length, as they come. @throws as `get` */
  stream(path: string, take: (chunk: Buffer) => void): Promise<void>;
}

/** Where a coordinator on this machine listens when its settings do not say otherwise. */
export const DEFAULT_URL = 'http://127.0.0.1:8970';
/** Of one answer; the largest page is a few hundred kilobytes. */
const MAX_ANSWER_BYTES = 64 << 20;
const TIMEOUT_MS = 15_000;

export const isUrl = (text: string): boolean => /^(https?|wss?):\/\//.test(text) && URL.canParse(text);

/**
 * @param url http(s) or ws(s): clients and administrators share the port
 * @throws CONFIG_UNREADABLE where a file cannot be read; ADMIN_UNAUTHENTICATED where the code is not good
 */
export async function connectAdmin(url: string, credentials: Credentials, env: Io['env']): Promise<AdminApi> {
  const base = new URL(url.replace(/^ws/, 'http'));
  const ca = credentials.ca === undefined ? undefined : read(credentials.ca, '--ca');
  const token = tokenOf(credentials, env);
  let cookie: string | undefined;
  const ask = (method: 'GET' | 'POST', path: string, body?: object, take?: (chunk: Buffer) => void) =>
    exchange(base, method, `/api${path}`, {
      ...(token !== undefined && { token }),
      ...(cookie && { cookie }),
      ca,
      body,
      take,
    });
  if (token === undefined && credentials.code !== undefined) {
    const { setCookie } = await ask('POST', '/sign-in', { secret: credentials.code });
    cookie = setCookie;
  }
  return {
    get: async (path) => (await ask('GET', path)).value,
    post: async (path, body) => (await ask('POST', path, body)).value,
    stream: async (path, take) => void (await ask('GET', path, undefined, take)),
  };
}

/** A token in a file or the environment: arguments can be read by everybody on the machine. */
function tokenOf({ tokenFile, code }: Credentials, env: Io['env']): string | undefined {
  if (tokenFile !== undefined) return read(tokenFile, '--token-file').toString('utf8').trim();
  return code === undefined ? env.SOTTO_ADMIN_TOKEN?.trim() || undefined : undefined;
}

function read(file: string, field: string): Buffer {
  if (existsSync(file)) {
    try {
      return readFileSync(file);
    } catch (cause) {
      const why = cause instanceof Error && 'code' in cause ? cause.code : cause;
      throw new SottoError('CONFIG_UNREADABLE', `cannot read ${file}: ${why}`, { field });
    }
  }
  throw new SottoError('CONFIG_UNREADABLE', `cannot read ${file}: there is no such file`, { field });
}

interface Sent {
  readonly token?: string;
  readonly cookie?: string;
  readonly ca: Buffer | undefined;
  readonly body: object | undefined;
  /** Gets a good answer piece by piece; then there is no value. */
  readonly take: ((chunk: Buffer) => void) | undefined;
}

function exchange(
  base: URL,
  method: string,
  path: string,
  { token, cookie, ca, body, take }: Sent,
): Promise<{ value: unknown; setCookie: string | undefined }> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers: Record<string, string> = {
    accept: 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(cookie !== undefined && { cookie }),
    ...(payload !== undefined && {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(payload)),
    }),
  };
  const target = new URL(path, base);
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = send(target, { method, headers, timeout: TIMEOUT_MS, ...(ca && { ca }) }, (answer) => {
      const good = answer.statusCode === 200 || answer.statusCode === 202;
      if (good && take !== undefined) {
        answer.on('data', take);
        answer.on('error', (cause) => reject(unreachable(base, cause)));
        answer.on('end', () => resolve({ value: undefined, setCookie: undefined }));
        return;
      }
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) sent.destroy(new Error('the answer is too long'));
        chunks.push(chunk);
      });
      answer.on('error', (cause) => reject(unreachable(base, cause)));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const value = parsed(text);
        if (good) {
          if (value === undefined) reject(noCoordinator(base));
          else resolve({ value, setCookie: answer.headers['set-cookie']?.[0]?.split(';')[0] });
        } else reject(refusal(base, value));
      });
    });
    sent.on('timeout', () =>
      sent.destroy(new SottoError('TRANSPORT_SLOW', `${base.href} does not answer within 15 s`, {})),
    );
    sent.on('error', (cause) => reject(cause instanceof SottoError ? cause : unreachable(base, cause)));
    sent.end(payload);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(base: URL, cause: Error): SottoError {
  const code = 'code' in cause ? String(cause.code) : cause.message;
  const why =
    code === 'ECONNREFUSED'
      ? 'nothing listens there; start the coordinator, or give its address (a stopped one: its data directory)'
      : code === 'ENOTFOUND' || code === 'EAI_AGAIN'
        ? 'no machine has that name'
        : /CERT|SIGNATURE|ISSUER/.test(code)
          ? `its certificate is not trusted (${code}); give its authority with --ca`
          : code;
  return new SottoError('TRANSPORT_CLOSED', `cannot ask ${base.href}: ${why}`, { url: base.href });
}

const noCoordinator = (base: URL): SottoError =>
  new SottoError('CONFIG_INVALID', `${base.href} answers, and not as a coordinator of Sotto does; check the address`, {
    field: 'source',
  });

/** The error that the coordinator answered with, as its own. */
function refusal(base: URL, value: unknown): SottoError {
  const { error } = (value ?? {}) as { readonly error?: { readonly code?: unknown; readonly text?: unknown } };
  if (typeof error?.code !== 'string' || !isCode(error.code)) return noCoordinator(base);
  const how = error.code === 'ADMIN_UNAUTHENTICATED' ? HOW : '';
  return new SottoError(error.code satisfies ErrorCode, `${String(error.text)}${how}`, { url: base.href });
}
const HOW =
  '. Here: --token-file <file> or SOTTO_ADMIN_TOKEN with a token of `sotto keys token`, or --code with the one-time code';
