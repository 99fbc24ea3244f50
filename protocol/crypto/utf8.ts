// Text to bytes and back, strictly as RFC 3629 has it. The core has no TextEncoder (lib es2022), and TextEncoder would
// replace a lone surrogate by U+FFFD: two different strings would then sign alike. Not here: escaping, normalisation.

/** Whether every surrogate of the string has its other half, so that it has a UTF-8 form. Schemas ask this of remote text. */
export function isWellFormed(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(i + 1); // NaN past the end, which no comparison accepts
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false;
    i++;
  }
  return true;
}

/** Bytes that `utf8Encode` will give. @throws RangeError on a lone surrogate */
export function utf8Length(text: string): number {
  if (!isWellFormed(text)) throw new RangeError('a string with a lone surrogate has no UTF-8 form');
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit >= 0xd800 && unit <= 0xdbff) {
      length += 4;
      i++;
    } else length += 3;
  }
  return length;
}

/** RFC 3629 §3, no byte order mark. @throws RangeError on a lone surrogate: check remote text with `isWellFormed` first */
export function utf8Encode(text: string): Uint8Array {
  const out = new Uint8Array(utf8Length(text));
  let at = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) {
      out[at++] = code;
    } else if (code < 0x800) {
      out[at++] = 0xc0 | (code >> 6);
      out[at++] = 0x80 | (code & 0x3f);
    } else if (code < 0x10000) {
      out[at++] = 0xe0 | (code >> 12);
      out[at++] = 0x80 | ((code >> 6) & 0x3f);
      out[at++] = 0x80 | (code & 0x3f);
    } else {
      out[at++] = 0xf0 | (code >> 18);
      out[at++] = 0x80 | ((code >> 12) & 0x3f);
      out[at++] = 0x80 | ((code >> 6) & 0x3f);
      out[at++] = 0x80 | (code & 0x3f);
    }
  }
  return out;
}

/**
 * The text of strict UTF-8, or `undefined` where the bytes are none: overlong forms, surrogates, code points above
 * U+10FFFF and truncated sequences are refused (RFC 3629 §3), so encode∘decode is the identity. Never throws.
 */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  let out = '';
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i++] ?? 0;
    if (lead < 0x80) {
      out += String.fromCharCode(lead);
      continue;
    }
    const more =
      lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 0;
    if (more === 0 || i + more > bytes.length) return undefined;
    let code = lead & (0x3f >> more);
    for (let k = 0; k < more; k++) {
      const next = bytes[i++] ?? 0;
      if ((next & 0xc0) !== 0x80) return undefined;
      code = (code << 6) | (next & 0x3f);
    }
    if (more === 2 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) return undefined;
    if (more === 3 && (code < 0x10000 || code > 0x10ffff)) return undefined;
    out += String.fromCodePoint(code);
  }
  return out;
}
