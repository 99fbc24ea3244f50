// The signed chain of models: what each is, its weights to take away, and for administrators the way back to it.
// Not here: whether clients follow (their own policy decides).

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { ModelView } from '../board/view.js';
import { act } from './api.js';
import { count, percent } from './format.js';
import { type Ask, Card, Empty, ReasonDialog, Tag } from './parts.js';
import { isAdmin, list, one } from './state.js';

export function Models(): JSX.Element {
  const models = list('model').sort((a, b) => b.index - a.index);
  const [asking, setAsking] = useState<Ask | undefined>();
  const phase = one('status')?.phase;
  const may = isAdmin() && phase !== undefined && phase !== 'stopping' && phase !== 'ended' && phase !== 'rollingBack';
  return (
    <Card title="Models" wide aside={<span class="muted">{count(models.length)} records in the signed chain</span>}>
      <p class="muted">
        Every model is signed and names the one before it; clients check the chain. Weights are float32, little-endian.
        {isAdmin() ? '' : ' Administrators can go back to a model that is kept.'}
      </p>
      {models.length === 0 ? (
        <Empty title="No model yet" />
      ) : (
        <div class="scroll" role="region" aria-label="Table of models" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Round</th>
                <th scope="col">Kind</th>
                <th scope="col" class="num">
                  Accuracy
                </th>
                <th scope="col">SHA-256 of the weights</th>
                <th scope="col">Weights</th>
                {may && (
                  <th scope="col">
                    <span class="hidden">Roll back</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {models.slice(0, 200).map((model) => (
                <tr key={model.index}>
                  <th scope="row">{model.round}</th>
                  <td>
                    <Tag tone={model.type === 'update' ? 'good' : model.type === 'genesis' ? 'calm' : 'warn'}>
                      {model.type}
                    </Tag>
                  </td>
                  <td class="num">{percent(model.accuracy)}</td>
                  <td class="mono" title={model.model}>
                    {model.model.slice(0, 20)}…
                  </td>
                  <td class="whole">
                    {model.kept ? (
                      <a href={`/api/models/${model.model}`} download>
                        download<span class="hidden"> the model of round {model.round}</span>
                      </a>
                    ) : (
                      <span class="muted">made way for newer ones</span>
                    )}
                  </td>
                  {may && (
                    <td class="num whole">
                      {model.kept && model.index !== models[0]?.index && (
                        <button type="button" class="small" onClick={() => setAsking(rollBackAsk(model))}>
                          Roll back<span class="hidden"> to the model of round {model.round}</span>
                        </button>
                      )}
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {asking && <ReasonDialog ask={asking} close={() => setAsking(undefined)} />}
    </Card>
  );
}

const rollBackAsk = ({ round, accuracy }: ModelView): Ask => ({
  title: `Go back to the model of round ${count(round)}`,
  says: `It becomes the newest one by a signed record${accuracy === null ? '' : ` (accuracy ${percent(accuracy)})`}. A round that runs is given up, or finished first where its sum is being opened. No budget, no quarantine and no round number goes back. Every client reads the reason, and follows only where its own policy accepts roll-backs.`,
  verb: 'Roll back',
  dangerous: true,
  label: 'Reason, for every client and the audit log',
  most: 256,
  go: (reason) =>
    act('roll-back', { to: round, reason: reason.replaceAll(/\s+/g, ' ') }, `going back to round ${round}`),
});
