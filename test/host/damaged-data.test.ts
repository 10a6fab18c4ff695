import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Berth, dist, execute } from '../harness/berth.ts';

const program = [process.execPath, '--disable-warning=ExperimentalWarning', dist('berth')] as const;
const berth = (...args: string[]) => execute(program[0], [...program.slice(1), ...args], { timeoutMs: 60_000 });

/** A data directory of its own; disposing it removes whatever `berth up` began in it. */
function aDataDir() {
  const path = mkdtempSync(join(tmpdir(), 'berth-dmg-'));
  const remove = async () => {
    await berth('down', '--purge', '--data-dir', path);
    rmSync(path, { recursive: true, force: true });
  };
  return { path, [Symbol.asyncDispose]: remove };
}

const noise = Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * 7919) % 251));

interface Damage {
  readonly file: string;
  readonly content: Buffer;
  readonly says: RegExp;
}

const damages: readonly Damage[] = [
  {
    file: 'store/berth.db',
    content: noise,
    says: /^berth: store ".*berth\.db" is damaged \(file is not a database\); restore it from a backup, or move it away to start empty$/m,
  },
  {
    file: 'store/berth.db',
    content: Buffer.alloc(0),
    says: /^berth: store ".*berth\.db" is damaged \(the file is empty\); restore it/m,
  },
  {
    file: 'nodes/node-1/pool/catalog.db',
    content: noise,
    says: /^berth: the CSI driver of node-1 does not start: the catalog .*catalog\.db is damaged \(file is not a database\); the data of the volumes was not touched\. Run `csi-driver recover --pool .*, or restore /m,
  },
  {
    file: 'network.json',
    content: noise,
    says: /^berth: .*\/network\.json is damaged: it does not tell which network the pods have\n {2}end the pods, .*: berth down --data-dir .* && rm /m,
  },
  {
    file: 'network.json',
    content: Buffer.from('{"octet":999}'),
    says: /network\.json is damaged/,
  },
];

for (const { file, content, says } of damages) {
  test.concurrent(`berth up with ${content.length} bytes of no use as ${file} says what to do and ends`, async () => {
    await using data = aDataDir();
    mkdirSync(join(data.path, file, '..'), { recursive: true });
    writeFileSync(join(data.path, file), content);
    const { code, stderr } = await berth('up', '--data-dir', data.path, '--port', '0');
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(1);
  });
}

test('a store that was cut is refused in one line', async () => {
  await using cut = await Berth.start();
  await cut.stop();
  truncateSync(join(cut.dataDir, 'store/berth.db'), 5000);
  const { code, stderr } = await berth('up', '--data-dir', cut.dataDir, '--port', '0');
  expect(stderr).toMatch(
    /^berth: store ".*" is damaged \(.*\); restore it from a backup, or move it away to start empty\n$/,
  );
  expect(code).toBe(1);
});
