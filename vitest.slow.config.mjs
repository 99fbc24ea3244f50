// The long batteries of test/slow, minutes each: npm run test:slow. Not part of npm test.
import { defineConfig, mergeConfig } from 'vitest/config';
import quick from './vitest.config.mjs';

const config = mergeConfig(quick, defineConfig({ test: {} }));
config.test.include = ['dist/test/slow/**/*.test.js'];
config.test.exclude = [];
export default config;
