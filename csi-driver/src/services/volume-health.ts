import { setImmediate } from 'node:timers/promises';
import type { csi } from '@berth/protos';
import type { Backend, HealthFinding, VolumeSpec } from '../backend/backend.ts';
import type { Whereabouts } from '../backend/backends.ts';
import type { Pool } from '../backend/pool.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import { brokenMountFinding, findingOf } from '../health/volume-findings.ts';
import { Place } from '../mounts/place.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { requireFields } from '../rules/required.ts';
import { ephemeralAt } from './ephemeral-volume.ts';
import { lookOnServer } from './look-on-server.ts';
import { getOnNode } from './node-volume.ts';
import { pageSize, sequenceOf, tokenAfter } from './page-token.ts';
import { getVolume, type ServiceContext } from './services.ts';
import { poolFindings } from './storage-health.ts';

/** Volumes looked at before other calls get their turn: about a millisecond. */
const batch = 64;

/** ControllerGetVolumeHealth: what is known to be wrong with a volume; nothing is an empty list. */
export function getVolumeHealth(
  context: ServiceContext,
): Method<csi.ControllerGetVolumeHealthRequest, csi.ControllerGetVolumeHealthResponse> {
  return {
    validate: ({ volumeId }) => requireFields({ volume_id: volumeId }),
    run: async ({ volumeId }, signal) => {
      // What is known is told without asking: it is for whoever wonders about a server that does not answer.
      if (!context.catalog.find(volumeId)) await lookOnServer(context, { kind: 'volume', id: volumeId }, { signal });
      const volume = getVolume(context, volumeId);
      return { volumeHealth: healthMessage(volumeId, inspection(context)(volume)) };
    },
  };
}

/** ControllerListVolumeHealth: volumes with something wrong. A page looks at so many volumes, and may find none. */
export function listVolumeHealth(
  context: ServiceContext,
): Method<csi.ControllerListVolumeHealthRequest, csi.ControllerListVolumeHealthResponse> {
  const { catalog } = context;
  return {
    validate: ({ maxEntries }) => void pageSize(maxEntries),
    run: async ({ maxEntries, startingToken }, signal) => {
      const after = sequenceOf(startingToken, () => catalog.lastSequence());
      const volumes = catalog.listAfter(after, pageSize(0) + 1);
      const page = volumes.slice(0, pageSize(0));
      const inspect = inspection(context);
      const entries: csi.VolumeHealth[] = [];
      for (const [index, volume] of page.entries()) {
        if (index % batch === batch - 1) await setImmediate();
        signal.throwIfAborted();
        const findings = volume.state === 'ready' ? inspect(volume) : [];
        if (findings.length > 0) entries.push(healthMessage(volume.id, findings));
        if (entries.length < pageSize(maxEntries) || index + 1 === volumes.length) continue;
        return { entries, nextToken: tokenAfter(volume.sequence) };
      }
      return { entries, nextToken: volumes.length > page.length ? tokenAfter(page.at(-1)?.sequence) : '' };
    },
  };
}

/** NodeGetVolumeHealth: the same, and whether its mounts at the given paths still answer. */
export function getHealthOnNode(
  context: ServiceContext,
): Method<csi.NodeGetVolumeHealthRequest, csi.NodeGetVolumeHealthResponse> {
  return {
    validate: ({ volumeId }) => requireFields({ volume_id: volumeId }),
    run: async ({ volumeId, stagingTargetPath, volumePublishPath }) => {
      // Memory has no trouble of its own.
      if (ephemeralAt(context, volumeId, volumePublishPath)) return { volumeHealth: healthMessage(volumeId, []) };
      const volume = getOnNode(context, volumeId);
      const paths = [stagingTargetPath, volumePublishPath].filter((path) => path !== '');
      const backend = context.backends.find(volume)?.backend;
      const onPaths = backend?.remote
        ? deadFindings(context, { backend, volumeId, paths })
        : paths.flatMap((path) => pathFindings(context, path));
      return { volumeHealth: healthMessage(volumeId, [...inspection(context)(volume), ...onPaths]) };
    },
  };
}

/**
 * A path to a server that is away would not answer: its backend looks itself, with a deadline. Whether what serves the
 * mounts lives is known without a look at them.
 */
function deadFindings(
  { mounts }: ServiceContext,
  {
    backend,
    volumeId,
    paths,
  }: { readonly backend: Backend; readonly volumeId: string; readonly paths: readonly string[] },
): HealthFinding[] {
  const dead = mounts
    .uses(volumeId)
    .filter((path) => paths.includes(path) && backend.node.isDead?.(volumeId, mounts.deviceAt(path) ?? ''));
  if (dead.length === 0) return [];
  const message = `what served the mount at ${dead.join(', ')} has died; stage and publish the volume anew`;
  return [{ status: 'INACCESSIBLE', reason: 'MountBroken', message }];
}

/** Nothing mounted is fine: the call is for volumes too that could not be staged. */
function pathFindings(context: ServiceContext, path: string): HealthFinding[] {
  try {
    using place = Place.find(path, context.places);
    return place?.facts()?.isMountRoot ? brokenMountFinding(place.path) : [];
  } catch (error) {
    if ((error as { code?: unknown }).code === 'INVALID_ARGUMENT') throw error;
    return brokenMountFinding(path);
  }
}

type Inspect = (volume: VolumeSpec & Whereabouts & Partial<VolumeRecord>) => HealthFinding[];

/** Looks at the machine once for each backend, however many volumes are asked about. */
function inspection(context: ServiceContext): Inspect {
  const { backends, catalog } = context;
  const looks = new Map<Backend, (volume: VolumeSpec) => HealthFinding[]>();
  const pools = new Map<Pool, HealthFinding[]>();
  return (volume) => {
    const { backend, pool } = backends.find(volume) ?? {};
    if (!backend) return [poolMissing(volume)];
    const ofPool = pool ? (pools.get(pool) ?? poolFindings(context, pool)) : [];
    if (pool) pools.set(pool, ofPool);
    // Nothing can be told of what is in a pool that is not there.
    if (ofPool.some(({ status }) => status === 'INACCESSIBLE')) return ofPool;
    // Its data may still be on the way to the disk.
    if (volume.sequence !== undefined && !catalog.isMade(volume as VolumeRecord)) return [];
    const look = looks.get(backend) ?? backend.inspector?.() ?? presence(backend);
    looks.set(backend, look);
    return [...look(volume), ...ofPool];
  };
}

function poolMissing({ backend, pool }: Whereabouts): HealthFinding {
  const where = pool === undefined ? '' : ` in the pool "${pool}"`;
  const message = `the volume is kept by the backend "${backend}"${where}, which this driver has not now`;
  return { status: 'INACCESSIBLE', reason: 'PoolMissing', message };
}

/** All that can go wrong with a directory alone: that it is not there. */
function presence(backend: Backend): (volume: VolumeSpec) => HealthFinding[] {
  if (backend.remote) return () => [];
  return ({ id }) => {
    try {
      backend.node.recognizer(id);
      return [];
    } catch (error) {
      return [findingOf(error)];
    }
  };
}

/** There are never two entries of one status and reason (CSI spec, VolumeHealthEntry). */
function healthMessage(volumeId: string, findings: readonly HealthFinding[]): csi.VolumeHealth {
  const byKind = new Map(findings.map((finding) => [`${finding.status} ${finding.reason}`, finding]));
  return { volumeId, healthStatuses: [...byKind.values()] };
}
