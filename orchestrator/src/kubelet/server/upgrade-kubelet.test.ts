import type { IncomingMessage } from 'node:http';
import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { NodeApi } from '../../node-api.ts';
import { upgradeKubelet } from './upgrade-kubelet.ts';

const words = 'container not found ("c")';
const page: NodeApi['page'] = async () => ({ status: 500, contentType: 'text/plain', chunks: chunks() });
async function* chunks() {
  yield Buffer.from(words);
}

async function answer(url: string): Promise<string> {
  const [near, far] = duplexPair();
  const message = { method: 'GET' } as IncomingMessage;
  const node = { page } as NodeApi;
  const said = text(near);
  await upgradeKubelet({ message, socket: far, head: Buffer.alloc(0) }, { node, url }, new AbortController().signal);
  return said;
}

test('what a kubelet has against a stream comes with its length, by which clients of WebSockets read it', async () => {
  expect(await answer('/exec/ns/p/u/c?command=ls')).toBe(
    `HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: ${words.length}\r\nConnection: close\r\n\r\n${words}`,
  );
});

test('a log that is asked for with another protocol comes as it grows, without a length', async () => {
  expect(await answer('/containerLogs/ns/p/c?follow=true')).not.toContain('Content-Length');
});
