// The file of a red team: what its cells are, and that whatever is wrong is said with the field that this file has.

import { describe, expect, it } from 'vitest';
import { loadBars, parseBars } from '../../simulations/redteam/gate.js';
import { loadRedTeamConfig } from '../../simulations/redteam/settings.js';
import { SMALL, small } from './matrix.js';

describe('a matrix', () => {
  it('has each defence with its own clean run first, for every seed, and all else in common', () => {
    const { cells } = small((text) => text.replace('seeds: [3]', 'seeds: [3, 4]'));
    expect(cells.map(({ attack, defence, seed }) => `${attack} ${defence} ${seed}`)).toEqual([
      'clean sketch 3',
      'sign-flip sketch 3',
      'clean sketch 4',
      'sign-flip sketch 4',
    ]);
    const [clean, attacked] = cells;
    expect(clean?.config.fleet.malicious).toEqual([]);
    expect(attacked?.config.fleet.malicious).toEqual([
      { who: { clients: [2] }, attack: { kind: 'sign-flip', boost: 500 } },
    ]);
    expect({ ...attacked?.config, fleet: 0 }).toEqual({ ...clean?.config, fleet: 0 });
    expect(cells[2]?.config.seed).toBe(4);
  });

  it('lets a defence clip closer than the simulation says', () => {
    const { cells } = small((text) =>
      text.replace('    profile: sketch', '    profile: sketch\n    encoding: { clipNorm: 1.5 }'),
    );
    expect(cells[0]?.config.task.encoding.clipNorm).toBe(1.5);
  });

  it('the samples parse, and their bars name what is in them', () => {
    for (const name of ['redteam', 'redteam-mnist', 'redteam-mnist-full']) {
      const config = loadRedTeamConfig(`examples/${name}.yaml`);
      expect(config.cells).toHaveLength((config.attacks.length + 1) * config.defences.length * config.seeds.length);
      expect(loadBars(`examples/${name.replace('-full', '')}-bars.yaml`, config).length).toBeGreaterThan(2);
    }
  });
});

describe('what is refused, with the field of this file', () => {
  const refused: readonly (readonly [from: string, to: string, says: string])[] = [
    ['name: sign-flip', 'name: clean', 'small.yaml:15: attacks.0.name is clean, which is taken'],
    ['seeds: [3]', 'seeds: [3, 3]', 'seeds.1 is 3 once more'],
    ['boost: 500', 'boots: 500', 'attacks.0.malicious.attack.boots is unknown; did you mean boost?'],
    ['kind: sign-flip, boost: 500', 'kind: alie', 'attacks.0.malicious.attack is no attack: attack alie: z is'],
    ['clients: [2]', 'clients: [9]', 'attacks.0.malicious.clients has 9 twice or beyond the last client, 8'],
    ['clients: 9,', 'clients: 8,', 'simulation.fleet.clients is 8, but 1 x 9 are needed'],
    ['profile: sketch', 'profile: open', 'defences.0.rule is missing; profile open needs one'],
    ['classes: 4 }\n  encoding', 'classes: 5 }\n  encoding', 'simulation.model.classes is 5, but synthetic has 4'],
    ['seeds: [3]', 'seeds: [3]\nsede: 1', 'sede is unknown'],
  ];
  it.each(refused)('%s → %s', (from, to, says) => {
    expect(SMALL).toContain(from);
    expect(() => small((text) => text.replace(from, to))).toThrow(says);
  });
});

describe('bars', () => {
  const config = small();
  const bars = (text: string) => parseBars(`bars:\n  - ${text}`, 'bars.yaml', config);
  it('of the sample file parse to what they say', () => {
    expect(bars('{ attack: clean, defence: sketch, metric: falseBans, atMost: 0 }')).toEqual([
      { attack: 'clean', defence: 'sketch', metric: 'falseBans', atMost: 0 },
    ]);
  });
  it.each([
    [
      '{ attack: sing-flip, defence: sketch, metric: recall, atLeast: 1 }',
      'bars.0.attack is sing-flip; the red team has clean, sign-flip',
    ],
    [
      '{ attack: clean, defence: skech, metric: recall, atLeast: 1 }',
      'bars.0.defence is skech; the red team has sketch',
    ],
    ['{ attack: clean, defence: sketch, metric: recal, atLeast: 1 }', 'one of finalAccuracy, accuracyDrop'],
    ['{ attack: clean, defence: sketch, metric: recall }', 'bars.0 has neither atLeast nor atMost'],
    [
      '{ attack: clean, defence: sketch, metric: recall, atLeast: .nan }',
      'bars.0.atLeast is null; it must be a number',
    ],
  ])('%s', (text, says) => expect(() => bars(text)).toThrow(says));
});
