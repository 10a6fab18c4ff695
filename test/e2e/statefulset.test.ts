import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';
import { webServerRecipe, writeDockerArchive } from '../harness/image-archive.ts';

/** The StatefulSet of Kubernetes' own documents, word for word. */
const example = readFileSync(join(import.meta.dirname, 'documents-example.yaml'), 'utf8');

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly creationTimestamp: string };
    readonly status: {
      readonly conditions?: readonly {
        readonly type: string;
        readonly status: string;
        readonly lastTransitionTime: string;
      }[];
    };
  }[];
}

for (const kubectl of ['1.32', '1.33']) {
  // Both wait most of their time, for minReadySeconds and grace periods.
  test.concurrent(`the documents' StatefulSet comes up in order and keeps its data (kubectl ${kubectl})`, async () => {
    await using berth = await Berth.start({ kubectl });
    const archive = join(berth.dataDir, 'nginx.tar');
    await writeDockerArchive(archive, webServerRecipe('registry.k8s.io/nginx-slim:0.8'));
    expect(await berth.command('berth', ['image', 'load', archive, '--data-dir', berth.dataDir])).toMatchObject({
      code: 0,
    });
    await berth.apply(example);
    await berth.kubectl(['rollout', 'status', 'statefulset/web', '--timeout=120s']);

    const { items } = await berth.get<PodList>('pods', '-l', 'app=nginx');
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['web-0', 'web-1', 'web-2']);
    const readyAt = (i: number) =>
      Date.parse(items[i]?.status.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '');
    const createdAt = (i: number) => Date.parse(items[i]?.metadata.creationTimestamp ?? '');
    for (const i of [1, 2]) expect(createdAt(i) - readyAt(i - 1)).toBeGreaterThanOrEqual(9000);

    const page = '/usr/share/nginx/html/index.html';
    for (const i of [0, 1, 2]) await berth.kubectl(['exec', `web-${i}`, '--', 'sh', '-c', `echo pod ${i} > ${page}`]);
    const read = (i: number) => berth.kubectl(['exec', `web-${i}`, '--', 'cat', page]);

    await berth.replacePods('web-1');
    await berth.kubectl(['wait', '--for=condition=Ready', 'pod/web-1', '--timeout=120s']);
    expect(await read(1)).toBe('pod 1\n');

    await berth.stop('SIGKILL');
    await berth.up();
    expect(await read(2)).toBe('pod 2\n');

    await berth.kubectl(['scale', 'statefulset/web', '--replicas=1']);
    await eventually(async () => (await berth.get<PodList>('pods', '-l', 'app=nginx')).items.length === 1, {
      what: 'one pod',
    });
    expect(await berth.kubectl(['get', 'pvc', '-o', 'name'])).toContain('www-web-2');
    await berth.kubectl(['scale', 'statefulset/web', '--replicas=2']);
    await berth.kubectl(['wait', '--for=jsonpath={.status.availableReplicas}=2', 'statefulset/web', '--timeout=120s']);
    expect(await read(1)).toBe('pod 1\n');

    await berth.kubectl(['delete', 'statefulset', 'web']);
    await berth.kubectl(['wait', '--for=delete', 'pod', '-l', 'app=nginx', '--timeout=120s']);
    const claims = await berth.kubectl(['get', 'pvc', '-o', 'name']);
    expect(claims.trim().split('\n')).toHaveLength(3);
    await berth.kubectl(['delete', 'pvc', '--all']);
    await eventually(async () => (await berth.get<PodList>('pv')).items.length === 0, { what: 'no volume left' });
  });
}
