// The first page: is it well, what runs, does it learn, who was stopped. Not here: the details, each on a page of its own.

import type { JSX } from 'preact';
import { Chart } from './chart.js';
import { bytes, count, fixed, percent, seconds } from './format.js';
import { LiveRound } from './live.js';
import { Card, Empty, Table, Tag } from './parts.js';
import { list, one } from './state.js';
import { StopList } from './stopped.js';

export function Overview(): JSX.Element {
  const rounds = list('round');
  const measured = rounds.filter(({ accuracy }) => accuracy !== null);
  const last = rounds.at(-1);
  const best = measured.reduce((most, { accuracy }) => Math.max(most, accuracy ?? 0), 0);
  const task = one('task');
  const status = one('status');
  const stops = list('stop');
  return (
    <>
      <dl class="tiles">
        <Tile
          name="Accuracy"
          value={percent(measured.at(-1)?.accuracy ?? null)}
          says={measured.length > 0 ? `best ${percent(best)}` : 'not measured yet'}
        />
        <Tile
          name="Round"
          value={`${count(status?.round ?? 0)} / ${count(task?.rounds ?? 0)}`}
          says={voidSays(rounds.filter(({ committed }) => !committed).length)}
        />
        <Tile
          name="Clients here"
          value={count(status?.checkedIn ?? 0)}
          says={`${count(status?.quarantined ?? 0)} quarantined, ${count(status?.banned ?? 0)} banned`}
        />
        <Tile name="Stopped" value={count(status?.stopped ?? 0)} says="updates kept out, clients barred" />
        <Tile
          name="Last round"
          value={last ? seconds(last.seconds) : '–'}
          says={last ? `${count(last.survivors)} of ${count(last.cohort)} in the sum` : 'none yet'}
        />
        <Tile
          name="Traffic"
          value={bytes((status?.bytesUp ?? 0) + (status?.bytesDown ?? 0))}
          says={`${bytes(status?.bytesUp ?? 0)} in, ${bytes(status?.bytesDown ?? 0)} out`}
        />
      </dl>
      <div class="columns">
        <LiveRound />
        <Card title="Learning">
          {measured.length === 0 ? (
            <Empty title="No curve yet">
              {task?.evaluates === false
                ? 'This coordinator has no data of its own to measure on: set “evaluate” in its settings.'
                : 'After the first round the accuracy of every model is drawn here.'}
            </Empty>
          ) : (
            <Chart
              rounds={measured.map(({ round }) => round)}
              label={`Accuracy ${percent(measured.at(-1)?.accuracy ?? null)} and loss ${fixed(measured.at(-1)?.loss ?? null, 3)} after round ${measured.at(-1)?.round}`}
              curves={[
                {
                  name: 'Accuracy',
                  values: measured.map(({ accuracy }) => accuracy),
                  color: '--accent',
                  show: (v) => `${Math.round(100 * v)} %`,
                },
                {
                  name: 'Loss',
                  values: measured.map(({ loss }) => loss),
                  color: '--warn',
                  axis: 'right',
                  dashed: true,
                  show: (v) => v.toFixed(2),
                },
              ]}
            />
          )}
        </Card>
      </div>
      <Card
        title="Stopped lately"
        aside={stops.length > 0 ? <a href="#/stopped">all {count(stops.length)}</a> : undefined}
        wide
      >
        <StopList stops={stops.slice(-6).reverse()} />
      </Card>
      <Card title="Rounds" wide>
        {rounds.length === 0 ? (
          <Empty title="No round is over yet" />
        ) : (
          <Table
            name="rounds"
            columns={['Round', 'Outcome', ['Accuracy'], ['In the sum'], ['Dropped'], ['Left out'], ['Time'], ['Bytes']]}
          >
            {rounds
              .slice(-50)
              .reverse()
              .map((round) => (
                <tr key={round.round}>
                  <th scope="row">{round.round}</th>
                  <td>
                    <Tag tone={round.committed ? 'good' : 'bad'}>{round.committed ? 'committed' : 'void'}</Tag>
                    {round.attempts > 1 && <span class="muted"> attempt {round.attempts}</span>}
                    {!round.committed && <span class="muted"> {round.says}</span>}
                  </td>
                  <td class="num">{percent(round.accuracy)}</td>
                  <td class="num">
                    {count(round.survivors)} / {count(round.cohort)}
                  </td>
                  <td class="num">{count(round.dropped)}</td>
                  <td class="num">{count(round.excluded)}</td>
                  <td class="num">{seconds(round.seconds)}</td>
                  <td class="num">{bytes(round.bytesUp + round.bytesDown)}</td>
                </tr>
              ))}
          </Table>
        )}
      </Card>
    </>
  );
}

const voidSays = (lost: number): string => (lost === 0 ? 'none was void' : `${count(lost)} void`);

const Tile = (props: { readonly name: string; readonly value: string; readonly says: string }): JSX.Element => (
  <div class="tile">
    <dt>{props.name}</dt>
    <dd>
      <b>{props.value}</b>
      <small>{props.says}</small>
    </dd>
  </div>
);
