// The live feed as the page takes it. The browser comes back by itself and says what it knows (Last-Event-ID); where the coordinator
// refuses instead of being away, the page asks why. Not here: what rows mean (the views).

import { batch } from '@preact/signals';
import type { FeedFrame } from '../board/view.js';
import { whoAmI } from './api.js';
import { apply, connection, me } from './state.js';

const AGAIN_MS = 2_000;

/** Runs as long as somebody is signed in. @returns what ends it */
export function watchFeed(): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const take = (whole: boolean) => (event: MessageEvent<string>) =>
    batch(() => {
      apply(JSON.parse(event.data) as FeedFrame, whole);
      if (connection.value.state !== 'live') connection.value = { state: 'live' };
    });
  const open = (): void => {
    source = new EventSource('/api/feed');
    source.addEventListener('snapshot', take(true));
    source.addEventListener('delta', take(false));
    source.addEventListener('open', () => {
      if (connection.value.state === 'lost') connection.value = { state: 'live' };
    });
    source.addEventListener('error', () => {
      if (connection.value.state === 'live') connection.value = { state: 'lost', since: Date.now() };
      if (source?.readyState !== EventSource.CLOSED) return;
      void whoAmI().then(() => {
        if (me.value !== 'none') timer = setTimeout(open, AGAIN_MS);
      });
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
    connection.value = { state: 'opening' };
  };
}
