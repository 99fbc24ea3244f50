// The frozen round (protocol.md §9.5): byte for byte the same with native and with portable cryptography, with both kernels, and in
// a bundle that runs where there is no Node. A change of these bytes is a change of the protocol.

import { readFileSync } from 'node:fs';
import { createContext, Script } from 'node:vm';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { portablePrimitives } from '../../protocol/crypto/portable.js';
import { fromHex } from '../../protocol/ids.js';
import { nativeKernels, nativeKeystream, nativePrimitives } from '../../protocol/native/index.js';
import { decodeFrame } from '../../protocol/wire/frame.js';
import { replay, type Transcript } from './replay.js';

const golden = JSON.parse(readFileSync('test/golden/round-n4.json', 'utf8')) as Transcript;

describe('the frozen round of four clients', () => {
  it('is replayed by node:crypto and WebAssembly kernels', () => {
    expect(replay(nativePrimitives, nativeKeystream, nativeKernels())).toEqual(golden);
  });

  it('is replayed by noble and plain JavaScript', () => {
    expect(replay(portablePrimitives)).toEqual(golden);
  });

  it('is replayed by a bundle in a context that has nothing of Node', async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: ['dist/test/protocol/replay.js'],
      bundle: true,
      write: false,
      metafile: true,
      platform: 'browser',
      format: 'iife',
      globalName: 'golden',
      logLevel: 'silent',
    });
    expect(Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter(({ external }) => external))).toEqual(
      [],
    );
    const context = createContext({ TextDecoder, TextEncoder, Uint8Array });
    const script = `${outputFiles[0]?.text ?? ''}; JSON.stringify(golden.replay(golden.portablePrimitives))`;
    expect(JSON.parse(String(new Script(script).runInContext(context)))).toEqual(golden);
  });

  it('holds every message of a round with a dropout, and each frame decodes', () => {
    const kinds = golden.frames.map((line) => {
      const [client, way, hex = ''] = line.split(' ');
      const decoded = decodeFrame(fromHex(hex));
      return decoded.ok ? `${client} ${way} ${decoded.message.kind}` : `${line.slice(0, 9)}: ${decoded.code}`;
    });
    const count = (kind: string) => kinds.filter((line) => line.endsWith(` ${kind}`)).length;
    expect(
      [
        'announce',
        'keys',
        'keyBook',
        'shares',
        'shareBook',
        'masked',
        'inputChunk',
        'survivors',
        'consistent',
        'unmaskRequest',
        'unmask',
      ].map(count),
    ).toEqual([4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3]);
    expect(golden.survivors).toHaveLength(3);
  });

  it('opened the sum of the three that stayed', () => {
    const level = (seed: number, i: number) => (((seed + 1) * 7919 + i * 104_729) % 255) - 127;
    expect(golden.sum).toEqual([0, 1, 2, 3, 4, 5].map((i) => level(0, i) + level(1, i) + level(2, i)));
  });
});
