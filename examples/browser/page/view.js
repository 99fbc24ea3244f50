// What the page shows: text into places, two small pictures. No decisions here. Nothing sets a style, so the policy needs no exception.

const ORDER = ['joined', 'training', 'uploaded', 'answered'];
const ENDS = {
  answered: 'Done: your update is in the sum',
  contributed: 'Over: your masked update was sent, the sum was opened without your help',
  aborted: 'The round was given up; the next one follows',
  refused: 'The coordinator refused this update',
  left: 'This device left the round',
  guarded: 'This page refused the round',
};

const bytes = (n) => (n < 1_000 ? `${n} B` : n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(2)} MB`);

export function show($) {
  const history = [];
  const phases = [...document.querySelectorAll('#phases li')];
  const at = (stage, done = false) => {
    const now = ORDER.indexOf(stage);
    phases.forEach((item, i) => {
      if (now < 0) delete item.dataset.at;
      else item.dataset.at = i < now || done ? 'done' : i === now ? 'now' : 'later';
    });
  };
  return {
    status(state, text) {
      $('status').dataset.state = state;
      $('status-text').textContent = text;
    },
    problem(text) {
      $('problem').hidden = text === undefined;
      $('problem').textContent = text ?? '';
    },
    joined(yes) {
      $('join').textContent = yes ? 'Leave' : 'Take part';
      for (const input of document.querySelectorAll('input[name=source], #shard')) input.disabled = yes;
      $('join-hint').textContent = yes
        ? 'You take part. Close this tab whenever you like: the others go on.'
        : 'Training runs in the background. You can leave at any time.';
      if (!yes) at(undefined);
    },
    identity(id) {
      $('identity').textContent = id;
    },
    policy({ minGroup, minThreshold, maxClipNorm, maxRounds, privacy: { record } }) {
      $('most').textContent = String(maxRounds);
      $('hidden-by').textContent = `at least ${minThreshold - 1} of ${minGroup - 1}`;
      $('clip').textContent = `length ${maxClipNorm}`;
      $('epsilon-most').textContent = String(record.epsilon);
      $('epsilon-text').textContent =
        `Noise is added here, for every single digit, before anything is masked. Whoever sees everything that leaves, now and later, can tell whether one digit of yours was there at most e^ε times better than by guessing (but for chance δ = ${record.delta}). This page keeps the account in its own ledger and trains no more once ε would pass ${record.epsilon}.`;
    },
    /** What single digits have paid so far, the newest update included. */
    epsilon({ epsilon, delta, budget }) {
      $('epsilon').textContent = epsilon.toFixed(2);
      $('epsilon').title = `at δ = ${delta}`;
      $('epsilon-meter').value = epsilon / budget.epsilon;
      $('epsilon-meter').textContent = `${epsilon.toFixed(2)} of ${budget.epsilon}`;
    },
    spent(contributed, { maxRounds }) {
      $('spent').textContent = String(contributed);
      $('meter').value = contributed / maxRounds;
      $('meter').textContent = `${contributed} of ${maxRounds} rounds`;
    },
    round(news) {
      const { round } = news.run;
      if (news.stage === 'ended') {
        $('round-text').textContent = `Round ${round}`;
        this.status('waiting', ENDS[news.how]);
        at(news.how === 'answered' ? 'answered' : undefined, true);
        return;
      }
      this.status('in', `In round ${round}`);
      $('round-text').textContent = `Round ${round}`;
      if (news.stage === 'trained') at('uploaded');
      else if (news.stage === 'uploaded') at('answered');
      else if (ORDER.includes(news.stage)) at(news.stage);
    },
    sent({ input, shares, rest }) {
      $('sent-input').textContent = bytes(input);
      $('sent-shares').textContent = bytes(shares);
      $('sent-rest').textContent = bytes(rest);
    },
    /** The masked coordinates as grey values: noise, whatever the update was. */
    sample(values) {
      const canvas = $('sample');
      const context = canvas.getContext('2d');
      const image = context.createImageData(28, 28);
      for (let i = 0; i < 28 * 28; i++) {
        const value = values[i] ?? 0;
        image.data.set([value, value, value, 255], 4 * i);
      }
      context.putImageData(image, 0, 0);
      canvas.setAttribute('aria-label', 'Bytes of your masked update: noise');
      $('sample-text').textContent =
        'Bytes of your last update as they were sent. Without the masks of all others nobody can tell them from noise.';
    },
    accuracy(round, accuracy) {
      history.push({ round, accuracy });
      $('accuracy').textContent = `${(100 * accuracy).toFixed(1)} %`;
      draw($('curve'), history);
    },
  };
}

/** Accuracy over rounds, axis from 0 to 100 %. */
function draw(svg, history) {
  const make = (name, attributes, text = '') => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
    element.textContent = text;
    return element;
  };
  const last = history.at(-1);
  const first = history[0].round;
  const span = Math.max(1, last.round - first);
  const x = ({ round }) => 30 + (270 * (round - first)) / span;
  const y = ({ accuracy }) => 75 - 65 * accuracy;
  const rules = [0, 0.5, 1].flatMap((accuracy) => [
    make('line', { class: 'axis', x1: 30, x2: 312, y1: y({ accuracy }), y2: y({ accuracy }) }),
    make('text', { x: 24, y: y({ accuracy }) + 3, 'text-anchor': 'end' }, `${100 * accuracy}`),
  ]);
  const points = history.map((one) => `${x(one)},${y(one)}`).join(' ');
  svg.replaceChildren(
    ...rules,
    history.length > 1
      ? make('polyline', { class: 'line', points })
      : make('circle', { class: 'line', cx: x(last), cy: y(last), r: 2 }),
    make('text', { x: 30, y: 88 }, `round ${first}`),
    make('text', { x: 312, y: 88, 'text-anchor': 'end' }, `round ${last.round}`),
  );
  svg.setAttribute(
    'aria-label',
    `Accuracy over rounds: ${(100 * last.accuracy).toFixed(1)} per cent after round ${last.round}`,
  );
}
