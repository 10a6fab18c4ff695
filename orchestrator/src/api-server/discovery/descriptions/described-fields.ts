import { accessDescriptions } from './access-descriptions.ts';
import type { Descriptions } from './descriptions.ts';
import { metaDescriptions } from './meta-descriptions.ts';
import { networkDescriptions } from './network-descriptions.ts';
import { podDescriptions } from './pod-descriptions.ts';
import { storageDescriptions } from './storage-descriptions.ts';
import { workloadDescriptions } from './workload-descriptions.ts';

/** What `kubectl explain` says of the fields that people ask about most; loaded with the first schema that is asked for. */
export const describedFields: Descriptions = {
  ...metaDescriptions,
  ...podDescriptions,
  ...storageDescriptions,
  ...workloadDescriptions,
  ...networkDescriptions,
  ...accessDescriptions,
};
