import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { outputsByTurns, TurnWriter } from './turn-writer.ts';

test('what is written in a turn is one write, behind what else the turn does', async () => {
  const seen: string[] = [];
  const writer = new TurnWriter((text) => seen.push(text));
  setImmediate(() => seen.push('other work'));
  writer.write('a\n');
  await Promise.resolve();
  writer.write('b\n');
  expect(seen).toEqual([]);
  await turn();
  expect(seen).toEqual(['other work', 'a\nb\n']);
  writer.write('c\n');
  await turn();
  expect(seen.at(-1)).toBe('c\n');
});

test('what is left as a process ends is written, once', async () => {
  const seen: string[] = [];
  const writer = new TurnWriter((text) => seen.push(text));
  writer.write('last words\n');
  writer.flush();
  writer.flush();
  await turn();
  expect(seen).toEqual(['last words\n']);
});

test('what goes to stdout is behind what went to stderr before it, as a terminal shows both', async () => {
  const seen: string[] = [];
  const stream = { write: (text: string) => seen.push(text) };
  const { out, err } = outputsByTurns({ stdout: stream, stderr: stream, on: () => undefined });
  err('ready\n');
  out('export KUBECONFIG=f\n');
  await turn();
  expect(seen).toEqual(['ready\n', 'export KUBECONFIG=f\n']);
});
