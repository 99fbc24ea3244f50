// RFC 8439, "ChaCha20 and Poly1305": the AEAD of §2.8.2, and the key streams of appendix A.1 that have a zero nonce, which
// is how a mask stream is opened. (§2.4.2 has another nonce; no stream of ours can be opened with one.)
import { describe, expect, it } from 'vitest';
import { bytes, hex, KEYSTREAMS, PRIMITIVES, range } from './implementations.js';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe.each(PRIMITIVES)('RFC 8439 §2.8.2, %s', (_, crypto) => {
  const key = range(0x80, 0x9f);
  const nonce = bytes('07000000 4041424344454647');
  const aad = bytes('50515253c0c1c2c3c4c5c6c7');
  const plaintext = text(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  );
  const box = bytes(`
    d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
    3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
    92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
    3ff4def08e4b7a9de576d26586cec64b6116 1ae10b594f09e26a7e902ecbd0600691`);

  it('seals to the ciphertext and tag of the RFC, and opens them', () => {
    expect(hex(crypto.seal(key, nonce, aad, plaintext))).toBe(hex(box));
    expect(hex(crypto.open(key, nonce, aad, box))).toBe(hex(plaintext));
  });
});

const STREAMS = [
  [
    '#1',
    '00'.repeat(32),
    0,
    `76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7
     da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586`,
  ],
  [
    '#2',
    '00'.repeat(32),
    1,
    `9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed
     29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f`,
  ],
  [
    '#3',
    `${'00'.repeat(31)}01`,
    1,
    `3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a
     8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0`,
  ],
  [
    '#4',
    `00ff${'00'.repeat(30)}`,
    2,
    `72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca
     13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096`,
  ],
] as const;

describe.each(KEYSTREAMS)('RFC 8439 A.1, %s', (_, open) => {
  it.each(STREAMS)('test vector %s', async (_name, key, counter, expected) => {
    const stream = open('chacha20', bytes(key));
    await stream.read(64 * counter);
    expect(hex(await stream.read(64))).toBe(hex(bytes(expected)));
  });
});
