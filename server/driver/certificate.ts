// The coordinator's own TLS certificate: read, checked by use, and read again when the files change. Not here: what listens
// (listener.ts), certificates of a proxy in front of it, which are the proxy's.

import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { SottoError } from '../../protocol/errors.js';

/** Paths of PEM files. */
export interface CertificateFiles {
  /** The certificate, and after it those of the authorities between. */
  readonly cert: string;
  readonly key: string;
}
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: 'TLSv1.3';
}

/** Between two looks at the files, ms. */
const WATCH_MS = 10_000;

/** @throws CONFIG_UNREADABLE where a file cannot be read; CONFIG_INVALID where they are no certificate and its key */
export function readCertificate(files: CertificateFiles): Certificate {
  const read = (name: keyof CertificateFiles): Buffer => {
    try {
      return readFileSync(files[name]);
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
      const text = `cannot read ${files[name]}: ${code === 'ENOENT' ? 'there is no such file' : code}`;
      throw new SottoError('CONFIG_UNREADABLE', text, { field: `listen.tls.${name}` });
    }
  };
  const pair = { cert: read('cert'), key: read('key'), minVersion: 'TLSv1.3' } as const;
  try {
    createSecureContext(pair);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const text = `${files.cert} and ${files.key} are no certificate and its key in PEM form: ${why}`;
    throw new SottoError('CONFIG_INVALID', text, { field: 'listen.tls' });
  }
  return pair;
}

/** Calls `changed` some seconds after one of the files has. Does not keep the process alive. @returns how to end it */
export function watchCertificate({ cert, key }: CertificateFiles, changed: () => void): () => void {
  for (const path of [cert, key]) watchFile(path, { interval: WATCH_MS, persistent: false }, changed);
  return () => {
    for (const path of [cert, key]) unwatchFile(path, changed);
  };
}
