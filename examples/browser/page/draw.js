// A pad to draw a digit on, with pointer or finger. MNIST's own way of framing: the digit fills 20 × 20 pixels, its centre of mass
// is in the middle of 28 × 28. Not here: what is done with it.

const SIDE = 28;
const BOX = 20;

/** @returns `pixels()` (784 bytes, `undefined` for an empty pad) and `clear()` */
export function drawingPad(canvas, changed) {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  let last;
  let empty = true;
  const place = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [((event.clientX - left) / width) * canvas.width, ((event.clientY - top) / height) * canvas.height];
  };
  const stroke = (event) => {
    const [x, y] = place(event);
    context.lineWidth = canvas.width / 13;
    context.lineCap = 'round';
    context.strokeStyle = '#fff';
    context.beginPath();
    context.moveTo(...(last ?? [x, y]));
    context.lineTo(x, y);
    context.stroke();
    last = [x, y];
    empty = false;
    changed();
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    stroke(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (last !== undefined) stroke(event);
  });
  for (const end of ['pointerup', 'pointercancel'])
    canvas.addEventListener(end, () => {
      last = undefined;
    });
  return {
    clear() {
      context.clearRect(0, 0, canvas.width, canvas.height);
      empty = true;
      changed();
    },
    pixels: () => (empty ? undefined : framed(canvas, context)),
  };
}

/** The bounding box scaled to 20 pixels, the centre of mass to (14, 14). */
function framed(canvas, context) {
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  let [left, top, right, bottom, mass, sumX, sumY] = [width, height, 0, 0, 0, 0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const value = data[4 * (y * width + x) + 3];
      if (value === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
      mass += value;
      sumX += value * x;
      sumY += value * y;
    }
  if (mass === 0) return undefined;
  const scale = BOX / Math.max(right - left + 1, bottom - top + 1);
  const small = new OffscreenCanvas(SIDE, SIDE).getContext('2d');
  small.imageSmoothingQuality = 'high';
  small.setTransform(scale, 0, 0, scale, SIDE / 2 - (scale * sumX) / mass, SIDE / 2 - (scale * sumY) / mass);
  small.drawImage(canvas, 0, 0);
  const image = small.getImageData(0, 0, SIDE, SIDE).data;
  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => image[4 * i + 3]);
}
