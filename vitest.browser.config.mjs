// npm run test:browser: the tests that need Chromium. Apart from the others because it may not be there; then they are skipped, loudly.
import { defineConfig } from 'vitest/config';
import { CountingReporter } from './tools/reporter.mjs';

export default defineConfig({
  test: {
    include: ['dist/test/browser/**/*.test.js'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    reporters: ['default', new CountingReporter()],
  },
});
