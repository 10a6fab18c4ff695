import {
  difference,
  type FieldSet,
  hasPath,
  isEmptySet,
  type ManagedFieldsEntry,
  type ManagedSet,
  type PathElement,
} from '@berth/kube';
import { type Managed, storedManaged, writeManaged } from './managed-fields.ts';

/** Where a kind keeps its replicas, by its version; undefined: that version has none. */
export type ReplicasPaths = ReadonlyMap<string, readonly PathElement[] | undefined>;

const scaleVersion = 'autoscaling/v1';
const replicasInScale: FieldSet = { 'f:spec': { 'f:replicas': {} } };
const pathInScale: readonly PathElement[] = ['f:spec', 'f:replicas'];

/** Who owns the replicas, as the scale subresource sees it (managedfields ScaleHandler.ToSubresource). */
export function scaleEntries(
  parent: readonly ManagedFieldsEntry[] | undefined,
  paths: ReplicasPaths,
): ManagedFieldsEntry[] | undefined {
  const { managers, times } = storedManaged(parent);
  const own = [...managers].filter(([, { apiVersion, set }]) => {
    const path = paths.get(apiVersion);
    return path !== undefined && hasPath(set, path);
  });
  const inScale = own.map(
    ([id, { applied }]) => [id, { apiVersion: scaleVersion, applied, set: replicasInScale }] as const,
  );
  return writeManaged({ managers: new Map(inScale), times });
}

/** The parent's entries after a write through its scale, which left `scale` (managedfields ScaleHandler.ToParent). */
export function parentEntries(
  parent: readonly ManagedFieldsEntry[] | undefined,
  scale: readonly ManagedFieldsEntry[] | undefined,
  { paths, apiVersion }: { readonly paths: ReplicasPaths; readonly apiVersion: string },
): ManagedFieldsEntry[] | undefined {
  const before = storedManaged(parent);
  const inScale = new Map(storedManaged(scale).managers);
  const managers = new Map<string, ManagedSet>();
  for (const [id, managed] of before.managers) {
    if (!paths.has(managed.apiVersion)) continue;
    const path = paths.get(managed.apiVersion);
    const shares = path !== undefined && hasPath(managed.set, path);
    if (!shares || inScale.delete(id)) managers.set(id, managed);
    else {
      const set = difference(managed.set, asSet(path));
      if (!isEmptySet(set)) managers.set(id, { ...managed, set });
    }
  }
  const own = paths.get(apiVersion);
  for (const [id, { set, applied }] of inScale)
    if (own && hasPath(set, pathInScale)) managers.set(id, { apiVersion, applied, set: asSet(own) });
  const managed: Managed = { managers, times: before.times };
  return writeManaged(managed);
}

function asSet(path: readonly PathElement[]): FieldSet {
  return path.reduceRight<FieldSet>((set, element) => ({ [element]: set }), {});
}
