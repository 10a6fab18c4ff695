import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take longest, from the longest on. One that begins last keeps its whole lane waiting. */
const longest = [
  'nfs-and-sanity.test.ts',
  'quota.test.ts',
  'crash.test.ts',
  'etcd.test.ts',
  'etcd-faults.test.ts',
  'crash-parts.test.ts',
  'statefulset.test.ts',
  'bad-input.test.ts',
  'kubectl-surface.test.ts',
  'csi-power-loss.test.ts',
  'pods.test.ts',
  'nfs-volumes.test.ts',
  'official-sidecars.test.ts',
  'csi-nfs.test.ts',
  'csi-failpoints.test.ts',
  'csi-nfs-node.test.ts',
  'csictl-conformance.test.ts',
  'csi-faults.test.ts',
  'csi-interrupted.test.ts',
  'csi-sanity.test.ts',
  'csi-image.test.ts',
  'pools.test.ts',
  'csi-nfs-failpoints.test.ts',
  'csi-kill.test.ts',
];

function placeOf({ moduleId }: TestSpecification): number {
  const place = longest.indexOf(basename(moduleId));
  return place < 0 ? longest.length : place;
}

/** The order of a machine that has not measured the files yet, as CI's. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}
