// Writes the annotated example of each message into protocol/PROTOCOL.md and, where it does not exist yet, into
// test/golden/sotto-1/<kind>.hex. A golden file is never overwritten: bytes of a released version decode for ever. To change
// one before its release, delete it first. Needs a build; run from the repository root: node tools/golden-frames.mjs
// Not a test: test/wire/protocol-doc.test.ts and golden.test.ts compare what is committed.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const { EXAMPLES } = await import('../dist/test/wire/examples.js');
const { encodeFrame } = await import('../dist/protocol/wire/frame.js');
const { MESSAGE_KINDS, TYPE_BYTES } = await import('../dist/protocol/wire/types.js');

const DOCUMENT = 'protocol/PROTOCOL.md';
const GOLDEN = 'test/golden/sotto-1';

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const u = (bytes) => bytes.reduce((n, byte) => n * 256 + byte, 0);

/** Lines of `hex  # note` for one frame. Walks the canonical subset of MessagePack that prescan.ts accepts. */
function annotate(kind, frame) {
  const lines = [];
  const put = (bytes, note, indent = 0) => lines.push({ code: ' '.repeat(indent) + bytes, note });
  const rows = (bytes, indent) => {
    for (let at = 0; at < bytes.length; at += 32) put(hex(bytes.subarray(at, at + 32)), '', indent);
  };
  const length = u([...frame.subarray(8, 12)]);
  put(hex(frame.subarray(0, 4)), '"SOTO"');
  put(
    `${hex(frame.subarray(4, 5))} ${hex(frame.subarray(5, 6))} ${hex(frame.subarray(6, 8))}`,
    `version 1, type ${kind}, no flags`,
  );
  put(hex(frame.subarray(8, 12)), `header of ${length} bytes`);
  let at = 12;
  const take = (n) => {
    at += n;
    return frame.subarray(at - n, at);
  };
  /** One value; `prefix` is the hex of the key before it. */
  const value = (prefix, name, indent) => {
    const lead = take(1)[0];
    const head = (extra) => `${prefix}${prefix && ' '}${hex([lead, ...extra])}`;
    const sized = (width) => take(width);
    const list = (count, extra, isMap) => {
      put(head(extra), `${name}${isMap ? `map of ${count}` : `list of ${count}`}`, indent);
      for (let i = 0; i < count; i++) {
        if (!isMap) value('', '', indent + 1);
        else {
          const keyStart = at;
          const key = Buffer.from(take(take(1)[0] & 0x1f)).toString();
          value(hex(frame.subarray(keyStart, at)), `${key}: `, indent + 1);
        }
      }
    };
    const text = (count, extra) => {
      const body = take(count);
      put(`${head(extra)} ${hex(body)}`, `${name}"${Buffer.from(body)}"`, indent);
    };
    const data = (extra) => {
      const count = u([...extra]);
      put(head(extra), `${name}${count} bytes`, indent);
      rows(take(count), indent + 2);
    };
    if (lead < 0x80) put(head([]), `${name}${lead}`, indent);
    else if (lead < 0x90) list(lead & 15, [], true);
    else if (lead < 0xa0) list(lead & 15, [], false);
    else if (lead < 0xc0) text(lead & 31, []);
    else if (lead === 0xc2 || lead === 0xc3) put(head([]), `${name}${lead === 0xc3}`, indent);
    else if (lead >= 0xc4 && lead <= 0xc6) data(sized(2 ** (lead - 0xc4)));
    else if (lead === 0xcb) {
      const body = take(8);
      put(head(body), `${name}${Buffer.from(body).readDoubleBE()}`, indent);
    } else if (lead >= 0xcc && lead <= 0xce) {
      const body = sized(2 ** (lead - 0xcc));
      put(head(body), `${name}${u([...body])}`, indent);
    } else if (lead >= 0xd9 && lead <= 0xdb) {
      const size = sized(2 ** (lead - 0xd9));
      text(u([...size]), size);
    } else throw new Error(`no annotation for ${lead.toString(16)}`);
  };
  value('', '', 0);
  if (at < frame.length) {
    const start = Math.ceil(at / 8) * 8;
    if (start > at) put(hex(take(start - at)), 'padding to a multiple of 8');
    put(hex(take(frame.length - at)), `section of ${frame.length - start} bytes`);
  }
  const width = Math.min(64, Math.max(...lines.filter((line) => line.note).map((line) => line.code.length)));
  return lines.map(({ code, note }) => (note ? `${code.padEnd(width)}  # ${note}` : code)).join('\n');
}

/** The message as JSON; byte strings as "0x…". */
const json = (message) =>
  JSON.stringify(message, (_, one) => (one instanceof Uint8Array ? `0x${hex(one)}` : one), 2).replace(
    /\[\s+((?:\d+,?\s+)+)\]/g,
    (_, inner) => `[${inner.trim().replace(/\s+/g, ' ')}]`,
  );

mkdirSync(GOLDEN, { recursive: true });
let text = readFileSync(DOCUMENT, 'utf8');
for (const kind of MESSAGE_KINDS) {
  const annotated = annotate(kind, encodeFrame(EXAMPLES[kind]));
  const golden = `${GOLDEN}/${kind}.hex`;
  if (!existsSync(golden)) {
    const type = TYPE_BYTES[kind].toString(16).padStart(2, '0');
    writeFileSync(golden, `# sotto/1, ${kind} (type ${type}). Frozen: this file decodes for ever.\n${annotated}\n`);
    console.log(`wrote ${golden}`);
  }
  const block = new RegExp(`<!-- example ${kind} -->[\\s\\S]*?<!-- end -->`);
  if (!block.test(text)) throw new Error(`${DOCUMENT} has no "<!-- example ${kind} --> … <!-- end -->"`);
  const example = `<!-- example ${kind} -->\n\`\`\`json\n${json(EXAMPLES[kind])}\n\`\`\`\n\`\`\`hex\n${annotated}\n\`\`\`\n<!-- end -->`;
  text = text.replace(block, () => example);
}
writeFileSync(DOCUMENT, text);
