// Somebody who watches the dashboard's live feed. Not a test.

/** Signs in with the start code and counts frames until `stop`. @throws Error where the coordinator does not let it in */
export async function watchFeed(url: string, code: string): Promise<{ readonly frames: number; stop(): void }> {
  const base = url.replace(/^ws/, 'http');
  const signedIn = await fetch(`${base}/api/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: base },
    body: JSON.stringify({ secret: code }),
  });
  if (!signedIn.ok) throw new Error(`signing in says ${signedIn.status}: ${await signedIn.text()}`);
  const cookie = (signedIn.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const ending = new AbortController();
  const feed = await fetch(`${base}/api/feed`, { headers: { cookie }, signal: ending.signal });
  if (!feed.ok || feed.body === null) throw new Error(`the feed says ${feed.status}`);
  const reader = feed.body.getReader();
  let frames = 0;
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      frames += decoder.decode(piece.value, { stream: true }).match(/^data:/gm)?.length ?? 0;
  };
  read().catch(() => undefined); // ends with `stop`
  return {
    get frames() {
      return frames;
    },
    stop: () => ending.abort(),
  };
}
