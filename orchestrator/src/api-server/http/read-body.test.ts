import { once } from 'node:events';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readBody } from './read-body.ts';

function pieces(...texts: readonly string[]): Readable {
  const stream = new Readable({ read: () => undefined });
  for (const text of texts) stream.push(text);
  return stream;
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

test('a body that came whole is read at once, and its stream ends', async () => {
  const stream = pieces('{"a":', '1}');
  expect(text(await readBody(stream, 7))).toBe('{"a":1}');
  const ended = once(stream, 'end');
  stream.push(null);
  await ended;
});

test('a body is waited for where less came than was announced, or nothing was', async () => {
  for (const announced of [7, 0]) {
    const stream = pieces('{"a":');
    const read = readBody(stream, announced);
    stream.push('1}');
    stream.push(null);
    expect(text(await read)).toBe('{"a":1}');
  }
});

test('a body that ends too early is an error', async () => {
  const stream = pieces('{"a":');
  const read = readBody(stream, 7);
  stream.destroy();
  await expect(read).rejects.toThrow('Premature close');
});
