// Gives memory back at once. The garbage collector frees a buffer when it has seen that nobody uses it, and megabytes a second of receive
// buffers make it look for that all the time: half of what an upload cost. Whoever knows that it is done with a buffer says so here.
// Not here: who owns which buffer.

import { MessageChannel, type MessagePort } from 'node:worker_threads';

let nobody: MessagePort | undefined;

/**
 * The buffer is empty afterwards, and so is every view of it. What is posted to a port whose other side is closed reaches nobody, and what
 * was transferred with it is freed (HTML, "message port post message steps", step 5: transfer first, then look for the other side).
 * `ArrayBuffer.prototype.transfer` would do the same from Node 22 on.
 */
export function release(buffer: ArrayBuffer): void {
  if (nobody === undefined) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    port1.unref();
    nobody = port1;
  }
  nobody.postMessage(null, [buffer]);
}
