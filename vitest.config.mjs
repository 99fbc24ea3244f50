// The suite runs the compiled output (dist/test), never the sources: what is tested is what ships, and worker files resolve.
import { defineConfig } from 'vitest/config';
import { CountingReporter } from './tools/reporter.mjs';

export default defineConfig({
  test: {
    include: ['dist/test/**/*.test.js'],
    exclude: ['dist/test/slow/**', 'dist/test/browser/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    reporters: ['default', new CountingReporter()],
  },
});
