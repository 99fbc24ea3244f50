// The version of this package, as package.json has it.
import { readFileSync } from 'node:fs';

export function sottoVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return String(JSON.parse(text).version);
}
