import type { ActualWorld } from './actual-world/actual-world.ts';
import type { DesiredWorld } from './desired-world/desired-world.ts';
import { fullPluginName } from './executor/metric-labels.ts';
import type { VolumeTotal } from './volume-manager.ts';

/** What pods have mounted and want mounted, by plugin; of what no pod wants any more the device says whose it is. */
export function countVolumes(
  actual: Pick<ActualWorld, 'get' | 'names'>,
  desired: Pick<DesiredWorld, 'podsOf' | 'volumeNames'>,
): readonly VolumeTotal[] {
  const counts = {
    actual_state_of_world: new Map<string, number>(),
    desired_state_of_world: new Map<string, number>(),
  };
  const add = (state: VolumeTotal['state'], plugin: string) =>
    counts[state].set(plugin, (counts[state].get(plugin) ?? 0) + 1);
  for (const name of desired.volumeNames())
    for (const spec of desired.podsOf(name).values()) add('desired_state_of_world', fullPluginName(spec));
  for (const name of actual.names()) {
    const volume = actual.get(name);
    for (const { podUid, plugin, state } of volume?.pods.values() ?? []) {
      if (state !== 'done') continue;
      const spec = desired.podsOf(name).get(podUid);
      const known = volume?.device ? `${plugin}:${volume.device.driver}` : plugin;
      add('actual_state_of_world', spec ? fullPluginName(spec) : known);
    }
  }
  return Object.entries(counts).flatMap(([state, plugins]) =>
    [...plugins].map(([plugin, count]) => ({ plugin, state: state as VolumeTotal['state'], count })),
  );
}
