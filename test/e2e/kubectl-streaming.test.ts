import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { localNode, startStub } from './streaming-stub.ts';

/** Old kubectl speaks SPDY, new ones WebSocket; both must work. They stand beside `kubectl` as `kubectl.1.33`. */
const folder = process.env['KUBECTL_DIR'] ?? kubectlFolder();
const versions = ['1.27', '1.28', '1.30', '1.31', '1.33'].filter((version) =>
  existsSync(`${folder}/kubectl.${version}`),
);
function kubectlFolder(): string {
  const folders = (process.env['PATH'] ?? '').split(':');
  const found = folders.map((each) => join(each, 'kubectl')).find((path) => existsSync(path));
  return found === undefined ? '' : dirname(realpathSync(found));
}

const sha = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

async function harness(version: string) {
  const stub = await startStub(localNode());
  const home = await mkdtemp(join(tmpdir(), 'berth-streaming-'));
  const args = (rest: readonly string[]) => ['--kubeconfig', '/dev/null', '-s', stub.url, ...rest];
  const options = { reject: false, timeout: 60_000, encoding: 'buffer' as const };
  return {
    stub,
    home,
    run: (input: Uint8Array | undefined, ...rest: string[]) =>
      execa(`${folder}/kubectl.${version}`, args(rest), { ...options, ...(input ? { input } : { stdin: 'ignore' }) }),
    start: (...rest: string[]) => execa(`${folder}/kubectl.${version}`, args(rest), { reject: false, buffer: false }),
    [Symbol.asyncDispose]: async () => {
      await stub[Symbol.asyncDispose]();
      await rm(home, { recursive: true });
    },
  };
}

test.skipIf(versions.length > 0)('needs kubectl binaries, and there are none', () => expect(versions).toEqual([]));

test.each(versions)('kubectl %s exec keeps output apart and returns the exit code', async (version) => {
  await using h = await harness(version);
  const result = await h.run(undefined, 'exec', 'p', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3');
  expect([result.exitCode, String(Buffer.from(result.stdout))]).toEqual([3, 'out']);
  expect(String(Buffer.from(result.stderr))).toContain('err');
  expect(h.stub.upgrades).toEqual([Number(version.slice(2)) >= 30 ? 'GET websocket' : 'POST SPDY/3.1']);
});

test.each(versions)('kubectl %s carries large input and output unharmed', async (version) => {
  await using h = await harness(version);
  const data = randomBytes(20_000_000);
  const echoed = await h.run(data, 'exec', '-i', 'p', '--', 'sha256sum');
  expect(String(Buffer.from(echoed.stdout)).slice(0, 64)).toBe(sha(data));
  const source = join(h.home, 'source');
  await writeFile(source, data);
  await h.run(undefined, 'cp', source, `p:${h.home}/there`);
  expect(sha(await readFile(join(h.home, 'there')))).toBe(sha(data));
  await h.run(undefined, 'cp', `p:${h.home}/there`, join(h.home, 'back'));
  expect(sha(await readFile(join(h.home, 'back')))).toBe(sha(data));
});

test.each(versions)('kubectl %s port-forward connects many times over one connection', async (version) => {
  await using h = await harness(version);
  const data = randomBytes(5_000_000);
  const backend = createServer((_, response) => response.end(data)).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const forward = h.start('port-forward', 'p', `:${(backend.address() as AddressInfo).port}`);
  try {
    const [line] = (await once(forward.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    const port = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1];
    const fetches = Array.from({ length: 5 }, async () => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
      return sha(new Uint8Array(await response.arrayBuffer()));
    });
    expect(new Set(await Promise.all(fetches))).toEqual(new Set([sha(data)]));
    expect(h.stub.upgrades).toEqual([Number(version.slice(2)) >= 31 ? 'GET websocket' : 'POST SPDY/3.1']);
  } finally {
    forward.kill();
    await forward;
    backend.closeAllConnections();
    backend.close();
  }
});
