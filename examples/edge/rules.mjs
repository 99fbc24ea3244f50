// When a device may work: functions without arguments that say yes or no, or promise to. What cannot be found out counts as yes, since
// most devices have no battery and no modem; a phone's app asks its own system instead. Linux only where it says /sys.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';

/** All of them say yes; asked in order, the cheap ones first. */
export const all =
  (...rules) =>
  async () => {
    for (const rule of rules) if (!(await rule())) return false;
    return true;
  };

/** @param hours "22-6": local time from 22:00 to 06:00; `now` is for tests */
export function withinHours(hours, now = () => new Date()) {
  const [from, to] = hours.split('-').map(Number);
  if (!Number.isInteger(from) || !Number.isInteger(to)) throw new TypeError(`hours "${hours}" are not like 22-6`);
  return () => {
    const hour = now().getHours();
    return from < to ? hour >= from && hour < to : hour >= from || hour < to;
  };
}

/** No battery, or it is being charged. /sys/class/power_supply of Linux. */
export const onMains =
  (folder = '/sys/class/power_supply') =>
  () =>
    textsIn(folder, 'status').every((status) => status !== 'Discharging');

/** No modem is up. /sys/class/net of Linux: wwan interfaces are mobile data. */
export const onUnmeteredNetwork =
  (folder = '/sys/class/net') =>
  () =>
    !namesIn(folder).some((name) => name.startsWith('wwan') && textOf(join(folder, name, 'operstate')) === 'up');

/** @param share of all processors that the last minute may have used */
export const idle =
  (share = 0.5, load = () => loadavg()[0]) =>
  () =>
    load() <= share * availableParallelism();

function namesIn(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
function textOf(path) {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
const textsIn = (folder, file) => namesIn(folder).map((name) => textOf(join(folder, name, file)));
