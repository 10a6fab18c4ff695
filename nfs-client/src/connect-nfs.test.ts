import { FakeClock, seededRng, silentLogger, systemClock, systemRng } from '@berth/kit';
import { expect, test } from 'vitest';
import { connectNfs } from './connect-nfs.ts';
import type { ConnectNfsOptions } from './connect-options.ts';
import { ScriptedServer } from './testing/scripted-server.ts';

function options(port: number, more: Partial<ConnectNfsOptions> = {}): ConnectNfsOptions {
  const injected = { clock: systemClock, rng: systemRng, log: silentLogger };
  const ports = { nfsPort: port, mountPort: port, portmapPort: port };
  return { host: '127.0.0.1', export: '/x', uid: 0, gid: 0, ...ports, ...injected, ...more };
}

test.each([3, 4.1, 4.2, 'auto'] as const)(
  'version %s: aborting while a server never answers rejects at once',
  async (version) => {
    const stop = new AbortController();
    await using server = await ScriptedServer.start(() => stop.abort(new Error('enough')));
    await expect(connectNfs(options(server.port, { version }), stop.signal)).rejects.toThrow('enough');
    await expect.poll(() => server.openConnections).toBe(0);
  },
);

test.each([3, 4.1] as const)('version %s: a server that never answers is TIMEDOUT at the deadline', async (version) => {
  const clock = new FakeClock();
  const called = Promise.withResolvers<void>();
  await using server = await ScriptedServer.start(() => called.resolve());
  const fast = { version, clock, rng: seededRng(1), timeoutMs: 5000, stallMs: 60_000 };
  const connecting = connectNfs(options(server.port, fast), new AbortController().signal);
  const outcome = expect(connecting).rejects.toMatchObject({ code: 'TIMEDOUT' });
  await called.promise;
  await clock.advance(4999);
  await clock.advance(1);
  await clock.advance(2000);
  await outcome;
});

test('auto falls back to NFSv3, and says what NFSv3 said', async () => {
  const versions: string[] = [];
  await using server = await ScriptedServer.start((call) => {
    versions.push(`${call.program}/${call.version}`);
    if (call.program === 100005) return call.reply((writer) => writer.u32(2));
    call.args.opaque(100);
    const minor = call.args.u32();
    versions.push(`4.${minor}`);
    call.reply((writer) => writer.u32(10021).u32(0).u32(0));
  });
  const connecting = connectNfs(options(server.port), new AbortController().signal);
  await expect(connecting).rejects.toMatchObject({ code: 'NOENT' });
  expect(versions).toEqual(['100003/4', '4.2', '100003/4', '4.1', '100005/3']);
});

test('an export with .. in it is refused before anything is sent', async () => {
  await using server = await ScriptedServer.start((call) => call.reply());
  const connecting = connectNfs(
    options(server.port, { version: 4.1, export: '/a/../b' }),
    new AbortController().signal,
  );
  await expect(connecting).rejects.toMatchObject({ code: 'BAD_NAME' });
  expect(server.calls).toEqual([]);
});
