import {
  type ControllerRevision,
  isAlreadyExists,
  type KubeClient,
  type Pod,
  resources,
  type StatefulSet,
} from '@berth/kube';
import { labels } from './identity.ts';
import { newRevision, sameTemplate } from './revisions.ts';

export interface Revisions {
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
  readonly collisionCount: number;
}

/**
 * The revision of the template as it is now (made, or an old one raised to newest when the content is the same) and the one
 * that is rolled out so far.
 */
export async function resolveRevisions(
  client: KubeClient,
  set: StatefulSet,
  owned: readonly ControllerRevision[],
): Promise<Revisions> {
  const sorted = owned.toSorted((a, b) => a.revision - b.revision);
  const next = (sorted.at(-1)?.revision ?? 0) + 1;
  const collisionCount = set.status?.collisionCount ?? 0;
  const wanted = newRevision(set, next, collisionCount);
  const equal = sorted.filter((revision) => sameTemplate(revision, wanted)).at(-1);
  if (equal && equal === sorted.at(-1)) return withCurrent(set, sorted, equal, collisionCount);
  if (equal) {
    const raised = await client.update(resources.controllerrevisions, { ...equal, revision: next });
    return withCurrent(set, sorted, raised, collisionCount);
  }
  const created = await createRevision(client, set, { next, collisionCount });
  return withCurrent(set, sorted, created.revision, created.collisionCount);
}

function withCurrent(
  set: StatefulSet,
  sorted: readonly ControllerRevision[],
  update: ControllerRevision,
  collisionCount: number,
): Revisions {
  const current = sorted.find((revision) => revision.metadata.name === set.status?.currentRevision) ?? update;
  return { current: current.metadata.name === update.metadata.name ? update : current, update, collisionCount };
}

/** Another content under the same name is a hash collision: counted, and hashed again with the count. */
async function createRevision(client: KubeClient, set: StatefulSet, from: { next: number; collisionCount: number }) {
  for (let collisionCount = from.collisionCount; ; collisionCount++) {
    const revision = newRevision(set, from.next, collisionCount);
    try {
      return { revision: await client.create(resources.controllerrevisions, revision), collisionCount };
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const ref = { namespace: set.metadata.namespace, name: revision.metadata.name as string };
      const present = await client.get(resources.controllerrevisions, ref);
      if (sameTemplate(present, revision)) return { revision: present, collisionCount };
    }
  }
}

/** Deletes the oldest revisions that nothing uses, beyond revisionHistoryLimit. */
export async function truncateHistory(
  client: KubeClient,
  set: StatefulSet,
  owned: readonly ControllerRevision[],
  live: { readonly pods: readonly Pod[]; readonly revisions: Revisions },
): Promise<void> {
  const used = new Set([
    live.revisions.current.metadata.name,
    live.revisions.update.metadata.name,
    ...live.pods.map((pod) => pod.metadata.labels?.[labels.revision]),
  ]);
  const unused = owned.filter((revision) => !used.has(revision.metadata.name)).sort((a, b) => a.revision - b.revision);
  const excess = unused.slice(0, Math.max(0, unused.length - (set.spec?.revisionHistoryLimit ?? 10)));
  for (const { metadata } of excess) {
    await client.delete(
      resources.controllerrevisions,
      { namespace: metadata.namespace, name: metadata.name as string },
      { preconditions: { uid: metadata.uid as string } },
    );
  }
}
