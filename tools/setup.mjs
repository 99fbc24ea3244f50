// What `npm start`, `npm test` and `npm run bench` run first: checks Node, installs the packages of the lock file, compiles.
// Does nothing that is done already, says nothing unless it takes long or fails, and may run several times at once.
// Not here: what ships (package.json "files"). It uses nothing but Node, since nothing is installed yet.

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, lstatSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const LOCK = '.setup.lock';
/** Longest time to wait for another set-up, ms. A first `npm ci` on a slow line takes minutes. */
const LOCK_WAIT_MS = 15 * 60_000;
/** A lock without a number is being written; older than this its writer died, ms. */
const EMPTY_MS = 10_000;

/** @returns what is wrong with this version of Node for the range `>=a.b`, or undefined */
export function nodeProblem(version, range) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  const [needMajor, needMinor] = range.replace('>=', '').split('.').map(Number);
  if (major > needMajor || (major === needMajor && minor >= (needMinor ?? 0))) return undefined;
  return `Sotto needs Node ${range.replace('>=', '')} or newer, this is ${version}. Install a current one, then run the command again.`;
}

/**
 * Compares package-lock.json with what npm wrote down about node_modules after the last complete install. Contents, not times:
 * a checkout changes times, and an install that was cut off leaves no record. Optional packages of other platforms may be absent.
 * @returns why an install is needed, or undefined
 */
export function installProblem(root) {
  const modules = join(root, 'node_modules');
  if (!existsSync(modules)) return 'there is no node_modules';
  // A shared directory (a git worktree whose node_modules is a link) belongs to whoever made it.
  if (lstatSync(modules).isSymbolicLink()) return undefined;
  const record = join(modules, '.package-lock.json');
  if (!existsSync(record)) return 'the last install did not finish';
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(record, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link) continue;
    const found = present[path];
    if (found === undefined) {
      if (!entry.optional && !entry.devOptional) return `${path} is missing`;
    } else if (found.version !== entry.version)
      return `${path} is ${found.version}, the lock file has ${entry.version}`;
  }
  return undefined;
}

/** Runs `work` while no other process does; waits for one that lives, takes over from one that died. */
export function withLock(path, work, waitMs = LOCK_WAIT_MS) {
  const end = Date.now() + waitMs;
  while (!create(path)) {
    if (ownerOf(path) === 'dead') bury(path);
    else if (Date.now() > end) {
      throw new Error(`another set-up has held ${path} for ${waitMs / 60_000} minutes; remove the file if none runs`);
    } else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  try {
    return work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** @returns whether the file was not there before and now holds our number */
function create(path) {
  try {
    const file = openSync(path, 'wx');
    writeFileSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function ownerOf(path) {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    // Created, but its number not yet written: give it time.
    if (pid === 0) return Date.now() - lstatSync(path).mtimeMs < EMPTY_MS ? 'alive' : 'dead';
    process.kill(pid, 0);
    return 'alive';
  } catch (error) {
    // No such file: it was given back between two looks. No such process: it died.
    return error.code === 'ESRCH' ? 'dead' : 'alive';
  }
}

/**
 * Removes the lock of a dead owner. Two that saw the same dead owner must not both remove: the second would take away the lock
 * that the first has made since. So a second file decides who removes, and whoever has it looks again.
 */
function bury(path) {
  const spade = `${path}.taking-over`;
  if (!create(spade)) {
    if (ownerOf(spade) === 'dead') rmSync(spade, { force: true });
    return;
  }
  try {
    if (ownerOf(path) === 'dead') rmSync(path, { force: true });
  } finally {
    rmSync(spade, { force: true });
  }
}

function attempt(command, args, root) {
  return spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32' && command !== process.execPath,
    maxBuffer: 1 << 28,
  });
}

function run(what, command, args, root) {
  const result = attempt(command, args, root);
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}\n`);
  const why = result.error ? `: ${result.error.message}` : ` with exit code ${result.status}`;
  throw new Error(`${what} failed${why} (${command} ${args.join(' ')})`);
}

/**
 * Install scripts stay off: no dependency needs one, and an install should not run code of strangers.
 * `npm ci` refuses a lock file that was written where the registry lacked the builds of some other platform (EUSAGE, "Missing …
 * from lock file"); `npm install --no-save` takes the same versions, checks the same hashes and leaves the lock file alone.
 */
function install(root) {
  const script = process.env.npm_execpath;
  const [npm, first] = script?.endsWith('.js') ? [process.execPath, [script]] : ['npm', []];
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const strict = attempt(npm, [...first, 'ci', ...quiet], root);
  if (strict.status === 0) return;
  if (/EUSAGE/.test(strict.stderr ?? '')) run('npm install', npm, [...first, 'install', '--no-save', ...quiet], root);
  else run('npm ci', npm, [...first, 'ci', ...quiet], root);
}

/** The compiler never deletes: a test whose source is gone would still run. */
function removeStaleTests(root, folder = 'test') {
  const compiled = join(root, 'dist', folder);
  if (!existsSync(compiled)) return;
  for (const entry of readdirSync(compiled, { withFileTypes: true })) {
    if (entry.isDirectory()) removeStaleTests(root, join(folder, entry.name));
    else if (entry.name.endsWith('.test.js') && !existsSync(join(root, folder, entry.name.replace(/\.js$/, '.ts')))) {
      rmSync(join(compiled, entry.name));
    }
  }
}

export function setup(root, say = (line) => process.stderr.write(`${line}\n`)) {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const problem = nodeProblem(process.version, engines.node);
  if (problem) throw new Error(problem);
  withLock(join(root, LOCK), () => {
    const reason = installProblem(root);
    if (reason) {
      say(`sotto: installing packages (${reason}); once, about a minute`);
      install(root);
    }
    if (!existsSync(join(root, 'dist'))) say('sotto: compiling; once, some seconds');
    run('the compiler', process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'], root);
    run('bundling the dashboard', process.execPath, [join(root, 'tools', 'build-dashboard.mjs')], root);
    removeStaleTests(root);
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    setup(fileURLToPath(new URL('..', import.meta.url)));
  } catch (error) {
    process.stderr.write(`sotto: ${error.message}\n`);
    process.exitCode = 1;
  }
}
