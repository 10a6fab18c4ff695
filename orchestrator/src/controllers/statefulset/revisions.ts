import { exactIntegers } from '@berth/kit';
import { type ControllerRevision, type StatefulSet, sortedJson } from '@berth/kube';
import { controllerRef } from './identity.ts';

/** Label of the hash a revision is named by (apps ControllerRevisionHashLabelKey). */
const hashLabel = 'controller.kubernetes.io/hash';

/** What a revision remembers: the whole pod template, to replace another with. */
function revisionData(set: StatefulSet): unknown {
  return { spec: { template: { ...exactIntegers(set.spec?.template), $patch: 'replace' } } };
}

/** A revision of the set's template as it is now; its name is the hash of its content, so that the same content has the same name. */
export function newRevision(set: StatefulSet, number: number, collisionCount: number): ControllerRevision {
  const data = revisionData(set);
  const hash = hashRevision(sortedJson(data), collisionCount);
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${set.metadata.name}-${hash}`,
      namespace: set.metadata.namespace as string,
      labels: { ...set.spec?.template?.metadata?.labels, [hashLabel]: hash },
      ...(set.metadata.annotations ? { annotations: set.metadata.annotations } : {}),
      ownerReferences: [controllerRef(set)],
    },
    data: data as Record<string, unknown>,
    revision: number,
  };
}

/** The set as it was at a revision: everything of today but the pod template. */
export function applyRevision(set: StatefulSet, revision: ControllerRevision): StatefulSet {
  const data = revision.data as { spec?: { template?: Record<string, unknown> } } | undefined;
  const { $patch: _, ...template } = data?.spec?.template ?? {};
  return { ...set, spec: { ...set.spec, template } as NonNullable<StatefulSet['spec']> };
}

export function sameTemplate(a: ControllerRevision, b: ControllerRevision): boolean {
  return sortedJson(exactIntegers(a.data)) === sortedJson(exactIntegers(b.data));
}

const safeAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** FNV-1 (32 bit) over the bytes and the collision count, in letters that form no words (history.HashControllerRevision). */
function hashRevision(json: string, collisionCount: number): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${json}${collisionCount}`)) hash = (Math.imul(hash, 0x01000193) ^ byte) >>> 0;
  return [...String(hash)].map((digit) => safeAlphabet[digit.charCodeAt(0) % safeAlphabet.length]).join('');
}
