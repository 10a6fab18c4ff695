import { EventEmitter } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import { setImmediate } from 'node:timers/promises';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { outliveStreamErrors } from './outlive-stream-errors.ts';

class ASession extends EventEmitter {
  closed = false;
  destroyed = false;
  readonly pings: ((error: Error | null) => void)[] = [];

  ping(answered: (error: Error | null) => void): void {
    this.pings.push(answered);
  }

  destroy(_error?: Error | number, _code?: number): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function aSession() {
  const clock = new FakeClock();
  const session = new ASession();
  outliveStreamErrors(session as unknown as ServerHttp2Session, clock);
  return { clock, session };
}

const broken = Object.assign(new Error('Protocol error'), { errno: -505 });

test('a connection whose client answers outlives what broke one of its requests, however many', async () => {
  const { clock, session } = aSession();
  for (let i = 0; i < 3; i++) {
    session.destroy(broken);
    session.destroy(broken);
    await setImmediate();
    expect(session.pings).toHaveLength(i + 1);
    session.pings[i]?.(null);
    await clock.advance(5000);
    expect(session.destroyed).toBe(false);
  }
});

test('one that is over, which sends nothing any more, ends', async () => {
  const { clock, session } = aSession();
  session.destroy(broken);
  await setImmediate();
  await clock.advance(5000);
  expect(session.destroyed).toBe(true);
});

test.each<[string, [(Error | number)?, number?]]>([
  ['another error', [Object.assign(new Error('no memory'), { errno: -901 })]],
  ['an error that is told to the client', [broken, 1]],
  ['its end', []],
  ['a code', [2]],
])('%s ends a connection at once', (_what, how) => {
  const { session } = aSession();
  session.destroy(...how);
  expect(session.destroyed).toBe(true);
});
