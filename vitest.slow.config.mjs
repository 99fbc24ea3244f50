// The long batteries of test/slow, minutes each: npm run test:slow. Not part of npm test.
import { defineConfig } from 'vitest/config';
import { common } from './vitest.config.mjs';

export default defineConfig({ test: { ...common, include: ['dist/test/slow/**/*.test.js'] } });
