// The suite runs the compiled output (dist/test), never the sources: what is tested is what ships, and worker files resolve.
import { defineConfig } from 'vitest/config';
import { CountingReporter } from './tools/reporter.mjs';

/** Folders of pure code without state of its own. Their files share a process and its modules: a start costs more than most of them. */
const PURE = ['access', 'aggregate', 'crypto', 'data', 'kernels', 'optimizer', 'privacy', 'protocol', 'sketch', 'wire'];
const pure = `dist/test/{${PURE}}/**/*.test.js`;

/** Without `include`: for the other configurations. */
export const common = {
  pool: 'forks',
  // One more than the two cores of the smallest machine: some files wait for sockets and processes.
  maxWorkers: 3,
  testTimeout: 30_000,
  reporters: ['default', new CountingReporter()],
  // What is compiled is loaded as it is, by Node: only test files need vitest's transformation.
  server: { deps: { external: [/\/dist\/(?!test\/.*\.test\.js)/] } },
};

const project = (name, isolate, include, exclude) => ({
  extends: true,
  test: { name, isolate, include: [include], exclude },
});

export default defineConfig({
  test: {
    ...common,
    projects: [
      project('pure', false, pure, []),
      project('apart', true, 'dist/test/**/*.test.js', [pure, 'dist/test/slow/**', 'dist/test/browser/**']),
    ],
  },
});
