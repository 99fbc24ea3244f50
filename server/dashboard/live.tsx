// The running round: what each group waits for and until when, and how far every member came. Many members become bars.
// Not here: rounds that are over (overview.tsx), one client (client-panel.tsx).

import type { JSX } from 'preact';
import type { LiveView } from '../board/view.js';
import { count, PHASE_SAYS, PHASES, seconds } from './format.js';
import { Card, Empty, STEP_NAMES, Tag } from './parts.js';
import { list, now, one, skew } from './state.js';

/** More squares than this are no picture. */
const MOST_SQUARES = 256;
/** Groups that get a line of their own: those that wait for somebody first. */
const MOST_GROUPS = 12;

export function LiveRound(): JSX.Element {
  const cohort = one('cohort');
  const status = one('status');
  const task = one('task');
  const groups = list('live');
  if (cohort === undefined || groups.length === 0) {
    const there = status?.checkedIn ?? 0;
    const needs = task?.needs ?? 0;
    return (
      <Card title="Live round">
        <Empty title={`${count(there)} of ${count(needs)} clients are here`}>
          {status?.hold === 'paused'
            ? 'The campaign is paused; nothing starts before somebody resumes it.'
            : there < needs
              ? 'The first round starts when all are checked in.'
              : 'The first round starts in a moment.'}
        </Empty>
        <progress value={Math.min(there, needs)} max={Math.max(needs, 1)} aria-label="Clients checked in" />
      </Card>
    );
  }
  const over = groups.every(({ phase }) => phase === 'done' || phase === 'failed');
  const members = groups.reduce((sum, { at }) => sum + at.length, 0);
  const shown = [...groups].sort((a, b) => rank(a) - rank(b)).slice(0, MOST_GROUPS);
  return (
    <Card
      title={`Round ${cohort.round}${cohort.attempt > 1 ? `, attempt ${cohort.attempt}` : ''}`}
      aside={
        <Tag tone={over ? 'calm' : 'good'}>
          {over ? 'over' : `running ${seconds(Math.max(0, now.value + skew.value - cohort.startedAt) / 1_000)}`}
        </Tag>
      }
    >
      {shown.map((group) => (
        <GroupLine key={group.group} live={group} named={groups.length > 1} sketches={task?.sketches ?? false} />
      ))}
      {groups.length > shown.length && <p class="muted">and {count(groups.length - shown.length)} more groups</p>}
      <Members letters={groups.map(({ at }) => at).join('')} squares={members <= MOST_SQUARES} />
    </Card>
  );
}

const rank = ({ phase, group }: LiveView): number => (phase === 'done' || phase === 'failed' ? 1e6 : 0) + group;

function GroupLine(props: {
  readonly live: LiveView;
  readonly named: boolean;
  readonly sketches: boolean;
}): JSX.Element {
  const { live, named, sketches } = props;
  const rail = ['Keys', 'Shares', 'Training', ...(sketches ? ['Sketches'] : []), 'Consistency', 'Unmasking', 'Done'];
  const name = PHASES[live.phase];
  const here = rail.indexOf(name === 'Screening' ? 'Sketches' : name === 'Opening' ? 'Unmasking' : name);
  const left = (live.deadline - now.value - skew.value) / 1_000;
  const share = live.deadline > live.since ? 1 - (1_000 * left) / (live.deadline - live.since) : 0;
  return (
    <div class="group-line">
      {named && <h3>Group {live.group}</h3>}
      <ol class={live.phase === 'failed' ? 'rail failed' : 'rail'}>
        {rail.map((step, i) => (
          <li
            key={step}
            class={i < here || name === 'Done' ? 'past' : i === here ? 'here' : ''}
            aria-current={i === here ? 'step' : undefined}
          >
            {step}
          </li>
        ))}
      </ol>
      <p class="muted small">
        {name}: {PHASE_SAYS[name] ?? 'the coordinator works'}
        {live.deadline > 0 && left > 0 && `; closes in ${seconds(left)} at the latest`}
      </p>
      {live.deadline > 0 && left > 0 && (
        <progress class="thin" value={Math.max(0, Math.min(1, share))} max={1} aria-label={`Time of phase ${name}`} />
      )}
    </div>
  );
}

function Members(props: { readonly letters: string; readonly squares: boolean }): JSX.Element {
  const counts = new Map<string, number>();
  for (const letter of props.letters) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  const present = Object.entries(STEP_NAMES).filter(([letter]) => counts.has(letter));
  const label = present.map(([letter, [, title]]) => `${counts.get(letter)} ${title}`).join(', ');
  return (
    <div class="members">
      {props.squares ? (
        <div class="squares" role="img" aria-label={`Members: ${label}`}>
          {[...props.letters].map((letter, i) => (
            // a square is its place, and has no state.
            <i key={i} class={STEP_NAMES[letter]?.[0] ?? ''} title={STEP_NAMES[letter]?.[1] ?? letter} />
          ))}
        </div>
      ) : (
        <div class="bar" role="img" aria-label={`Members: ${label}`}>
          {present.map(([letter, [name, title]]) => (
            <i key={letter} class={name} title={title} style={{ flexGrow: counts.get(letter) ?? 0 }} />
          ))}
        </div>
      )}
      <ul class="legend">
        {present.map(([letter, [name, title]]) => (
          <li key={letter}>
            <i class={name} aria-hidden="true" />
            {count(counts.get(letter) ?? 0)} {title}
          </li>
        ))}
      </ul>
    </div>
  );
}
