// What this device may train on: a shard that it was given, or what the visitor drew. Nothing of it is sent anywhere.

const PIXELS = 784;

/** @returns a dataset of the served shard `name` */
export async function loadShard(name) {
  const response = await fetch(`/shards/${name}.bin`);
  if (!response.ok) throw new Error(`the shard ${name} could not be loaded (${response.status})`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const count = bytes.length / (PIXELS + 1);
  return datasetOf(bytes.slice(0, PIXELS * count), bytes.slice(PIXELS * count));
}

export const datasetOf = (inputs, labels) => ({ inputs, labels, shape: [PIXELS], classes: 10 });

/** @param drawings `{ pixels, label }`, pixels 784 bytes */
export function drawnDataset(drawings) {
  const inputs = new Uint8Array(PIXELS * drawings.length);
  drawings.forEach(({ pixels }, i) => {
    inputs.set(pixels, PIXELS * i);
  });
  return datasetOf(
    inputs,
    Uint8Array.from(drawings, ({ label }) => label),
  );
}

/** Paints 784 grey values on a canvas. */
export function paint(canvas, pixels) {
  canvas.width = 28;
  canvas.height = 28;
  const context = canvas.getContext('2d');
  const image = context.createImageData(28, 28);
  pixels.forEach((value, i) => {
    image.data.set([255, 255, 255, value], 4 * i);
  });
  context.putImageData(image, 0, 0);
}
