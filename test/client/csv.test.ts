// Claims about CSV files as datasets: what is read, and that whatever does not fit is named by line and column.
// Not here: training on it (cli/init.test.ts runs a whole project).

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { csvDataset, readCsv } from '../../client/node/index.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-csv-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
function file(text: string): string {
  const path = join(folder, `${count++} #.csv`);
  writeFileSync(path, text);
  return path;
}
const classes = ['ok', 'bad'];

describe('a CSV file', () => {
  it('gives the columns in the order asked for, scaled, with labels by their place among the classes', () => {
    const path = file('﻿"a",kind,b,note\r\n1,bad,10,x\r\n\r\n3,ok,"-2.5e1",y\r\n');
    const data = csvDataset(path, { label: 'kind', classes, columns: ['b', 'a'], scale: { b: [10, 5] } });
    expect([...data.inputs]).toEqual([0, 1, -7, 3]);
    expect([...data.labels]).toEqual([1, 0]);
    expect(data).toMatchObject({ shape: [2], classes: 2 });
    expect(csvDataset(pathToFileURL(path), { label: 'kind', classes, columns: ['a'] }).inputs).toEqual(
      Float32Array.from([1, 3]),
    );
  });
  it('without a list of columns all but the label are read, and another delimiter is understood', () => {
    const path = file('a;kind;b\n1;ok;2\n3;bad;4\n');
    expect([...csvDataset(path, { label: 'kind', classes, delimiter: ';' }).inputs]).toEqual([1, 2, 3, 4]);
  });

  const whole = { label: 'kind', classes };
  it.each<[string, string, object, string, RegExp]>([
    ['an empty field', 'a,kind\n1,ok\n,bad\n', whole, 'DATA_MALFORMED', /:3: a is "", which is no number/],
    ['a word among numbers', 'a,kind\n1,ok\n\nx1,bad\n', whole, 'DATA_MALFORMED', /:4: a is "x1"/],
    ['an infinite number', 'a,kind\nInfinity,ok\n', whole, 'DATA_MALFORMED', /is no number/],
    [
      'a class that is not among those agreed',
      'a,kind\n1,odd\n',
      whole,
      'DATA_MALFORMED',
      /:2: kind is "odd", which is none of ok, bad/,
    ],
    ['a ragged line', 'a,kind\n1,ok\n2\n', whole, 'DATA_MALFORMED', /line 3/],
    ['no line of values', 'a,kind\n', whole, 'DATA_MALFORMED', /at least one line of values/],
    ['an empty file', '', whole, 'DATA_MALFORMED', /line of names/],
    ['two columns of one name', 'a,a,kind\n1,2,ok\n', whole, 'DATA_MALFORMED', /name of its own/],
    [
      'no such label',
      'a,kind\n1,ok\n',
      { ...whole, label: 'sort' },
      'DATA_MALFORMED',
      /no column "sort"; there are a, kind/,
    ],
    ['one class', 'a,kind\n1,ok\n', { ...whole, classes: ['ok'] }, 'DATA_MALFORMED', /2 to 256 different/],
    ['a class twice', 'a,kind\n1,ok\n', { ...whole, classes: ['ok', 'ok'] }, 'DATA_MALFORMED', /2 to 256 different/],
    ['a scale of nothing', 'a,kind\n1,ok\n', { ...whole, scale: { a: [1, 0] } }, 'DATA_MALFORMED', /the second not 0/],
    ['a scale of no column', 'a,kind\n1,ok\n', { ...whole, scale: { z: [1, 1] } }, 'DATA_MALFORMED', /no column "z"/],
    ['an open quote', 'a,kind\n"1,ok\n', whole, 'DATA_MALFORMED', /Quote/i],
  ])('%s is refused', (_, text, options, code, says) => {
    const read = () => csvDataset(file(text), options as Parameters<typeof csvDataset>[1]);
    expect(read).toThrow(says);
    expect(read).toThrow(expect.objectContaining({ code }));
  });
  it('that is not there, or is a folder, is refused', () => {
    expect(() => readCsv(join(folder, 'none.csv'))).toThrow(/DATA_MISSING.*no such file/);
    expect(() => readCsv(folder)).toThrow(/DATA_MISSING.*directory/);
  });
});
