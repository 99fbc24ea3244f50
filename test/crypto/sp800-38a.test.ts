// AES-256-CTR. NIST SP 800-38A F.5.5 starts its counter at f0f1…ff and a mask stream at zero, so two things are shown: that
// the three ciphers under our streams are the CTR mode of F.5.5, and that our streams give the published encryptions of the
// counter blocks 0, 1 and 2: AESAVS (KeySbox, 256 bits, of the zero block), and GCM's test cases 13 and 14 (McGrew and Viega
// 2005; zero key: H = E(0), the tag of an empty message = E(1), the ciphertext of zeros = E(2)).
import { createCipheriv } from 'node:crypto';
import { ctr } from '@noble/ciphers/aes.js';
import { describe, expect, it } from 'vitest';
import { bytes, hex, KEYSTREAMS, range } from './implementations.js';

describe('SP 800-38A F.5.5', () => {
  const key = bytes('603deb1015ca71be2b73aef0857d7781 1f352c073b6108d72d9810a30914dff4');
  const counter = range(0xf0, 0xff);
  const plaintext = bytes(`
    6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
    30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710`);
  const ciphertext = hex(
    bytes(`
    601ec313775789a5b7a7f504bbf3d228 f443e3ca4d62b59aca84e990cacaf5c5
    2b0930daa23de94ce87017ba2d84988d dfc9c58db67aada613c2dd08457941a6`),
  );

  it('noble', () => expect(hex(ctr(key, counter).encrypt(plaintext))).toBe(ciphertext));
  it('node:crypto', () => expect(hex(createCipheriv('aes-256-ctr', key, counter).update(plaintext))).toBe(ciphertext));
  it('WebCrypto', async () => {
    const { subtle } = globalThis.crypto;
    const imported = await subtle.importKey('raw', key.slice(), 'AES-CTR', false, ['encrypt']);
    const algorithm = { name: 'AES-CTR', counter: counter.slice(), length: 128 };
    expect(hex(new Uint8Array(await subtle.encrypt(algorithm, imported, plaintext.slice())))).toBe(ciphertext);
  });
});

describe.each(KEYSTREAMS)('AES-256-CTR from a zero counter block, %s', (_, open) => {
  it.each([
    ['c47b0294dbbbee0fec4757f22ffeee3587ca4730c3d33b691df38bab076bc558', '46f2fb342d6f0ab477476fc501242c5f'],
    ['28d46cffa158533194214a91e712fc2b45b518076675affd910edeca5f41ac64', '4bf3b0a69aeb6657794f2901b1440ad4'],
    ['c1cc358b449909a19436cfbb3f852ef8bcb5ed12ac7058325f56e6099aab1a1c', '352065272169abf9856843927d0674fd'],
  ])('AESAVS KeySbox: key %s', async (key, block) => {
    expect(hex(await open('aes256ctr', bytes(key)).read(16))).toBe(block);
  });

  it('GCM test cases 13 and 14: counter blocks 0, 1 and 2 under the zero key', async () => {
    expect(hex(await open('aes256ctr', new Uint8Array(32)).read(48))).toBe(
      'dc95c078a2408989ad48a21492842087530f8afbc74536b9a963b4f1c4cb738bcea7403d4d606b6e074ec5d3baf39d18',
    );
  });
});
