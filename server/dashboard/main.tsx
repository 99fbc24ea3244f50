// The dashboard starts here: theme, clock, address, who is signed in, then the page. Bundled by tools/build-dashboard.mjs.
import { render } from 'preact';
import { whoAmI } from './api.js';
import { App } from './app.js';
import { me, now, route, routeOf } from './state.js';
import { startTheme } from './theme.js';

startTheme();
addEventListener('hashchange', () => {
  route.value = routeOf(location.hash);
});
setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now();
}, 1_000);
const AGAIN_MS = 3_000;
async function begin(): Promise<void> {
  await whoAmI();
  if (me.value === undefined) setTimeout(() => void begin(), AGAIN_MS);
}
void begin();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
