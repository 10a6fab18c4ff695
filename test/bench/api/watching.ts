import { median, ms, type Table } from '../table.ts';
import { type ApiServer, namespace } from './api-server.ts';
import { ask } from './bench-api.ts';
import type { RawConnection } from './raw-connection.ts';

const maps = `/api/v1/namespaces/${namespace}/configmaps`;
const aMap = (name: string) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { k: 'v' } });

/** From the request that creates to the event that tells. */
export async function latencyOfEvents(table: Table, server: ApiServer): Promise<void> {
  const [writer, watcher] = await server.open(2);
  if (!writer || !watcher) throw new Error('no connections');
  const { body } = await ask(writer, 'GET', `${maps}?limit=1`);
  const { metadata } = JSON.parse(body.toString()) as { metadata: { resourceVersion: string } };
  let heard: (data: Buffer) => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    watcher.watch(`${maps}?watch=true&resourceVersion=${metadata.resourceVersion}`, (data) => heard(data), reject);
  });
  ended.catch(() => undefined);
  const times: number[] = [];
  for (let i = 0; i < 1200; i++) {
    const event = new Promise<void>((resolve) => {
      heard = (data) => (data.includes(`"event-${i}"`) ? resolve() : undefined);
    });
    const started = performance.now();
    await Promise.all([
      ask(writer, 'POST', maps, aMap(`event-${i}`)),
      Promise.race([event.then(() => times.push(performance.now() - started)), ended]),
    ]);
  }
  const counted = times.slice(200).toSorted((a, b) => a - b);
  const p99 = counted[Math.floor(counted.length * 0.99)] ?? 0;
  table.record(
    'create → watch event, p50; p99',
    '≤ 1; 4 ms',
    '2.4; 7.6 ms',
    `${median(counted).toFixed(2)}; ${p99.toFixed(1)} ms`,
  );
  writer[Symbol.dispose]();
  watcher[Symbol.dispose]();
  const [again] = await server.open(1);
  await ask(again, 'DELETE', maps);
  again?.[Symbol.dispose]();
}

/** How long until the last hundredth of a thousand watchers has heard of a change. */
export async function manyWatchers(table: Table, server: ApiServer): Promise<void> {
  const count = 1000;
  const atOnce = 100;
  const watchers = await server.open(count);
  const [writer] = await server.open(1);
  const heardAt = new Array<number>(count).fill(0);
  let missing = 0;
  let all: () => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;
  const { body } = await ask(writer, 'GET', `${maps}?limit=1`);
  const { metadata } = JSON.parse(body.toString()) as { metadata: { resourceVersion: string } };
  const begin = (watcher: RawConnection, index: number) =>
    new Promise<void>((begun, refused) => {
      const onData = (data: Buffer) => {
        begun();
        if (!data.includes('"ADDED"') || heardAt[index] !== 0) return;
        heardAt[index] = performance.now();
        if (--missing === 0) all();
      };
      watcher.watch(`${maps}?watch=true&resourceVersion=${metadata.resourceVersion}`, onData, (error) => {
        refused(error);
        failed(error);
      });
    });
  // One client may not begin more at once than its priority level has room for.
  for (let at = 0; at < count; at += atOnce)
    await Promise.all(watchers.slice(at, at + atOnce).map((watcher, i) => begin(watcher, at + i)));
  const p99s: number[] = [];
  for (let i = 0; i < 12; i++) {
    heardAt.fill(0);
    missing = count;
    const done = new Promise<void>((resolve, reject) => {
      all = resolve;
      failed = reject;
    });
    const started = performance.now();
    await Promise.all([ask(writer, 'POST', maps, aMap(`heard-${i}`)), done]);
    const times = heardAt.map((at) => at - started).toSorted((a, b) => a - b);
    if (i >= 2) p99s.push(times[Math.floor(count * 0.99)] ?? 0);
  }
  table.record('1,000 watchers hear of a change, p99', '≤ 50 ms', '–', ms(p99s));
  for (const watcher of [...watchers, writer]) watcher?.[Symbol.dispose]();
}
