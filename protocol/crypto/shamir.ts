// Shamir's secret sharing of short byte strings, bytewise over GF(2^8) (Shamir 1979; field of FIPS 197 §4.2).
// Not here: who gets a share, commitments to shares, and their encryption (secagg/). A share does not tell whether it is
// right; that is what the commitments are for.
//
// Secret bytes are only ever added and multiplied by public abscissas (gf256.ts), four at a time. For a clique of 64,
// t = 43, two secrets of 32 bytes: `npm run bench -- crypto` has the time.
import { SottoError } from '../errors.js';
import type { Rank } from '../ids.js';
import { gfInverse, gfMul, gfMulWord } from './gf256.js';
import type { Rng } from './primitives.js';

/** x = rank + 1 must be a non-zero byte. */
const MAX_SHARES = 255;

export interface RankedShare {
  readonly rank: Rank;
  readonly bytes: Uint8Array;
}

/**
 * Shares of `secret` for ranks 0 … n − 1, any `threshold` of which rebuild it; fewer say nothing about it.
 * Share of rank r = f(r + 1), one polynomial of degree threshold − 1 per byte with f(0) = the byte.
 * @param secret a multiple of 4 bytes (ours have 32); not changed.
 * @param rng must be a CSPRNG; (threshold − 1)·secret.length bytes are drawn in one call and wiped.
 * @throws CONFIG_THRESHOLD if not 2 ≤ threshold ≤ n ≤ 255: with threshold 1 every share is the secret
 */
export function splitSecret(secret: Uint8Array, threshold: number, n: number, rng: Rng): Uint8Array[] {
  if (!(Number.isInteger(threshold) && Number.isInteger(n) && threshold >= 2 && threshold <= n && n <= MAX_SHARES)) {
    throw new SottoError(
      'CONFIG_THRESHOLD',
      `threshold ${threshold} of ${n} shares: need 2 ≤ threshold ≤ n ≤ ${MAX_SHARES}`,
      {
        threshold,
        n,
      },
    );
  }
  const words = wordsOf(secret);
  const width = words.length;
  const random = rng((threshold - 1) * secret.length);
  if (random.length !== (threshold - 1) * secret.length) throw new RangeError('the rng gave a wrong number of bytes');
  const coefficients = wordsOf(random); // of x^1 … x^(t−1); row k is coefficients[k·width …]
  const shares: Uint8Array[] = [];
  const sum = new Uint32Array(width);
  for (let x = 1; x <= n; x++) {
    sum.fill(0);
    for (let k = threshold - 2; k >= 0; k--) {
      for (let w = 0; w < width; w++) {
        sum[w] = gfMulWord((sum[w] ?? 0) ^ (coefficients[k * width + w] ?? 0), x); // Horner
      }
    }
    for (let w = 0; w < width; w++) sum[w] = (sum[w] ?? 0) ^ (words[w] ?? 0);
    shares.push(bytesOf(sum));
  }
  for (const used of [words, coefficients, sum, random]) used.fill(0);
  return shares;
}

/**
 * λ_j with f(0) = Σ λ_j·f(x_j) for every polynomial of degree < ranks.length, x_j = rank_j + 1. Once per set of ranks.
 * @param ranks distinct, 0 … 254. @throws RangeError otherwise
 */
export function lagrangeAtZero(ranks: readonly Rank[]): Uint8Array {
  const xs = ranks.map((rank) => rank + 1);
  if (new Set(xs).size !== xs.length) throw new RangeError('a rank is given twice');
  if (xs.some((x) => !Number.isInteger(x) || x < 1 || x > MAX_SHARES)) throw new RangeError('a rank is not 0 … 254');
  return Uint8Array.from(xs, (x) => {
    let top = 1;
    let bottom = 1;
    for (const other of xs) {
      if (other === x) continue;
      top = gfMul(top, other); // 0 − x_m and x_j − x_m; subtraction is xor
      bottom = gfMul(bottom, x ^ other);
    }
    return gfMul(top, gfInverse(bottom));
  });
}

/**
 * The secret behind shares whose coefficients are known: share j belongs to `coefficients[j]`.
 * For many secrets shared among the same ranks this costs |ranks| word multiplications each.
 * @throws RangeError where counts or lengths differ
 */
export function combineWith(coefficients: Uint8Array, shares: readonly Uint8Array[]): Uint8Array {
  const length = shares[0]?.length ?? 0;
  if (shares.length !== coefficients.length || shares.some((share) => share.length !== length)) {
    throw new RangeError('one share per coefficient, all of one length');
  }
  const sum = new Uint32Array(length / 4);
  shares.forEach((share, j) => {
    const words = wordsOf(share);
    const by = coefficients[j] ?? 0;
    for (let w = 0; w < sum.length; w++) sum[w] = (sum[w] ?? 0) ^ gfMulWord(words[w] ?? 0, by);
    words.fill(0);
  });
  const secret = bytesOf(sum);
  sum.fill(0);
  return secret;
}

/**
 * The secret from at least `threshold` shares of distinct ranks. Uses the first `threshold` of them: more add nothing, and
 * whether a share is right must have been settled before (commitments). A repeated rank counts once.
 * @throws SECAGG_TOO_FEW_SHARES below the threshold; RangeError for a rank out of 0 … 254 or lengths that differ
 */
export function combineShares(shares: readonly RankedShare[], threshold: number): Uint8Array {
  const byRank = new Map<Rank, Uint8Array>();
  for (const { rank, bytes } of shares) if (!byRank.has(rank)) byRank.set(rank, bytes);
  if (!(threshold >= 2)) throw new RangeError(`threshold ${threshold} is below 2`);
  if (byRank.size < threshold) {
    throw new SottoError(
      'SECAGG_TOO_FEW_SHARES',
      `${byRank.size} shares of distinct ranks, the threshold is ${threshold}`,
      {
        shares: byRank.size,
        threshold,
      },
    );
  }
  const used = [...byRank].slice(0, threshold);
  return combineWith(
    lagrangeAtZero(used.map(([rank]) => rank)),
    used.map(([, bytes]) => bytes),
  );
}

/** Bytes to words in a fixed order whatever the machine's, so that `bytesOf` undoes it. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  if (bytes.length === 0 || bytes.length % 4 !== 0) throw new RangeError('a shared secret has a multiple of 4 bytes');
  const words = new Uint32Array(bytes.length / 4);
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.slice().buffer);
