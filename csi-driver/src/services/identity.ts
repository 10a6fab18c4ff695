import type { csi } from '@berth/protos';
import type { Methods } from '../pipeline/pipeline.ts';
import type { ServiceContext } from './services.ts';

/** CSI Identity: who this is and what it can do at all. */
export function identityMethods(context: ServiceContext): Methods<csi.IdentityService> {
  return {
    GetPluginInfo: {
      run: async () => ({ name: context.driverName, vendorVersion: context.version }),
    },
    GetPluginCapabilities: {
      run: async () => ({
        capabilities: [
          { service: { type: 'CONTROLLER_SERVICE' } },
          { service: { type: 'VOLUME_ACCESSIBILITY_CONSTRAINTS' } },
          { service: { type: 'GROUP_CONTROLLER_SERVICE' } },
          { service: { type: 'SNAPSHOT_METADATA_SERVICE' } },
          { service: { type: 'SNAPSHOT_ACCESSIBILITY_CONSTRAINTS' } },
          { volumeExpansion: { type: 'ONLINE' } },
        ],
      }),
    },
    Probe: {
      // Asks what a call would ask: a pool that is gone makes the plugin unhealthy, not just "running".
      // Servers are their volumes' own matter: which they are is not known here, and one that is down harms no others.
      run: async () => {
        const local = context.backends.placements.filter(({ pool }) => pool !== undefined);
        await Promise.all(local.map(({ backend }) => backend.capacity()));
        context.catalog.listAfter(0, 1);
        return { ready: { value: true } };
      },
    },
  };
}
