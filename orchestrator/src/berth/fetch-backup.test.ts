import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@berth/kit';
import { expect, onTestFinished, test } from 'vitest';
import { backupContentType, encodeEnd, encodeRows } from '../store/backup-stream.ts';
import { receiveBackup } from './fetch-backup.ts';

const rows = encodeRows([{ revision: 1, key: '/a', created: 1, expires: null, value: new Uint8Array(100_000) }]);
const whole = Buffer.concat([rows, encodeEnd({ compacted: 0 })]);

interface Watched {
  readonly into?: string;
  readonly clock?: FakeClock;
  readonly waits?: () => void;
}

/** A backup as a server sends it. */
async function received(
  listener: RequestListener,
  { into = '', clock = new FakeClock(), waits = () => undefined }: Watched = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-fetch-'));
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const response = await new Promise<IncomingMessage>((resolve) => {
    get({ port: (server.address() as AddressInfo).port, agent: false }, resolve);
  });
  await receiveBackup(response, { server: 'https://here', to: join(folder, into, 'copy.db'), clock, waits });
}

const type = { 'content-type': backupContentType };

test('a server that ends while its backup is read is told as that, and not as a file that cannot be written', async () => {
  await received((_, response) => response.writeHead(200, type).end(whole));
  const breaksOff = received((_, response) => {
    response.writeHead(200, type).write(whole.subarray(0, 50_000), () => response.destroy());
  });
  await expect(breaksOff).rejects.toMatchObject({
    code: 'Failed',
    message: 'the server at https://here gave no whole backup: aborted',
  });
  const noFolder = received((_, response) => response.writeHead(200, type).end(whole), { into: 'nowhere' });
  await expect(noFolder).rejects.toMatchObject({ code: 'ENOENT' });
});

test('an answer that is no backup is told with what it says', async () => {
  const refuses = received((_, response) => response.writeHead(403).end('{"message":"not you"}'));
  await expect(refuses).rejects.toThrow('the server at https://here answers 403 to a backup: not you');
  const older = received((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  await expect(older).rejects.toThrow('the server at https://here is of another version');
});

test('who waits for another backup is told once; who is given rows at once is told nothing', async () => {
  const clock = new FakeClock();
  let told = 0;
  const watched = { clock, waits: () => void told++ };
  await received((_, response) => response.writeHead(200, type).end(whole), watched);
  await clock.advance(10_000);
  expect(told).toBe(0);
  const late = received(async (_, response) => {
    response.writeHead(200, type).flushHeaders();
    while (told === 0) {
      await clock.advance(1_000);
      await new Promise(setImmediate);
    }
    await clock.advance(10_000);
    response.end(whole);
  }, watched);
  await late;
  expect(told).toBe(1);
});
