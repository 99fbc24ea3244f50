// Counts what leaves and keeps a sample of the masked vector, by looking at the frames on their way out. Not here: what is in a frame
// beyond its type byte (PROTOCOL.md, "The frame").
import { globalWebSocket, systemTimers, webSocketTransport } from 'sotto/client';

const KINDS = { 33: 'keys', 35: 'shares', 38: 'input', 40: 'input', 44: 'answers', 43: 'answers', 45: 'answers' };
const INPUT_CHUNK = 0x28;

/** @param seen called with `{ kind, bytes, sample? }` for each frame that leaves */
export function watchedTransport(seen) {
  const inner = webSocketTransport({ open: globalWebSocket, timers: systemTimers });
  return {
    connect(url, handlers) {
      const link = inner.connect(url, handlers);
      const { send } = link;
      link.send = (frame) => {
        const kind = KINDS[frame[5]] ?? 'session';
        seen({
          kind,
          bytes: frame.length,
          ...(frame[5] === INPUT_CHUNK ? { sample: frame.slice(256, 256 + 4 * 28 * 14) } : {}),
        });
        send.call(link, frame);
      };
      return link;
    },
  };
}
