import type { CSIPersistentVolumeSource } from '@berth/kube';
import { secretsOfClass } from './class-parameters.ts';
import { secretReference, type TemplateSubject } from './secret-reference.ts';

const fields = {
  controllerPublishSecretRef: secretsOfClass.controllerPublish,
  nodeStageSecretRef: secretsOfClass.nodeStage,
  nodePublishSecretRef: secretsOfClass.nodePublish,
  controllerExpandSecretRef: secretsOfClass.controllerExpand,
  nodeExpandSecretRef: secretsOfClass.nodeExpand,
} as const;

/** References to the secrets that attach, stage, publish and expand will need. */
export type LaterSecrets = Pick<CSIPersistentVolumeSource, keyof typeof fields>;

/** The references a volume carries for the calls that come after its creation. @throws Error – as {@link secretReference}. */
export function laterSecrets(
  parameters: Readonly<Record<string, string>> | undefined,
  subject: TemplateSubject,
): LaterSecrets {
  const found = Object.entries(fields).map(
    ([field, keys]) => [field, secretReference(keys, parameters, subject)] as const,
  );
  return Object.fromEntries(found.filter(([, ref]) => ref !== undefined));
}
