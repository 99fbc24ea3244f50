// Small pieces that every view is made of: cards, tags, sparklines, empty and broken states, the dialog that asks for a reason.
// Not here: anything about federations.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

export function Card(props: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly wide?: boolean;
}): JSX.Element {
  const id = useId();
  return (
    <section class={props.wide ? 'card wide' : 'card'} aria-labelledby={id}>
      <header>
        <h2 id={id}>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

/** A table that scrolls sideways by itself, also by keyboard. @param columns a name in brackets: numbers, to the right */
export const Table = (props: {
  readonly name: string;
  readonly columns: readonly (string | readonly [string])[];
  readonly children: ComponentChildren;
}): JSX.Element => (
  <div class="scroll" role="region" aria-label={`Table of ${props.name}`} tabIndex={0}>
    <table>
      <thead>
        <tr>
          {props.columns.map((column) =>
            typeof column === 'string' ? (
              <th key={column} scope="col">
                {column}
              </th>
            ) : (
              <th key={column[0]} scope="col" class="num">
                {column[0]}
              </th>
            ),
          )}
        </tr>
      </thead>
      <tbody>{props.children}</tbody>
    </table>
  </div>
);

export type Tone = 'good' | 'warn' | 'bad' | 'calm';
export const Tag = (props: { readonly tone: Tone; readonly children: ComponentChildren }): JSX.Element => (
  <span class={`tag ${props.tone}`}>{props.children}</span>
);

export const Empty = (props: { readonly title: string; readonly children?: ComponentChildren }): JSX.Element => (
  <div class="empty">
    <p class="strong">{props.title}</p>
    {props.children !== undefined && <p>{props.children}</p>}
  </div>
);

export const Loading = (props: { readonly what: string }): JSX.Element => (
  <div class="empty" role="status">
    <span class="pulse" aria-hidden="true" />
    <p>{props.what}</p>
  </div>
);

export const Broken = (props: { readonly text: string; readonly again?: () => void }): JSX.Element => (
  <div class="empty bad" role="alert">
    <p class="strong">That did not work</p>
    <p>{props.text}</p>
    {props.again && (
      <button type="button" onClick={props.again}>
        Try again
      </button>
    )}
  </div>
);

export const Fact = (props: { readonly name: string; readonly children: ComponentChildren }): JSX.Element => (
  <div class="fact">
    <dt>{props.name}</dt>
    <dd>{props.children}</dd>
  </div>
);

/** A line of numbers without axes. @param label says in words what it shows */
export function Spark(props: {
  readonly values: readonly number[];
  readonly label: string;
  readonly top?: number;
}): JSX.Element {
  const { values, label, top = 1 } = props;
  const most = Math.max(top, ...values);
  const points = values.map(
    (value, i) => `${((i + 0.5) * 80) / Math.max(values.length, 12)},${20 - (18 * value) / most}`,
  );
  return (
    <svg class="spark" viewBox="0 0 80 22" role="img" aria-label={label}>
      <polyline points={points.join(' ')} />
    </svg>
  );
}

/** One letter of STEPS as a cell with a name. */
export const STEP_NAMES: Readonly<Record<string, readonly [name: string, title: string]>> = {
  '.': ['invited', 'invited'],
  k: ['early', 'keys sent'],
  s: ['early', 'shares sent'],
  m: ['mid', 'masked update sent'],
  v: ['mid', 'sketch sent'],
  c: ['late', 'signed'],
  u: ['late', 'unmasked'],
  '+': ['counted', 'in the sum'],
  x: ['dropped', 'dropped out'],
  '!': ['excluded', 'left out'],
  '#': ['void', 'round void'],
};

export function Strip(props: { readonly letters: string; readonly label: string }): JSX.Element {
  return (
    <span class="strip" role="img" aria-label={props.label}>
      {[...props.letters].map((letter, i) => (
        // a cell is its place, and has no state.
        <i key={i} class={STEP_NAMES[letter]?.[0] ?? ''} title={STEP_NAMES[letter]?.[1] ?? letter} />
      ))}
    </span>
  );
}

export interface Ask {
  readonly title: string;
  readonly says: string;
  readonly verb: string;
  readonly dangerous?: boolean;
  /** Who reads the reason; else the audit log alone. */
  readonly label?: string;
  /** Characters of the reason. */
  readonly most?: number;
  /** Asks for a number beside the reason. */
  readonly number?: { readonly label: string; readonly value: number };
  readonly go: (reason: string, number: number) => Promise<boolean>;
}

/** Native dialog: focus stays inside, Escape closes it, and it comes back to the button that opened it. */
export function ReasonDialog(props: { readonly ask: Ask; readonly close: () => void }): JSX.Element {
  const { ask, close } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [number, setNumber] = useState(ask.number?.value ?? 1);
  const [busy, setBusy] = useState(false);
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const go = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    if (await ask.go(reason, number)) dialog.current?.close();
    else setBusy(false);
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby={`${id}t`}>
      <form onSubmit={(event) => void go(event)}>
        <h2 id={`${id}t`}>{ask.title}</h2>
        <p>{ask.says}</p>
        {ask.number && (
          <label>
            {ask.number.label}
            <input
              type="number"
              min={1}
              max={100000}
              required
              value={number}
              onInput={(event) => setNumber(Number(event.currentTarget.value))}
            />
          </label>
        )}
        <label>
          {ask.label ?? 'Reason, for the audit log'}
          <textarea
            required
            minLength={3}
            maxLength={ask.most ?? 400}
            rows={2}
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        <div class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button
            type="submit"
            class={ask.dangerous ? 'danger' : 'primary'}
            disabled={busy || reason.trim().length < 3}
          >
            {ask.verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}
