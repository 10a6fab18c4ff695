import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClientResult, ClientRun, type ClientSuite, output, titlesIn } from './client-suite.ts';
import { builtGoProgram, moduleHash } from './go-program.ts';
import { testCache } from './made-once.ts';

const source = join(import.meta.dirname, '../clients/go');

/** A test's comment is its title. */
const titled = /^\/\/ (?<title>[^\n]+)\.\n(?:\/\/[^\n]*\n)*func (?<name>Test\w+)\(t \*testing\.T\) \{$/gm;

/** Go tests in a folder of test/clients/go, as the program that `go test` builds of them; built here. */
export function goSuite(folder: string): ClientSuite {
  const files = readdirSync(join(source, folder)).filter((file) => file.endsWith('_test.go'));
  const program = builtGoProgram({ name: programName(folder), source, package: folder, tests: true });
  return {
    tests: files.flatMap((file) => titlesIn(readFileSync(join(source, folder, file), 'utf8'), titled)),
    run: async (kubeconfig) => {
      const args = ['-test.v=test2json', '-test.timeout=780s', '-test.parallel=8'];
      const said = await output(program, args, { cwd: join(source, folder), env: { KUBECONFIG: kubeconfig } });
      return new ClientRun(resultsOf(said.stdout), said.stdout + said.stderr);
    },
  };
}

/** Whether the suite's program was built on this machine before. */
export function goSuiteIsBuilt(folder: string): boolean {
  return existsSync(join(testCache, programName(folder)));
}

function programName(folder: string): string {
  return `clients-${folder}/${moduleHash(source, ['cluster', folder])}`;
}

/** Go marks its own lines with this character where it is asked for `test2json`; others belong to the test named last. */
const mark = '\x16';

function resultsOf(text: string): ReadonlyMap<string, ClientResult> {
  const results = new Map<string, ClientResult>();
  const said = new Map<string, string[]>();
  let current = '';
  for (const line of text.split('\n')) {
    const [, what, name = ''] =
      /^(?:=== (RUN|NAME|CONT|PAUSE)|--- (?:PASS|FAIL|SKIP):) +(\S*)/.exec(line.split(mark).at(-1) ?? '') ?? [];
    if (line.includes(mark) && name !== '' && !name.includes('/')) {
      current = name;
      if (what === undefined)
        results.set(name, { passed: line.includes('--- PASS'), output: (said.get(name) ?? []).join('\n') });
    } else said.set(current, [...(said.get(current) ?? []), line]);
  }
  return results;
}
