// One coordinator to a data directory: lmdb lets any number of processes write to one file, so we refuse the second ourselves.
// A lock names its owner (host, process, when that process started, boot) and a random token; it is taken over only where the owner
// is certainly gone. Not here: what the directory holds (open.ts).

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { SottoError } from '../../protocol/errors.js';

interface Owner {
  readonly pid: number;
  /** Clock ticks since boot at which the process started; 0 where the system does not say. Tells a reused pid apart. */
  readonly started: number;
  /** Of the kernel's boot; empty where the system does not say. */
  readonly boot: string;
  readonly host: string;
  readonly token: string;
}

export interface Lock {
  /** Idempotent. Leaves a lock alone that is no longer ours. */
  release(): void;
}

const MOST_TRIES = 100;

/** Tokens of this process: a second store in it is no stale one. */
const held = new Set<string>();

/** @throws STORE_LOCKED naming the owner and what to do; STORE_WRITE where the directory cannot be written */
export function takeLock(directory: string): Lock {
  const path = join(directory, 'lock');
  const own: Owner = {
    pid: process.pid,
    started: startOf(process.pid),
    boot: bootId(),
    host: hostname(),
    token: randomBytes(16).toString('hex'),
  };
  for (let tries = 0; ; tries++) {
    if (create(path, own)) break;
    const owner = read(path);
    // Gone while we looked; or a link that leads nowhere, which is there for ever.
    if (owner === 'gone') {
      if (tries < MOST_TRIES) continue;
      throw locked(path, undefined);
    }
    if (owner === undefined || tries > 3 || isAlive(owner, own)) throw locked(path, owner);
    // Two that find the same dead owner: each moves away what is there now, and looks whom it belonged to before it goes on.
    const aside = `${path}.${own.token}`;
    try {
      renameSync(path, aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw unwritable(path, error);
    }
    const moved = read(aside);
    if (moved !== undefined && moved !== 'gone' && moved.token !== owner.token) {
      // It was the other one's new lock: put it back.
      renameSync(aside, path);
      throw locked(path, moved);
    }
    rmSync(aside, { force: true });
  }
  held.add(own.token);
  return {
    release() {
      if (!held.delete(own.token)) return;
      const owner = read(path);
      if (owner !== undefined && owner !== 'gone' && owner.token === own.token) rmSync(path, { force: true });
    },
  };
}

/** Whole or not at all, whenever this process is killed: written beside its place, and linked into it. */
function create(path: string, own: Owner): boolean {
  const beside = `${path}.${own.token}${UNLINKED}`;
  try {
    writeWhole(beside, own);
  } catch (error) {
    throw unwritable(path, error);
  }
  try {
    linkSync(beside, path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // ENOENT: somebody has taken the lock meanwhile, and swept.
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    if (!LINKLESS.has(code)) throw unwritable(path, error);
    return createInPlace(path, own);
  } finally {
    rmSync(beside, { force: true });
  }
  sweep(path);
  return true;
}
const UNLINKED = '.new';
/** What file systems without hard links say (FAT, some that are shared). */
const LINKLESS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL']);

/** A kill between the two calls leaves half a lock, which a person has to delete. */
function createInPlace(path: string, own: Owner): boolean {
  try {
    writeWhole(path, own);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw unwritable(path, error);
  }
}

function writeWhole(path: string, own: Owner): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, JSON.stringify(own));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What others left that were killed before they linked. One that is still at it finds the lock taken. */
function sweep(path: string): void {
  const prefix = `${basename(path)}.`;
  for (const name of readdirSync(dirname(path)))
    if (name.startsWith(prefix) && name.endsWith(UNLINKED)) rmSync(join(dirname(path), name), { force: true });
}

/** `undefined`: there is something that is no lock of ours. */
function read(path: string): Owner | 'gone' | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : undefined;
  }
  try {
    const owner = JSON.parse(text) as Owner;
    return Number.isSafeInteger(owner.pid) && typeof owner.token === 'string' ? owner : undefined;
  } catch {
    // Not linked into its place (`create`): of an older version, of a file system without links, or somebody else's. Nobody can tell whose.
    return undefined;
  }
}

function isAlive(owner: Owner, own: Owner): boolean {
  if (held.has(owner.token)) return true;
  // Another machine, or another container on the same volume: its processes cannot be seen from here.
  if (owner.host !== own.host) return true;
  if (owner.boot !== '' && owner.boot !== own.boot) return false;
  // The same number, and not our token: that process was before us (the first process of a container that was restarted).
  if (owner.pid === own.pid) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const started = startOf(owner.pid);
  if (started === ZOMBIE) return false;
  return started === 0 || owner.started === 0 || started === owner.started;
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

const ZOMBIE = -1;

/** Field 22 of /proc/<pid>/stat (proc(5)); the name before it may hold spaces and brackets. 0 where the system does not say. */
function startOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? ZOMBIE : Number(fields[19] ?? 0);
  } catch {
    return 0;
  }
}

function locked(path: string, owner: Owner | undefined): SottoError {
  const who = owner === undefined ? 'a lock that cannot be read' : `process ${owner.pid} on ${owner.host}`;
  return new SottoError(
    'STORE_LOCKED',
    `${path} is held by ${who}; stop it, or delete that file if you know that it no longer runs`,
    owner === undefined ? { file: path } : { file: path, pid: owner.pid, host: owner.host },
  );
}

const unwritable = (path: string, error: unknown): SottoError =>
  new SottoError(
    'STORE_WRITE',
    `${path} could not be made: ${error instanceof Error ? error.message : String(error)}`,
    {
      file: path,
    },
  );
