import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { Berth } from '../harness/berth.ts';
import type { ClientRun } from '../harness/client-suite.ts';
import { kubernetesE2e, kubernetesVersion, runSuite, startWorkloadControllers } from '../harness/kubernetes-e2e.ts';
import { writeE2eImages } from '../harness/kubernetes-e2e-images.ts';

/**
 * Kubernetes' own e2e suite against `berth up`: the cases that `kubernetes-e2e/*.txt` lists, a line each. Deployments and the like are
 * upstream's controllers', a client as any other.
 */
const programs = kubernetesE2e();
const folder = join(import.meta.dirname, 'kubernetes-e2e');
const only = process.env['BERTH_KUBERNETES_E2E_CASES'];

const lists = readdirSync(folder)
  .filter((file) => file.endsWith('.txt'))
  .map((file) => ({
    title: file.replace('.txt', ''),
    args: driverOf(file),
    cases: readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && (only === undefined || line.includes(only))),
  }))
  .filter(({ cases }) => cases.length > 0);

/** Cases about any CSI driver are tried with volumes of ours of one kind, which a file beside their list describes. */
function driverOf(file: string): string[] {
  const definition = join(folder, file.replace('.txt', '.yaml'));
  return existsSync(definition) ? [`--storage.testdriver=${definition}`] : [];
}

if (programs === undefined) test.skip("Kubernetes' own e2e suite is tried with BERTH_KUBERNETES_E2E=1");
else suite(programs);

function suite(programs: string): void {
  const stack = new AsyncDisposableStack();
  const runs = new Map<string, ClientRun>();

  beforeAll(async () => {
    const berth = stack.use(await Berth.start({ nodes: 2 }));
    const { kubeconfig } = berth.ready;
    const agnhost = join(programs, 'agnhost');
    const images = await writeE2eImages(join(berth.dataDir, 'e2e-images'), { agnhost, version: kubernetesVersion });
    for (const image of images) await berth.command('berth', ['image', 'load', image, '--data-dir', berth.dataDir]);
    stack.use(startWorkloadControllers(programs, kubeconfig));
    const directory = join(berth.dataDir, 'e2e');
    await berth.apply(readFileSync(join(folder, 'classes.yaml'), 'utf8'));
    for (const { title, cases, args } of lists) {
      const own = join(directory, title);
      mkdirSync(own, { recursive: true });
      runs.set(title, await runSuite({ programs, kubeconfig, cases, directory: own, args }));
    }
  }, 4 * 3600_000);
  afterAll(() => stack.disposeAsync());

  for (const { title, cases } of lists)
    describe(title, () => {
      for (const name of cases) test(name, () => runs.get(title)?.check(name));
    });
}
