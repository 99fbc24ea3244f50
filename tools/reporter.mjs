// A vitest reporter whose last line is plain: `N passed, N failed, N skipped`. For people in a hurry and for .ci/run.
// Not here: what failed; the default reporter says that above.

/** @param modules of vitest's reporter interface  @param errors that belong to no test */
export function countTests(modules, errors) {
  const counts = { passed: 0, failed: errors.length, skipped: 0 };
  for (const module of modules) {
    let seen = 0;
    for (const test of module.children.allTests()) {
      seen++;
      const { state } = test.result();
      counts[state === 'passed' || state === 'failed' ? state : 'skipped']++;
    }
    // A file that does not even load has no tests, and must not look like a success.
    if (seen === 0 && module.state() === 'failed') counts.failed++;
  }
  return counts;
}

export class CountingReporter {
  onTestRunEnd(modules, errors) {
    const { passed, failed, skipped } = countTests(modules, errors);
    // After the summary of the default reporter, which is written in the same hook.
    setImmediate(() => process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`));
  }
}
