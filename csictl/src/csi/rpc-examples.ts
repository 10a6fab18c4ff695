import { flagsOf } from './request-flags.ts';
import type { Rpc } from './rpc.ts';

/** Values that make an example one that can be typed. */
const values: Readonly<Record<string, string>> = {
  '--name': 'data',
  '--size': '1Gi',
  '--cap': 'SINGLE_NODE_WRITER,mount,ext4',
  '--param': 'backend=image',
  '--mutable-param': 'onDelete=trash',
  '--volume-id': 'ID',
  '--node-id': 'node-1',
  '--source-volume-id': 'ID',
  '--snapshot-id': 'SNAPSHOT',
  '--group-snapshot-id': 'GROUP',
  '--base-snapshot-id': 'SNAPSHOT-1',
  '--target-snapshot-id': 'SNAPSHOT-2',
  '--staging-target-path': '/mnt/stage',
  '--target-path': '/mnt/target',
  '--volume-path': '/mnt/target',
  '--volume-publish-path': '/mnt/target',
  '--max-entries': '100',
};

/** Flags that are there for the rare call. */
const left: Readonly<Record<string, readonly string[]>> = {
  ListSnapshots: ['--snapshot-id'],
  ValidateVolumeCapabilities: ['--param', '--mutable-param'],
  CreateVolume: ['--mutable-param'],
  CreateSnapshot: ['--param'],
  CreateVolumeGroupSnapshot: ['--param'],
  NodeGetVolumeStats: ['--staging-target-path'],
  NodeGetVolumeHealth: ['--staging-target-path'],
  NodeExpandVolume: ['--staging-target-path', '--cap'],
  ControllerExpandVolume: ['--cap'],
};

/** A command line for an RPC. */
export function exampleOf(rpc: Rpc): string {
  const names = flagsOf(rpc.request).flatMap(({ flags }) => flags.map(({ flags: text }) => text.split(' ')[0] ?? ''));
  const shown = names.filter((name) => name in values && !left[rpc.method]?.includes(name));
  const parts = shown.map((name) => ` ${name} ${values[name]}`);
  return `csictl csi ${rpc.command}${parts.join('')}`;
}
