import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@berth/kit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { IdlePolling, idlePollingDevice, idlePollingPays } from './idle-polling.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-idle-polling-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function canOpen(path: string): boolean {
  try {
    closeSync(openSync(path, 'r+'));
    return true;
  } catch {
    return false;
  }
}

describe('idle polling', () => {
  const none = 2_000_000_000;

  function started() {
    const device = join(folder, 'cpu_dma_latency');
    writeFileSync(device, '');
    const clock = new FakeClock();
    const polling = new IdlePolling({ clock, forMs: 2, device });
    const asked = () => [...new Int32Array(new Uint8Array(readFileSync(device)).buffer)];
    return { clock, polling, asked };
  }

  test('asks for no latency with work, and no more a while after the last of it', async () => {
    const { clock, polling, asked } = started();
    using _ = polling;
    expect(asked()).toEqual([]);
    polling.worked();
    expect(asked()).toEqual([0]);
    await clock.advance(1.5);
    polling.worked();
    await clock.advance(1.5);
    expect(asked()).toEqual([0]);
    await clock.advance(0.5);
    expect(asked()).toEqual([0, none]);
    polling.worked();
    expect(asked()).toEqual([0, none, 0]);
  });

  test.runIf(canOpen(idlePollingDevice))('the kernel hears of it', () => {
    using polling = new IdlePolling({ clock: new FakeClock(), forMs: 2 });
    polling.worked();
    const fd = openSync(idlePollingDevice, 'r');
    const wanted = new Int32Array(1);
    readSync(fd, wanted);
    closeSync(fd);
    expect(wanted[0]).toBe(0);
  });

  test('is over when it is disposed', async () => {
    const { clock, polling, asked } = started();
    polling.worked();
    polling[Symbol.dispose]();
    polling[Symbol.dispose]();
    polling.worked();
    await clock.advance(10);
    expect(asked()).toEqual([0]);
  });

  test('says that there is no such device', () => {
    const device = join(folder, 'none');
    expect(() => new IdlePolling({ clock: new FakeClock(), forMs: 2, device })).toThrow('ENOENT');
  });

  test('pays by itself in small virtual machines', () => {
    expect(idlePollingPays(2, folder)).toBe(false);
    writeFileSync(join(folder, 'current_driver'), 'intel_idle\n');
    expect(idlePollingPays(2, folder)).toBe(false);
    writeFileSync(join(folder, 'current_driver'), 'haltpoll\n');
    expect(idlePollingPays(2, folder)).toBe(true);
    expect(idlePollingPays(64, folder)).toBe(false);
  });
});
