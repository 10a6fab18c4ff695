/**
 * Loaded into a program before its own code (`node --import`): ends it by SIGKILL at the n-th change it makes to the
 * machine, or at the first of a name, before or after it, as BERTH_DIE_AT says: `before 17`, `before ioctl fithaw`.
 */
import { flushCompileCache } from 'node:module';
import { watchSystemCalls } from './system-calls.ts';

const [when, ...words] = (process.env['BERTH_DIE_AT'] ?? '').split(' ');
const which = words.join(' ');
// Programs it starts live on.
delete process.env['BERTH_DIE_AT'];
let changes = 0;

function end(): never {
  flushCompileCache();
  process.kill(process.pid, 'SIGKILL');
  // The signal has come when kill(2) returns.
  for (;;);
}

watchSystemCalls(({ name, changes: changing }) => {
  if (!changing || (++changes !== Number(which) && name !== which)) return undefined;
  return { at: when === 'after' ? 'after' : 'before', end };
});
