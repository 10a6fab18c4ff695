import { expect, test } from 'vitest';
import type { Store, StoreEvent } from './store.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => (value ? new TextDecoder().decode(value) : undefined);

async function put(store: Store, key: string, value: string, expected?: number): Promise<number> {
  const result = await store.write({ key, value: bytes(value), ...(expected === undefined ? {} : { expected }) });
  if (!result.ok) throw new Error(`"${key}" is at ${result.current?.modRevision}`);
  return result.revision;
}

async function take(events: AsyncIterable<readonly StoreEvent[]>, count: number): Promise<StoreEvent[]> {
  const taken: StoreEvent[] = [];
  for await (const batch of events) {
    taken.push(...batch);
    if (taken.length >= count) break;
  }
  return taken;
}

const brief = ({ type, item, previous }: StoreEvent) => [type, item.key, text(item.value), text(previous?.value)];

/** What every Store does, whatever it stands on. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  test(`${name}: a written key is read back with its revisions`, async () => {
    await using store = await open();
    const first = await put(store, '/r/a/x', '1');
    const second = await put(store, '/r/a/x', '2');
    expect(second).toBe(first + 1);
    expect(await store.get('/r/a/x')).toMatchObject({ createRevision: first, modRevision: second });
    expect(text((await store.get('/r/a/x'))?.value)).toBe('2');
    expect(store.revision).toBe(second);
  });

  test(`${name}: a write whose expectation fails changes nothing and says what stands there`, async () => {
    await using store = await open();
    const revision = await put(store, '/r/a/x', '1', 0);
    const result = await store.write({ key: '/r/a/x', value: bytes('2'), expected: 0 });
    expect(result).toMatchObject({ ok: false, current: { modRevision: revision } });
    expect(await store.write({ key: '/r/a/none', expected: 7 })).toEqual({ ok: false, current: undefined });
    expect(store.revision).toBe(revision);
  });

  test(`${name}: of many writers who expect the same revision, one wins`, async () => {
    await using store = await open();
    const revision = await put(store, '/r/a/x', '0');
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => store.write({ key: '/r/a/x', value: bytes(`${i}`), expected: revision })),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(store.revision).toBe(revision + 1);
  });

  test(`${name}: that there is nothing of a resource is known until there is, and again when it is gone`, async () => {
    await using store = await open();
    if (!store.mayHave) return;
    await put(store, '/r/b/x', '1');
    expect(store.mayHave('/r/a/')).toBe(false);
    await put(store, '/r/a/x', '1');
    await put(store, '/r/a/x', '2');
    expect(store.mayHave('/r/a/')).toBe(true);
    await store.write({ key: '/r/a/x' });
    expect(store.mayHave('/r/a/')).toBe(false);
    expect(store.mayHave('/r/b/')).toBe(true);
  });

  test(`${name}: a deleted and recreated key starts anew`, async () => {
    await using store = await open();
    await put(store, '/r/a/x', '1');
    const deleted = await store.write({ key: '/r/a/x' });
    expect(deleted.ok).toBe(true);
    expect(await store.get('/r/a/x')).toBeUndefined();
    const again = await put(store, '/r/a/x', '2', 0);
    expect(await store.get('/r/a/x')).toMatchObject({ createRevision: again });
  });

  test(`${name}: ranges come in key order, in pages that stay at one revision`, async () => {
    await using store = await open();
    for (const key of ['/r/b/1', '/r/a/3', '/r/a/1', '/r/a/2', '/r/a/4']) await put(store, key, key);
    const page = await store.range({ prefix: '/r/a/', limit: 2 });
    expect(page.items.map(({ key }) => key)).toEqual(['/r/a/1', '/r/a/2']);
    expect(page.remaining).toBe(2);
    await put(store, '/r/a/25', 'new');
    await put(store, '/r/a/4', 'changed');
    await store.write({ key: '/r/a/3' });
    const next = await store.range({ prefix: '/r/a/', after: '/r/a/2', revision: page.revision });
    expect(next.items.map(({ key, value }) => [key, text(value)])).toEqual([
      ['/r/a/3', '/r/a/3'],
      ['/r/a/4', '/r/a/4'],
    ]);
    expect(next).toMatchObject({ revision: page.revision, remaining: 0 });
  });

  test(`${name}: a watch resumes after a revision, sees its prefix only and every change once`, async () => {
    await using store = await open();
    const controller = new AbortController();
    await put(store, '/r/a/x', '1');
    const after = await put(store, '/r/a/y', '1');
    await put(store, '/r/a/x', '2');
    const events = store.watch('/r/a/', after, controller.signal);
    await put(store, '/r/b/x', 'other');
    await store.write({ key: '/r/a/x' });
    await put(store, '/r/a/z', '1');
    const seen = await take(events, 3);
    expect(seen.map(brief)).toEqual([
      ['put', '/r/a/x', '2', '1'],
      ['delete', '/r/a/x', '2', '2'],
      ['put', '/r/a/z', '1', undefined],
    ]);
    const revisions = seen.map(({ item }) => item.modRevision);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    expect(revisions[1]).toBeGreaterThan(after + 1);
  });

  test(`${name}: a watch ends when its signal aborts`, async () => {
    await using store = await open();
    const controller = new AbortController();
    const all = Array.fromAsync(store.watch('/r/a/', 0, controller.signal));
    await put(store, '/r/a/x', '1');
    controller.abort();
    expect((await all).flat().length).toBeLessThanOrEqual(1);
  });

  test(`${name}: a watcher that does not read is ended, and told to list again`, async () => {
    await using store = await open();
    const controller = new AbortController();
    const events = store.watch('/r/a/', store.revision, controller.signal);
    for (let i = 0; i < 11; i++)
      await Promise.all(Array.from({ length: 1000 }, (_, k) => put(store, `/r/a/${k}`, `${i}`)));
    await expect(Array.fromAsync(events)).rejects.toMatchObject({ code: 'Compacted' });
  });

  test(`${name}: compacted revisions are refused, the newest state stays`, async () => {
    await using store = await open();
    const first = await put(store, '/r/a/x', '1');
    await put(store, '/r/a/gone', '1');
    await store.write({ key: '/r/a/gone' });
    const newest = await put(store, '/r/a/x', '2');
    await store.compact(newest);
    await expect(store.range({ prefix: '/r/a/', revision: first })).rejects.toMatchObject({ code: 'Compacted' });
    const watch = async () => Array.fromAsync(store.watch('/r/a/', first, new AbortController().signal));
    await expect(watch()).rejects.toThrow(/^too old resource version: \d+ \(\d+\)$/);
    expect((await store.range({ prefix: '/r/a/' })).items.map(({ value }) => text(value))).toEqual(['2']);
  });

  test(`${name}: a revision of the future is refused`, async () => {
    await using store = await open();
    const future = store.revision + 1;
    await expect(store.range({ prefix: '/', revision: future })).rejects.toMatchObject({ code: 'Future' });
  });

  test(`${name}: a closed store refuses everything`, async () => {
    const store = await open();
    await store[Symbol.asyncDispose]();
    await expect(store.get('/r/a/x')).rejects.toMatchObject({ code: 'Closed' });
    await expect(store.write({ key: '/r/a/x' })).rejects.toMatchObject({ code: 'Closed' });
  });
}
