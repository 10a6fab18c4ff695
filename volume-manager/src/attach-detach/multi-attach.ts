import type { PersistentVolume, Pod } from '@berth/kube';

/** Whether several nodes may have the volume (upstream isMultiAttachAllowed): only modes that name many nodes, or none at all. */
export function isMultiAttachAllowed({ spec }: PersistentVolume): boolean {
  const modes = spec?.accessModes ?? [];
  return modes.length === 0 || modes.includes('ReadWriteMany') || modes.includes('ReadOnlyMany');
}

/** What a waiting pod is told of the pods that have its volume elsewhere; names of other namespaces are not its business. */
export function multiAttachMessage(volumeName: string, waiting: Pod, elsewhere: readonly Pod[]): string {
  return `Multi-Attach error for volume "${volumeName}" ${reason(waiting, elsewhere)}`;
}

function reason(waiting: Pod, elsewhere: readonly Pod[]): string {
  if (elsewhere.length === 0) {
    return "Volume is already exclusively attached to one node and can't be attached to another";
  }
  const local = elsewhere.filter(({ metadata }) => metadata.namespace === waiting.metadata.namespace);
  const others = elsewhere.length - local.length;
  if (local.length === 0) return `Volume is already used by ${others} pod(s) in different namespaces`;
  const names = local.map(({ metadata }) => metadata.name).join(', ');
  const rest = others > 0 ? ` and ${others} pod(s) in different namespaces` : '';
  return `Volume is already used by pod(s) ${names}${rest}`;
}
