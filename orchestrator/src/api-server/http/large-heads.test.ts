import { EventEmitter } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { expect, test } from 'vitest';
import { LargeHeads } from './large-heads.ts';

function aStream() {
  const answers: unknown[] = [];
  const stream = Object.assign(new EventEmitter(), { respond: (headers: object) => answers.push(headers), answers });
  return stream as unknown as ServerHttp2Stream & { readonly answers: readonly unknown[] };
}

test('of large heads as many are under way as there is memory for; others are not counted', () => {
  const heads = new LargeHeads();
  const streams = Array.from({ length: 200 }, aStream);
  const admitted = streams.filter((each) => heads.admits(each, 1000));
  expect(admitted).toEqual(streams.slice(0, 131));
  for (let i = 0; i < 10_000; i++) expect(heads.admits(aStream(), 64)).toBe(true);
});

test.each<[string, (stream: ServerHttp2Stream) => void]>([
  ['is answered', (stream) => stream.respond({ ':status': 200 })],
  ['ends', (stream) => stream.emit('close')],
])('one that %s makes room for another, once', (_what, end) => {
  const heads = new LargeHeads();
  const first = aStream();
  expect(heads.admits(first, 100_000)).toBe(true);
  expect(heads.admits(aStream(), 100_000)).toBe(false);
  end(first);
  first.emit('close');
  expect(heads.admits(aStream(), 100_000)).toBe(true);
  expect(heads.admits(aStream(), 100_000)).toBe(false);
});

test('what it is answered with is sent', () => {
  const stream = aStream();
  new LargeHeads().admits(stream, 1000);
  stream.respond({ ':status': 201 });
  expect(stream.answers).toEqual([{ ':status': 201 }]);
});
