// What a red team says of results: cells beside their clean runs, verdicts on bars, pages that anybody can read and nobody can inject
// into. Results are made up here; matrix.test.ts runs real ones.

import { describe, expect, it } from 'vitest';
import { type Bar, judge } from '../../simulations/redteam/gate.js';
import { htmlPage, markdownPage } from '../../simulations/redteam/pages.js';
import { type CellResult, reportOf } from '../../simulations/redteam/report.js';
import { resultOf, small } from './matrix.js';

const VERSIONS = { sotto: '0.1.0', protocol: 'sotto/1', node: 'v20' };
const config = small((text) => text.replace('seeds: [3]', 'seeds: [3, 4]'));
const report = (measured: Partial<CellResult>, second: Partial<CellResult> = measured) =>
  reportOf(
    config,
    config.cells.map((cell) =>
      resultOf(cell, cell.attack === 'clean' ? { finalAccuracy: 0.9 } : cell.seed === 3 ? measured : second),
    ),
    VERSIONS,
  );
const verdict = (measured: Partial<CellResult>, bar: Partial<Bar>, second?: Partial<CellResult>) => {
  const whole: Bar = { attack: 'sign-flip', defence: 'sketch', metric: 'recall', ...bar };
  return judge(report(measured, second), [whole]).bars[0];
};
const detection = { precision: 1, recall: 0.5, falsePositiveRate: 0 };

describe('a report', () => {
  it('sets each cell beside the clean run of its own defence and seed', () => {
    const { cells, complete } = report({ finalAccuracy: 0.7 });
    expect(complete).toBe(true);
    expect(cells.map(({ accuracyDrop }) => accuracyDrop?.toFixed(2) ?? null)).toEqual([null, '0.20', null, '0.20']);
  });
  it('of a run that was cut off says so, and claims no drop where the clean run is missing', () => {
    const cut = reportOf(config, [resultOf({ attack: 'sign-flip', defence: 'sketch', seed: 3 })], VERSIONS);
    expect(cut.complete).toBe(false);
    expect(cut.cells.map(({ accuracyDrop }) => accuracyDrop)).toEqual([null]);
  });
});

describe('a bar', () => {
  it('is met at its edge, and missed beside it', () => {
    expect(verdict({ detection }, { atLeast: 0.5 })?.met).toBe(true);
    expect(verdict({ detection }, { atLeast: 0.51 })).toMatchObject({ met: false, value: 0.5 });
    expect(verdict({ detection }, { atMost: 0.49 })?.met).toBe(false);
  });
  it('must hold for every seed: the one that fails is the one that is named', () => {
    const good = { detection: { ...detection, recall: 1 } };
    expect(verdict(good, { atLeast: 0.9 }, { detection })).toMatchObject({ met: false, value: 0.5 });
    expect(verdict(good, { atLeast: 0.9 })?.says).toBe('recall of sign-flip under sketch is 1; wanted at least 0.9');
  });
  it('is missed where there is nothing to measure', () => {
    expect(verdict({ detection: null }, { atLeast: 0 })).toMatchObject({ met: false, value: null });
    expect(verdict({}, { metric: 'attackSuccessRate', atMost: 1 })?.says).toContain('has no value for every seed');
  });
  it('on how soon is missed by an attacker who was never seen', () => {
    const late = verdict({}, { metric: 'roundsToDetectP90', atMost: 1_000_000 });
    expect(late).toMatchObject({ met: false, value: null });
    expect(late?.says).toContain('is never; wanted at most 1000000');
    expect(verdict({}, { metric: 'roundsToDetectMedian', atMost: 1 })?.met).toBe(true);
  });
});

describe('the pages', { timeout: 120_000 }, () => {
  const judged = judge(report({ attackSuccessRate: 0.25, attackSuccess: { 'backdoor <b>': [0.1, 0.25] } }), [
    { attack: 'sign-flip', defence: 'sketch', metric: 'recall', atLeast: 2 },
  ]);
  it('as HTML stand alone: nothing is loaded, nothing runs, every chart has a name and a twin for the dark', async () => {
    const html = await htmlPage(judged);
    expect(html.replaceAll(/xmlns(:xlink)?="[^"]*"/g, '')).not.toMatch(
      /https?:|<script|<link|<img|url\((?!#)|@import| on[a-z]+=/,
    );
    const charts = html.split('<figure>').length - 1;
    expect(charts).toBe(4); // accuracy, success, and a curve each for clean and sign-flip
    expect(
      html.match(
        /<svg role="img" aria-labelledby="([^" ]+) ([^"]+)"[^>]*><title id="\1">[^<]+<\/title><desc id="\2">/g,
      ),
    ).toHaveLength(2 * charts);
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const part of ['80.0 %', '25.0 %', 'SKETCH_NORM 4 + 0', 'wanted at least 2', 'missed', 'never'])
      expect(html).toContain(part);
  });
  it('as Markdown say the same in tables', async () => {
    const markdown = await markdownPage(judged);
    expect(markdown).toContain('| defence | clean | sign-flip |\n| --- | ---: | ---: |\n| sketch | 90.0 % | 80.0 % |');
    expect(markdown).toContain('| sketch | 10.0 |');
    expect(markdown).not.toContain('<svg');
  });
  it('of a matrix that is not complete say so', async () => {
    const cut = reportOf(config, [], VERSIONS);
    expect(await htmlPage(cut)).toContain('The matrix is not complete');
  });
});
