// `sotto export`, `sotto verify` and `sotto doctor`: what they find, in plain words or as JSON. Not here: looking (server/audit,
// server/data).

import type { AuditEvent } from '../../protocol/audit/event.js';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId, Hash } from '../../protocol/ids.js';
import { type AuditExport, exportAudit, openExport } from '../audit/export.js';
import { type Verdict, verifyAudit } from '../audit/verify.js';
import { type Diagnosis, diagnose } from '../data/doctor.js';
import { readMarker } from '../data/layout.js';
import { openData } from '../data/open.js';
import { EXIT, type ExitCode } from './exit.js';
import { spent } from './format.js';
import { loadIdentityFile } from './identity-file.js';
import { colorsFor, type Io } from './io.js';
import { type Steps, withProgress } from './progress.js';

export interface DataOptions {
  readonly identity: string;
  readonly json: boolean;
}
export interface VerifyOptions {
  readonly coordinator?: string;
  readonly contains?: { readonly seq: number; readonly hash: string };
  readonly json: boolean;
}
export interface DoctorOptions {
  readonly restore: boolean;
  readonly json: boolean;
}

/** The coordinator must be stopped: its lock says so. @throws STORE_*, AUDIT_INVALID */
export async function exportAuditLog(data: string, folder: string, options: DataOptions, io: Io): Promise<ExitCode> {
  if (readMarker(data) === undefined)
    throw new SottoError(
      'STORE_MISSING',
      `${data} is no data directory of a coordinator; give the dataDir of its settings`,
      {
        directory: data,
      },
    );
  const identity = await loadIdentityFile(options.identity);
  const opened = await openData({ directory: data, identity, limitBytes: Number.MAX_SAFE_INTEGER });
  try {
    const counts = exportAudit(opened.store, identity.id, folder);
    const head = opened.store.head();
    const told = { folder, ...counts, head: head && { seq: head.seq, hash: head.hash } };
    if (options.json) io.stdout.write(`${JSON.stringify({ type: 'export', ...told })}\n`);
    else {
      io.stdout.write(`${counts.events} events and ${counts.blobs} blobs written to ${folder}\n`);
      io.stdout.write(`check it with: sotto verify ${folder} --coordinator ${identity.id}\n`);
    }
    return EXIT.ok;
  } finally {
    await opened.close();
  }
}

/** @returns failed where the log does not hold @throws AUDIT_INVALID */
export async function verify(folder: string, options: VerifyOptions, io: Io): Promise<ExitCode> {
  const { coordinator, contains } = options;
  const log = await openExport(folder);
  const verdict = await withProgress(io, { json: options.json, label: `verifying ${folder}` }, (steps) =>
    verifyAudit(
      { ...log, events: counted(log, steps) },
      {
        ...(coordinator !== undefined && { coordinator: coordinator as ClientId }),
        ...(contains !== undefined && { head: { seq: contains.seq, hash: contains.hash as Hash } }),
      },
    ),
  );
  if (options.json) {
    const head = verdict.head && { seq: verdict.head.seq, hash: verdict.head.hash };
    io.stdout.write(`${JSON.stringify({ type: 'verdict', ...verdict, head })}\n`);
  } else io.stdout.write(`${verdictLines(verdict, coordinator !== undefined, io).join('\n')}\n`);
  return verdict.ok ? EXIT.ok : EXIT.failed;
}

async function* counted({ events, read }: AuditExport, steps: Steps): AsyncIterable<AuditEvent> {
  for await (const event of events) {
    await steps.reached(read?.() ?? 0);
    yield event;
  }
}

