/** A process that writes as fast as it can and says what was acknowledged: `node store-writer.ts FILE`. */
import { systemClock } from '@berth/kit';
import { openSqliteStore } from '../../orchestrator/src/index.ts';

const store = await openSqliteStore({ file: process.argv[2] as string, clock: systemClock });
process.stdout.write('open\n');
for (let i = 0; ; i++) {
  const value = new TextEncoder().encode(`${process.pid}:${i}`);
  const writes = Array.from({ length: 8 }, (_, k) => store.write({ key: `/registry/things/${k}`, value }));
  for (const result of await Promise.all(writes)) if (result.ok) process.stdout.write(`${result.revision}\n`);
  if (i % 50 === 49) void store.compact(store.revision - 20).catch(() => undefined);
}
