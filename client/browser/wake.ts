// What a page can do about sleeping: browsers slow the timers of hidden tabs to one a minute and freeze pages on phones. Sockets are
// closed meanwhile and deadlines are the coordinator's; so the one thing worth doing is to be back at once. Not here: waiting (reconnect.ts).

/** Connects again without waiting when the page is seen again, thawed, or back online. Returns the function that ends it. */
export function wakeWithPage(client: { wake(): void }): () => void {
  const wake = (): void => {
    if (globalThis.document === undefined || document.visibilityState === 'visible') client.wake();
  };
  const sources: readonly (readonly [EventTarget | undefined, string])[] = [
    [globalThis, 'online'],
    [globalThis, 'pageshow'],
    [globalThis.document, 'visibilitychange'],
    [globalThis.document, 'resume'],
  ];
  for (const [target, event] of sources) target?.addEventListener(event, wake);
  return () => {
    for (const [target, event] of sources) target?.removeEventListener(event, wake);
  };
}
