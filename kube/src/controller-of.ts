import type { OwnerReference } from './gen/types.ts';
import type { KubeObject } from './resource-type.ts';

/** The one of its owners that manages an object (apimachinery GetControllerOf). */
export function controllerOf({ metadata }: Pick<KubeObject, 'metadata'>): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller);
}
