import { expect, test } from 'vitest';
import { EventWindow } from './event-window.ts';
import type { KeyValue } from './store.ts';

const item = (modRevision: number, bytes: number): KeyValue => ({
  key: '/registry/things/a',
  value: new Uint8Array(bytes),
  createRevision: 1,
  modRevision,
});

test.each([
  ['are large', { now: 1000, before: 10 }],
  ['were large before', { now: 10, before: 1000 }],
  ['are as large as before', { now: 1000, before: 1000 }],
])('a window keeps few events whose values %s', (_, { now, before }) => {
  const window = new EventWindow({ events: 1000, bytes: 10_000 });
  for (let revision = 1; revision <= 100; revision++)
    window.push({ type: 'put', item: item(revision, now), previous: item(revision - 1, before) });
  const kept = [...window.after(0)];
  expect(kept).toHaveLength(7);
  expect(window.start).toBe(100 - kept.length);
});
