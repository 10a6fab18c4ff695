import descriptor from './gen/trash.descriptor.json' with { type: 'json' };
import type { TrashService } from './gen/trash.ts';
import { defineService, loadRoot } from './service.ts';

/** The root of Berth's own contract beside CSI. */
export const trashRoot = loadRoot(descriptor);

/** Deleted volumes that can be had back; served on the socket of Berth's CSI driver (protos/proto/berth/csi/v1/trash.proto). */
export const berthTrash = defineService<TrashService>(trashRoot, 'berth.csi.v1.Trash');
