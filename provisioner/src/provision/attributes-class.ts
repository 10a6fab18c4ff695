import { messageOf } from '@berth/kit';
import { type KubeClient, type PersistentVolumeClaim, resources } from '@berth/kube';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import { ProvisionError } from './outcome.ts';

/**
 * The mutable parameters a claim's new volume begins with: those of its VolumeAttributesClass (KEP-3751).
 * @throws ProvisionError NotStarted – there is no such class, it is another driver's, or the driver has no use for them.
 */
export async function attributesOf(
  claim: PersistentVolumeClaim,
  { client, driver }: { readonly client: KubeClient; readonly driver: ConnectedDriver },
  signal: AbortSignal,
): Promise<Record<string, string> | undefined> {
  const name = claim.spec?.volumeAttributesClassName;
  if (!name) return undefined;
  if (!driver.can('MODIFY_VOLUME')) {
    const missing = 'controller MODIFY_VOLUME capability is not reported';
    throw new ProvisionError('NotStarted', `CSI driver does not support VolumeAttributesClass: ${missing}`);
  }
  const found = await client.get(resources.volumeattributesclasses, { name }, signal).catch((error: unknown) => {
    throw new ProvisionError('NotStarted', messageOf(error), { cause: error });
  });
  if (found.driverName === driver.name) return { ...found.parameters };
  const others = `is for driver ${found.driverName} which does not match driver name ${driver.name}`;
  throw new ProvisionError('NotStarted', `VAC ${name} referenced in PVC ${others}`);
}
