import { createLogger, FakeClock, Metrics } from '@berth/kit';
import { grpcError } from '@berth/protos';
import { expect, test } from 'vitest';
import { connectDriver } from './connect-driver.ts';
import type { CsiClients } from './csi-clients.ts';

test('a driver that is not there is told of once by all who wait, and again at growing distance', async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = createLogger({
    level: 'warn',
    format: 'json',
    now: () => clock.now(),
    write: (line) => lines.push(line),
  });
  let isThere = false;
  const identity = {
    Probe: async () => {
      if (!isThere) throw grpcError('UNAVAILABLE', 'No connection established. Last error: connect ENOENT /x/csi.sock');
      return { ready: null };
    },
    GetPluginInfo: async () => ({ name: 'csi.x', vendorVersion: '1' }),
    GetPluginCapabilities: async () => ({ capabilities: [] }),
  };
  const clients = { identity, endpoint: 'unix:///x/csi.sock' } as unknown as CsiClients;
  const options = { clients, clock, log, metrics: new Metrics(), timeoutMs: 10_000 };
  const signal = new AbortController().signal;
  const waiting = [connectDriver(options, signal), connectDriver(options, signal)];
  for (let i = 0; i < 200; i++) await clock.advance(500);
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const message = 'waiting for the CSI driver, as nothing listens at its socket: start it, or name the socket it has';
  for (const each of told) expect(each).toMatchObject({ level: 'warn', message, socket: '/x/csi.sock' });
  const gaps = told.map(({ waitedSeconds }) => waitedSeconds as number);
  expect(gaps.length).toBeGreaterThan(3);
  expect(gaps.length).toBeLessThan(8);
  for (const [i, gap] of gaps.slice(2).entries())
    expect(gap - (gaps[i + 1] as number)).toBeGreaterThanOrEqual(2 ** (i + 1));
  isThere = true;
  for (let i = 0; i < 4; i++) await clock.advance(500);
  expect((await Promise.all(waiting)).map(({ name }) => name)).toEqual(['csi.x', 'csi.x']);
});
