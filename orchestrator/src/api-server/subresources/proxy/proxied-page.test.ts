import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { proxiedPage } from './proxied-page.ts';

async function passedOn(parts: readonly Buffer[], headers: Record<string, string>) {
  const message = Object.assign(Readable.from(parts), { headers }) as unknown as IncomingMessage;
  const answer = await proxiedPage(message, headers, (link) => (link.startsWith('/') ? `/proxy${link}` : undefined));
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.chunks) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const told = (answer.headers as Record<string, string>)['content-length'];
  if (told !== undefined) expect(Number(told)).toBe(body.length);
  return body;
}

/** With a byte that is no UTF-8. */
const page = Buffer.from('<a href="/x">\xe9', 'latin1');
const rewritten = Buffer.from('<a href="/proxy/x">\xe9', 'latin1');
const html = { 'content-type': 'text/html; charset=latin1', 'content-length': String(page.length) };

test('a page has its links rewritten, however it comes', async () => {
  expect(await passedOn([page.subarray(0, 5), page.subarray(5)], html)).toEqual(rewritten);
  const packed = gzipSync(page);
  const coding = { 'content-type': 'text/html', 'content-encoding': 'gzip' };
  expect(gunzipSync(await passedOn([packed], coding))).toEqual(rewritten);
});

test('what is no page, cannot be read or is larger than a page is passed on as it is', async () => {
  expect(await passedOn([page], { 'content-type': 'text/plain' })).toEqual(page);
  expect(await passedOn([page], {})).toEqual(page);
  for (const coding of ['br', 'gzip'])
    expect(await passedOn([page], { ...html, 'content-encoding': coding })).toEqual(page);
  const large = [page, Buffer.alloc(1024 * 1024, 'x'), page];
  expect(await passedOn(large, { 'content-type': 'text/html' })).toEqual(Buffer.concat(large));
  const bomb = gzipSync(Buffer.alloc(4 * 1024 * 1024));
  expect(await passedOn([bomb], { 'content-type': 'text/html', 'content-encoding': 'gzip' })).toEqual(bomb);
});
