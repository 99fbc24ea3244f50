#!/usr/bin/env node
// The `sotto` command: hands the real streams and the real commands to run(). Not here: everything else.

import { processIo } from './io.js';
import { run } from './run.js';

process.exitCode = await run(process.argv.slice(2), processIo());
