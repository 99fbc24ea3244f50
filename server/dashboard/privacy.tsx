// What the rounds have cost in privacy, against the budget: where the task promises anything. Not here: pricing (protocol/privacy).

import type { JSX } from 'preact';
import { Chart } from './chart.js';
import { Card, Empty, Fact } from './parts.js';
import { one } from './state.js';

export function Privacy(): JSX.Element {
  const privacy = one('privacy');
  if (privacy === undefined)
    return (
      <Card title="Privacy" wide>
        <Empty title="This task promises no differential privacy at the coordinator">
          Updates are masked, so nobody sees a single one; what the sums reveal is not bounded. Records can still be
          protected where clients train with DP-SGD: each client keeps that ledger itself, and shows it to its owner
          alone. To bound what a whole client reveals, set <code>privacy</code> in the task.
        </Empty>
      </Card>
    );
  const last = privacy.spent.at(-1);
  const left = privacy.budget - (last?.epsilon ?? 0);
  const rounds = privacy.spent.map(({ round }) => round);
  const show = (value: number): string => value.toFixed(2);
  return (
    <Card title="Privacy budget" wide>
      <dl class="facts">
        <Fact name="Promise">{privacy.claim}</Fact>
        <Fact name="Spent">
          ε = {(last?.epsilon ?? 0).toFixed(3)} at δ = {privacy.delta.toExponential(0)}
        </Fact>
        <Fact name="Budget">ε = {privacy.budget}</Fact>
        <Fact name="Left">{Math.max(0, left).toFixed(3)}</Fact>
      </dl>
      <progress value={last?.epsilon ?? 0} max={privacy.budget} aria-label="Privacy budget spent" />
      {rounds.length > 0 && (
        <Chart
          rounds={rounds}
          label={`ε after round ${last?.round ?? 0}: ${(last?.epsilon ?? 0).toFixed(3)} of ${privacy.budget}`}
          curves={[
            { name: 'ε spent', values: privacy.spent.map(({ epsilon }) => epsilon), color: '--accent', show },
            { name: 'Budget', values: rounds.map(() => privacy.budget), color: '--bad', show, dashed: true },
          ]}
        />
      )}
    </Card>
  );
}
