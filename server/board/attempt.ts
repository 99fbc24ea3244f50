// The newest attempt on the board: the phase of each group with its deadline, and how far every member came. Owned by board.ts.
// Not here: rounds that are over (board.ts), deciding anything (protocol/round).

import type { ClientId, GroupId } from '../../protocol/ids.js';
import type { RoundFact } from '../../protocol/round/types.js';
import type { TaskConfig, WaitingPhase } from '../../protocol/task.js';
import type { Team } from '../campaign/types.js';
import type { ClientRows } from './clients.js';
import type { Table } from './table.js';
import { type LiveView, type PhaseName, STEPS, type Step } from './view.js';

interface Member {
  readonly group: GroupId;
  readonly rank: number;
  /** Letters of STEPS, from the first part on. */
  path: string;
  ended: boolean;
}
interface Group {
  readonly id: GroupId;
  phase: PhaseName;
  since: number;
  readonly at: string[];
}

export class AttemptRows {
  readonly #table: Table;
  readonly #config: TaskConfig;
  readonly #members = new Map<ClientId, Member>();
  readonly #groups = new Map<GroupId, Group>();
  /** Longest time of any group in a phase of this round, milliseconds. */
  #phases: Partial<Record<PhaseName, number>> = {};

  constructor(table: Table, config: TaskConfig) {
    this.#table = table;
    this.#config = config;
  }

  start(round: number, attempt: number, groups: readonly Team[], clients: ClientRows, now: number): void {
    this.#members.clear();
    this.#groups.clear();
    this.#table.clear('live');
    if (attempt === 1) this.#phases = {};
    for (const { id, members } of groups) {
      this.#groups.set(id, { id, phase: 'keys', since: now, at: members.map(() => STEPS.invited) });
      members.forEach((client, rank) => {
        this.#members.set(client, { group: id, rank, path: '', ended: false });
      });
    }
    const teams = groups.map(({ id, members }) => ({ group: id, members: members.map((one) => clients.number(one)) }));
    this.#table.set('cohort', { round, attempt, startedAt: now, groups: teams });
    for (const group of this.#groups.values()) this.#show(group);
  }

  heard(client: ClientId, part: Step): void {
    const member = this.#members.get(client);
    // What is said twice was said once.
    if (member === undefined || member.ended || member.path.includes(STEPS[part])) return;
    this.#step(member, part);
  }

  fact(fact: RoundFact, now: number): { readonly phase: PhaseName; readonly ms: number } | undefined {
    if (fact.type !== 'phase') {
      const member = this.#members.get(fact.client);
      if (member !== undefined && !member.ended) this.#end(member, fact.type);
      return undefined;
    }
    const group = this.#groups.get(fact.group);
    if (group === undefined || group.phase === fact.phase) return undefined;
    const { phase } = group;
    const ms = now - group.since;
    this.#phases[phase] = Math.max(this.#phases[phase] ?? 0, ms);
    group.phase = fact.phase;
    group.since = now;
    this.#show(group);
    return { phase, ms };
  }

  /** The round is over: everybody's story gets its end. @returns how often which story */
  over(ends: ReadonlyMap<ClientId, Step>): ReadonlyMap<string, number> {
    const stories = new Map<string, number>();
    for (const [client, member] of this.#members) {
      const end = ends.get(client) ?? 'void';
      if (!member.ended) this.#end(member, end);
      // A survivor that left while others were still signing did both: its story says so.
      const story = member.path.endsWith(STEPS[end]) ? member.path : member.path + STEPS[end];
      stories.set(story, (stories.get(story) ?? 0) + 1);
    }
    return stories;
  }

  get phases(): Readonly<Partial<Record<PhaseName, number>>> {
    return this.#phases;
  }

  #end(member: Member, step: Step): void {
    member.ended = true;
    this.#step(member, step);
  }

  #step(member: Member, step: Step): void {
    member.path += STEPS[step];
    const group = this.#groups.get(member.group);
    if (group === undefined) return;
    group.at[member.rank] = STEPS[step];
    this.#show(group);
  }

  #show({ id, phase, since, at }: Group): void {
    const row: LiveView = { group: id, phase, since, deadline: this.#deadline(phase, since), at: at.join('') };
    this.#table.set('live', row, id);
  }

  #deadline(phase: PhaseName, since: number): number {
    const { windows, integrity } = this.#config;
    if (phase === 'sketch') return integrity === 'none' ? 0 : since + integrity.window.time.max;
    return phase in windows ? since + windows[phase as WaitingPhase].time.max : 0;
  }
}
