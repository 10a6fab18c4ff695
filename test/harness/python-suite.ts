import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchAgain } from '../../scripts/fetch-again.mjs';
import { type ClientSuite, output, resultsOf, titlesIn } from './client-suite.ts';
import { madeOnce } from './made-once.ts';

const source = join(import.meta.dirname, '../clients/python');
const titled = /^ {4}(?:async )?def (?<name>test_\w+)\(self\):\n {8}"""(?<title>[^\n]+?)\.?"""$/gm;

/** Python tests of test/clients/python; the packages they need are installed here, once, by pip from pinned hashes. */
export function pythonSuite(module: string): ClientSuite {
  const python = pythonWithPip();
  const packages = installed(python);
  return {
    tests: titlesIn(readFileSync(join(source, `${module}.py`), 'utf8'), titled),
    run: async (kubeconfig) => {
      const env = { KUBECONFIG: kubeconfig, PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: '1' };
      return resultsOf(await output(python, ['run.py', module], { cwd: source, env }));
    },
  };
}

/** For the Python that will use them: some are compiled. */
function installed(python: string): string {
  const requirements = join(source, 'requirements.txt');
  const version = execFileSync(python, ['-c', 'import sys; print(sys.implementation.cache_tag)'], { encoding: 'utf8' });
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16);
  return madeOnce(`clients-python/${version.trim()}-${hash}`, (target) => {
    const pinned = ['--no-deps', '--require-hashes', '--only-binary=:all:', '--requirement', requirements];
    const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', target, ...pinned];
    fetchAgain('pip install', () => execFileSync(python, args, { stdio: ['ignore', 'ignore', 'inherit'] }));
  });
}

/** @throws Error – there is none. */
function pythonWithPip(): string {
  const candidates = ['python3', '/usr/bin/python3', '/usr/local/bin/python3'];
  const found = candidates.find((python) => {
    try {
      execFileSync(python, ['-m', 'pip', '--version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new Error("the tests of Python's client need pip; install it: apt-get install python3-pip");
  return found;
}
