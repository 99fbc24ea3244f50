// What this process takes of memory, as Node and Linux tell it. Not here: what it means (memory.ts).

import { readFileSync } from 'node:fs';
import type { MemoryReading } from './memory.js';

/** @param shared bytes between threads, which Node leaves out */
export function readMemory(shared: number): MemoryReading {
  const { rss, heapTotal, external } = process.memoryUsage();
  return { rss, heapTotal, external, shared, file: fileBytes() };
}

/** Resident pages of mapped files. 0 where there is no /proc: there all that is resident counts. */
function fileBytes(): number {
  try {
    const line = /^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'));
    return line === null ? 0 : Number(line[1]) * 1_024;
  } catch {
    return 0;
  }
}
