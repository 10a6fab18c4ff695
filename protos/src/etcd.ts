import descriptor from './gen/etcd.descriptor.json' with { type: 'json' };
import type { KVService, LeaseService, MaintenanceService, WatchService } from './gen/etcd.ts';
import { defineService, loadRoot } from './service.ts';

const root = loadRoot(descriptor);

export const etcdKv = defineService<KVService>(root, 'etcdserverpb.KV');
export const etcdWatch = defineService<WatchService>(root, 'etcdserverpb.Watch');
export const etcdLease = defineService<LeaseService>(root, 'etcdserverpb.Lease');
export const etcdMaintenance = defineService<MaintenanceService>(root, 'etcdserverpb.Maintenance');
