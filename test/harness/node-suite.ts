import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fetchAgain } from '../../scripts/fetch-again.mjs';
import { type ClientSuite, output, resultsOf, titlesIn } from './client-suite.ts';
import { madeOnce } from './made-once.ts';

const source = join(import.meta.dirname, '../clients/node');
const titled = /^test\((?<quote>['"])(?<title>.+)\k<quote>, async/gm;

/** Tests of test/clients/node; the packages they need are installed here, once, as locked there: nothing of ours needs them. */
export function nodeSuite(file: string): ClientSuite {
  const packages = installed();
  return {
    tests: titlesIn(readFileSync(join(source, file), 'utf8'), titled).map(({ title }) => ({ name: title, title })),
    run: async (kubeconfig) => {
      // Modules are found from where a file is.
      const folder = mkdtempSync(join(packages, 'run-'));
      try {
        for (const name of [file, 'reporter.mjs']) cpSync(join(source, name), join(folder, name));
        const args = [
          '--test-force-exit',
          '--test-reporter=./reporter.mjs',
          '--test-reporter-destination=stdout',
          file,
        ];
        return resultsOf(await output(process.execPath, args, { cwd: folder, env: { KUBECONFIG: kubeconfig } }));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

function installed(): string {
  const files = ['package.json', 'package-lock.json'];
  const hash = createHash('sha256');
  for (const name of files) hash.update(readFileSync(join(source, name)));
  return madeOnce(`clients-node/${hash.digest('hex').slice(0, 16)}`, (target) => {
    mkdirSync(target);
    for (const name of files) cpSync(join(source, name), join(target, name));
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    fetchAgain('npm ci', () => execFileSync('npm', args, { cwd: target, stdio: ['ignore', 'ignore', 'inherit'] }));
  });
}
