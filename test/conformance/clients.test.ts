import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { Berth } from '../harness/berth.ts';
import type { ClientRun, ClientSuite } from '../harness/client-suite.ts';
import { goSuite, goSuiteIsBuilt } from '../harness/go-suite.ts';
import { webServerRecipe, writeDockerArchive } from '../harness/image-archive.ts';
import { nodeSuite } from '../harness/node-suite.ts';
import { pythonSuite } from '../harness/python-suite.ts';

/** Its library takes more than a minute to compile; what it shares with the others is compiled for the sample controller too. */
const withHelm = process.env['BERTH_EVERY_CLIENT'] === '1' || goSuiteIsBuilt('helm');

/** Built and installed here, where no test's time runs. */
const suites: Readonly<Record<string, ClientSuite>> = {
  'client-go': goSuite('clientgo'),
  'controller-runtime': goSuite('controllerruntime'),
  ...(withHelm ? { Helm: goSuite('helm') } : {}),
  '@kubernetes/client-node': nodeSuite('client-node.test.mjs'),
  "Python's kubernetes": pythonSuite('test_kubernetes'),
  kubernetes_asyncio: pythonSuite('test_asyncio'),
};

const berth = await Berth.start();
afterAll(() => berth[Symbol.asyncDispose]());

/** What clients run programs in, read logs of and connect to. */
const shell = `
apiVersion: v1
kind: Pod
metadata: { name: shell }
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: berth.local/web:1
    command: [sh, -c, 'mkdir -p /www; echo served >/www/index.html; echo started; exec /bin/busybox httpd -f -p 80 -h /www']
    readinessProbe: { exec: { command: [wget, -q, -O, '-', 'http://127.0.0.1/'] }, periodSeconds: 1 }
`;

beforeAll(async () => {
  const archive = join(berth.dataDir, 'web.tar');
  await writeDockerArchive(archive, webServerRecipe('berth.local/web:1'));
  await berth.command('berth', ['image', 'load', archive, '--data-dir', berth.dataDir]);
  await berth.apply(shell);
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/shell', '--timeout=120s']);
});

/**
 * One after another, since definitions that one takes away are missed by others' discovery. Helm's run beside them: they
 * wait most of the time, and keep theirs.
 */
const runs = new Map<ClientSuite, Promise<ClientRun>>();
beforeAll(() => {
  let last: Promise<unknown> = Promise.resolve();
  for (const [client, suite] of Object.entries(suites)) {
    const run = (client === 'Helm' ? Promise.resolve() : last).then(() => suite.run(berth.ready.kubeconfig));
    if (client !== 'Helm') last = run;
    runs.set(suite, run);
  }
});

for (const [client, suite] of Object.entries(suites)) {
  describe(client, () => {
    for (const { name, title } of suite.tests) test(title, async () => (await runs.get(suite))?.check(name));
  });
}

if (!withHelm) test.skip("Helm's library is tried where it was built before, or with BERTH_EVERY_CLIENT=1");