function verdictLines(verdict: Verdict, keyKnown: boolean, io: Io): string[] {
  const paint = colorsFor(io.stdout, io.env);
  const { models, rounds, transcripts, privacy, head, keys } = verdict;
  const lines = [
    verdict.ok ? paint.green('the audit log holds together') : paint.red('THE AUDIT LOG DOES NOT HOLD TOGETHER'),
    ...verdict.problems.map((text) => `  ${paint.red('wrong')} ${text}`),
    `task         ${verdict.task ?? 'unknown'}`,
    `coordinator  ${verdict.coordinator}${keyKnown ? '' : '  (as the log says; --coordinator compares it with the key that you know)'}`,
    ...keys.slice(0, -1).map((key) => `before       ${key}, which has handed over`),
    `events       ${verdict.events}, with ${verdict.checkpoints} signed checkpoints; ${verdict.starts} starts, ${verdict.crashes} of them after a crash`,
    `rounds       ${rounds.committed} committed, ${rounds.void} void`,
    `transcripts  ${transcripts.recomputed} recomputed from the log${transcripts.notRecomputed === 0 ? '' : `; ${transcripts.notRecomputed} not, of an older log: who was refused is taken as it says`}`,
    `models       ${models.records} records; ${models.recomputed} recomputed bit by bit, ${models.notRecomputed} by hash and signature alone, ${models.rollBacks} roll-backs`,
  ];
  if (models.newest !== undefined) lines.push(`newest model ${models.newest}`);
  if (privacy.spent.length === 0) lines.push('privacy      the log claims no differential privacy');
  for (const { statement, epsilon, delta, client } of privacy.spent) {
    lines.push(
      `privacy      ε = ${spent(epsilon, 3)} at δ = ${delta} for a ${statement.unit}, against the ${statement.observer}; most spent: client ${client.slice(0, 8)}`,
    );
  }
  lines.push(
    'not checked  whether a sum is of what clients sent, and whether others were shown the same log: clients sign the one, heads tell the other',
  );
  if (head !== undefined)
    lines.push(
      `head         ${head.seq}:${head.hash}  (keep it: --contains finds out whether a later log goes on from it)`,
    );
  return lines;
}

/** @returns failed where something is wrong and was not put right @throws STORE_LOCKED, STORE_MISSING, STORE_CORRUPT */
export async function doctor(data: string, options: DoctorOptions, io: Io): Promise<ExitCode> {
  const diagnosis = await withProgress(io, { json: options.json, label: `looking at ${data}` }, () =>
    diagnose(data, options.restore),
  );
  if (options.json) io.stdout.write(`${JSON.stringify({ type: 'diagnosis', ...diagnosis })}\n`);
  else io.stdout.write(`${diagnosisLines(diagnosis, io).join('\n')}\n`);
  const { wrong, restored, rewroteMarker } = diagnosis;
  return wrong === undefined || restored !== undefined || rewroteMarker === true ? EXIT.ok : EXIT.failed;
}

function diagnosisLines(diagnosis: Diagnosis, io: Io): string[] {
  const paint = colorsFor(io.stdout, io.env);
  const { wrong, badBlobs, badRows, backups, restored, directory, events } = diagnosis;
  const lines = [
    wrong === undefined ? paint.green(`${directory} is sound: ${events} events`) : paint.red(`${directory}: ${wrong}`),
    ...badBlobs.map((name) => `blob ${name} is damaged and is not served`),
    ...badRows.map((key) => `state row ${key} is damaged: the events make something else of it`),
    ...backups.map(({ path, seq, wrong: bad }) => `backup ${path}, up to event ${seq}: ${bad ?? 'sound'}`),
  ];
  if (backups.length === 0) lines.push('there is no backup yet');
  if (diagnosis.rewroteMarker === true) lines.push('sotto-store.json was written anew; nothing else was wrong');
  else if (restored !== undefined) {
    lines.push(
      `restored from ${restored.from}; what was there is in ${restored.aside}`,
      `everything after event ${restored.seq} is lost; the next round is ${restored.lastRound + 1}, so that no number is used twice`,
      'what those rounds may have spent of privacy budgets is charged with the next start, to everybody who is known',
      `${restored.salvaged} clients and tokens keep what the damaged database said against them`,
    );
  } else if (wrong !== undefined && backups.some((one) => one.wrong === undefined)) {
    lines.push(`go back to the newest sound backup with: sotto doctor ${directory} --restore`);
  }
  return lines;
}
