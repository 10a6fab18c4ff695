import type { AnyObject } from '../../resource-definition.ts';

interface SecretRef {
  readonly name?: string;
  readonly namespace?: string;
}

/** Secrets of a volume that its node needs: `NAMESPACE/NAME` (pvutil.VisitPVSecretNames, those the kubelet sees). */
export function volumeSecrets({ spec }: AnyObject): string[] {
  const claimed = (spec?.claimRef?.namespace ?? '') as string;
  const full = (ref: SecretRef | undefined, otherwise: string) =>
    ref?.name ? [`${ref.namespace || otherwise}/${ref.name}`] : [];
  const azure = spec?.azureFile as { secretName?: string; secretNamespace?: string } | undefined;
  if (azure?.secretName) return full({ name: azure.secretName, namespace: azure.secretNamespace ?? '' }, claimed);
  const inClaimsNamespace = ['cephfs', 'flexVolume', 'rbd', 'scaleIO', 'iscsi'];
  return [
    ...inClaimsNamespace.flatMap((kind) => full(spec?.[kind]?.secretRef, claimed)),
    ...['cinder', 'storageos'].flatMap((kind) => full(spec?.[kind]?.secretRef, '')),
    ...['nodePublishSecretRef', 'nodeStageSecretRef', 'nodeExpandSecretRef'].flatMap((ref) =>
      full(spec?.csi?.[ref], ''),
    ),
  ];
}
