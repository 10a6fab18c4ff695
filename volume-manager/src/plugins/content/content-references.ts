import type { Volume } from '@berth/kube';
import type { VolumeSpec } from '../../volume-spec.ts';

/** `configmap/ns/name` and `secret/ns/name` of the objects a volume shows or needs: their change is the volume's. */
export function contentReferences(spec: VolumeSpec): string[] {
  const namespace = spec.pod.metadata.namespace ?? '';
  const names = spec.pv ? [] : podReferences(spec.volume).map((reference) => reference.replace('/', `/${namespace}/`));
  const csi = spec.pv?.spec?.csi;
  for (const ref of [csi?.nodeStageSecretRef, csi?.nodePublishSecretRef]) {
    if (ref) names.push(`secret/${ref.namespace}/${ref.name}`);
  }
  return names;
}

/** The volume shows fields of its pod: labels and annotations change while it runs. */
export function showsPodFields({ downwardAPI, projected }: Volume): boolean {
  return downwardAPI !== undefined || (projected?.sources ?? []).some((source) => source.downwardAPI !== undefined);
}

function podReferences(volume: Volume): string[] {
  const { configMap, secret, projected, csi } = volume;
  const names: string[] = [];
  if (configMap?.name) names.push(`configmap/${configMap.name}`);
  if (secret?.secretName) names.push(`secret/${secret.secretName}`);
  if (csi?.nodePublishSecretRef?.name) names.push(`secret/${csi.nodePublishSecretRef.name}`);
  for (const source of projected?.sources ?? []) {
    if (source.configMap?.name) names.push(`configmap/${source.configMap.name}`);
    if (source.secret?.name) names.push(`secret/${source.secret.name}`);
  }
  return names;
}
