import { statefulSetRules } from './apps/stateful-set.ts';
import { volumeRules } from './core/persistent-volume.ts';
import { claimRules } from './core/persistent-volume-claim.ts';
import { podRules } from './core/pod/rules.ts';
import type { KindRules } from './rules.ts';
import { csiDriverRules } from './storage/csi-driver.ts';
import { csiNodeRules } from './storage/csi-node.ts';
import { csiStorageCapacityRules } from './storage/csi-storage-capacity.ts';
import { attributesClassRules, storageClassRules } from './storage/storage-class.ts';
import { volumeAttachmentRules } from './storage/volume-attachment.ts';

/** Hand-written rules by `group/plural`. */
export const kindRules: Readonly<Record<string, KindRules>> = {
  '/componentstatuses': { stored: false },
  '/persistentvolumeclaims': claimRules,
  '/persistentvolumes': volumeRules,
  '/pods': podRules,
  'apps/statefulsets': statefulSetRules,
  'storage.k8s.io/csidrivers': csiDriverRules,
  'storage.k8s.io/csinodes': csiNodeRules,
  'storage.k8s.io/csistoragecapacities': csiStorageCapacityRules,
  'storage.k8s.io/storageclasses': storageClassRules,
  'storage.k8s.io/volumeattachments': volumeAttachmentRules,
  'storage.k8s.io/volumeattributesclasses': attributesClassRules,
};
