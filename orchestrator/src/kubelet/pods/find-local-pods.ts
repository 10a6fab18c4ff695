import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@berth/kube';
import type { NodeContext } from '../node-context.ts';
import { labels } from './runtime-labels.ts';

const uidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Every pod this machine has a sandbox, container, directory, log or cgroup of, as far as its traces tell. */
export async function findLocalPods(node: NodeContext, signal: AbortSignal): Promise<readonly Pod[]> {
  const { runtime } = node.options.runtime;
  const [{ items }, { containers }, names, logs, cgroups] = await Promise.all([
    runtime.ListPodSandbox({}, { signal }),
    runtime.ListContainers({}, { signal }),
    entriesOf(join(node.options.dirs.root, 'pods')),
    entriesOf(node.options.dirs.logs),
    cgroupUids(node),
  ]);
  const found = new Map<string, Pod>();
  const add = (uid: string, name = '', namespace = '') => {
    if (!found.has(uid)) found.set(uid, { apiVersion: 'v1', kind: 'Pod', metadata: { uid, name, namespace } });
  };
  for (const { labels: written } of [...items, ...containers]) {
    const uid = written[labels.podUid];
    if (uid !== undefined) add(uid, written[labels.podName], written[labels.podNamespace]);
  }
  for (const directory of logs) {
    const [namespace, name, uid = ''] = directory.split('_');
    if (uidPattern.test(uid)) add(uid, name, namespace);
  }
  for (const uid of [...names, ...cgroups]) if (uidPattern.test(uid)) add(uid);
  return [...found.values()];
}

async function entriesOf(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => []);
}

async function cgroupUids({ options, cgroups }: NodeContext): Promise<readonly string[]> {
  const tiers = ['', '/burstable', '/besteffort'].map((tier) => `${options.cgroupRoot}/kubepods${tier}`);
  const children = await Promise.all(tiers.map((tier) => cgroups.children(tier)));
  return children.flat().flatMap((name) => (name.startsWith('pod') ? [name.slice('pod'.length)] : []));
}
