// Reads the report.json of a run back. Not here: writing it (runs.ts).

import { existsSync, readFileSync } from 'node:fs';
import { SottoError } from '../../../protocol/errors.js';
import type { RunReport } from './run-report.js';

/** @throws CONFIG_UNREADABLE where it is none */
export function readReport(file: string): RunReport {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    value = undefined;
  }
  const known =
    typeof value === 'object' && value !== null && 'rounds' in value && 'config' in value && 'stamp' in value;
  if (!known || !existsSync(file))
    throw new SottoError('CONFIG_UNREADABLE', `${file} is no report of a simulation`, { file });
  return value as RunReport;
}
