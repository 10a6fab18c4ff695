import descriptor from './gen/csi.descriptor.json' with { type: 'json' };
import type {
  ControllerService,
  GroupControllerService,
  IdentityService,
  NodeService,
  SnapshotMetadataService,
} from './gen/csi.ts';
import { defineService, loadRoot } from './service.ts';

/** The CSI 1.13 root: field options such as `(csi_secret)` are on the reflected fields. */
export const csiRoot = loadRoot(descriptor);

export const csiIdentity = defineService<IdentityService>(csiRoot, 'csi.v1.Identity');
export const csiController = defineService<ControllerService>(csiRoot, 'csi.v1.Controller');
export const csiGroupController = defineService<GroupControllerService>(csiRoot, 'csi.v1.GroupController');
export const csiSnapshotMetadata = defineService<SnapshotMetadataService>(csiRoot, 'csi.v1.SnapshotMetadata');
export const csiNode = defineService<NodeService>(csiRoot, 'csi.v1.Node');
