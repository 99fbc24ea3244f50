// The pages of groups, traffic and alerts. Not here: what is bigger (a file each).

import type { JSX } from 'preact';
import type { AlertView } from '../board/view.js';
import { Chart } from './chart.js';
import { bytes, count, PHASES, percent, seconds, when } from './format.js';
import { Card, Empty, Table, Tag, type Tone } from './parts.js';
import { list, one } from './state.js';
import { ClientLink } from './stopped.js';

export function Groups(): JSX.Element {
  const groups = list('group').sort((a, b) => a.group - b.group);
  const task = one('task');
  return (
    <Card title="Groups" wide>
      <p class="muted">
        {task?.profile === 'grouped'
          ? `${count(task.groups)} fixed groups of ${count(task.groupSize)}: the coordinator sees one sum for each, and rule ${task.rule} works on the means.`
          : 'One cohort is summed as a whole.'}{' '}
        At least {count(task?.threshold ?? 0)} members of a group must stay for its sum to be opened.
      </p>
      {groups.length === 0 ? (
        <Empty title="No group has finished a round yet" />
      ) : (
        <Table
          name="groups"
          columns={['Group', ['Members'], ['Rounds'], ['Void'], 'Survival', ['Alarms'], 'Last alarm']}
        >
          {groups.map((group) => (
            <tr key={group.group}>
              <th scope="row">{group.group}</th>
              <td class="num">{count(group.members)}</td>
              <td class="num">{count(group.rounds)}</td>
              <td class="num">{count(group.voided)}</td>
              <td>
                <meter min={0} max={1} value={group.survival} aria-label={`Survival of group ${group.group}`} />{' '}
                {percent(group.survival)}
              </td>
              <td class="num">{count(group.alarms)}</td>
              <td>{group.lastAlarm || <span class="muted">none</span>}</td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}

export function Traffic(): JSX.Element {
  const rounds = list('round');
  if (rounds.length === 0)
    return (
      <Card title="Bytes and time" wide>
        <Empty title="Nothing to measure yet">Bytes and times are shown after the first round.</Empty>
      </Card>
    );
  const numbers = rounds.map(({ round }) => round);
  const last = rounds.at(-1);
  const slowest = Object.entries(last?.phases ?? {}).sort(([, a], [, b]) => b - a);
  const most = Math.max(1, ...slowest.map(([, ms]) => ms));
  return (
    <>
      <Card title="Bytes per round" wide>
        <Chart
          rounds={numbers}
          label={`Bytes per round, last ${bytes(last?.bytesUp ?? 0)} in and ${bytes(last?.bytesDown ?? 0)} out`}
          curves={[
            { name: 'From clients', values: rounds.map(({ bytesUp }) => bytesUp), color: '--accent', show: bytes },
            {
              name: 'To clients',
              values: rounds.map(({ bytesDown }) => bytesDown),
              color: '--warn',
              show: bytes,
              dashed: true,
            },
          ]}
        />
      </Card>
      <div class="columns">
        <Card title="Time per round">
          <Chart
            rounds={numbers}
            label={`Seconds per round, last ${seconds(last?.seconds ?? 0)}`}
            curves={[{ name: 'Round', values: rounds.map((round) => round.seconds), color: '--accent', show: seconds }]}
          />
        </Card>
        <Card title={`Where round ${last?.round ?? 0} spent its time`}>
          {slowest.length === 0 ? (
            <Empty title="No phase was timed" />
          ) : (
            <ul class="bars">
              {slowest.map(([phase, ms]) => (
                <li key={phase}>
                  <span>
                    {PHASES[phase as keyof typeof PHASES]}
                    {phase === 'committed' || phase === 'agreed' ? ', waiting for groups' : ''}
                  </span>
                  <meter min={0} max={most} value={ms} aria-label={`Time of ${phase}`} />
                  <b>{seconds(ms / 1_000)}</b>
                </li>
              ))}
            </ul>
          )}
        </Card>
      </div>
    </>
  );
}

const TONES: Readonly<Record<AlertView['level'], Tone>> = { info: 'calm', warning: 'warn', critical: 'bad' };

export function Alerts(): JSX.Element {
  const alerts = list('alert').reverse();
  return (
    <Card title="Alerts" wide aside={<span class="muted">newest first</span>}>
      {alerts.length === 0 ? (
        <Empty title="All quiet">
          Void rounds, quarantines, bans, alarms of groups and offences against the protocol stand here.
        </Empty>
      ) : (
        <ul class="events">
          {alerts.map((alert) => (
            <li key={alert.n}>
              <Tag tone={TONES[alert.level]}>{alert.level}</Tag>
              <p>
                {alert.client > 0 && <ClientLink n={alert.client} />} {alert.says}
              </p>
              <small>
                {alert.round > 0 && `round ${count(alert.round)}, `}
                {when(alert.at)}
              </small>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
