import type { KubeletRoot } from './kubelet-roots.ts';

/** What a path below a kubelet's directory is for, by kubelet's own layout. */
export type MountPlace = { readonly node: string; readonly path: string } & (
  | { readonly kind: 'stage'; readonly driver: string; readonly hash: string }
  | { readonly kind: 'publish'; readonly podUid: string; readonly pv: string }
  | { readonly kind: 'volume'; readonly podUid: string; readonly plugin: string; readonly name: string }
  | { readonly kind: 'subpath'; readonly podUid: string; readonly name: string; readonly container: string }
  | { readonly kind: 'block'; readonly pv: string; readonly podUid: string }
  /** A root filesystem, namespace or shm of a container or sandbox. */
  | { readonly kind: 'runtime'; readonly id: string; readonly name: string }
);

const segment = '([^/]+)';
const patterns = {
  stage: new RegExp(`^plugins/kubernetes\\.io/csi/${segment}/([0-9a-f]{64})/globalmount$`),
  publish: new RegExp(`^pods/${segment}/volumes/kubernetes\\.io~csi/${segment}/mount$`),
  volume: new RegExp(`^pods/${segment}/volumes/${segment}/${segment}$`),
  subpath: new RegExp(`^pods/${segment}/volume-subpaths/${segment}/${segment}/\\d+$`),
  block: new RegExp(`^plugins/kubernetes\\.io/csi/volumeDevices/(?:staging|publish)/${segment}(?:/${segment})?$`),
} as const;

/** @returns undefined for a path that no volume is kept at. */
export function placeOf(path: string, roots: readonly KubeletRoot[]): MountPlace | undefined {
  const root = roots.find((candidate) => path.startsWith(`${candidate.path}/`));
  if (!root) return runtimePlace(path, roots);
  const relative = path.slice(root.path.length + 1);
  const base = { node: root.node, path };
  const match = (kind: keyof typeof patterns) => patterns[kind].exec(relative)?.slice(1);
  const [driver = '', hash] = match('stage') ?? [];
  if (hash !== undefined) return { ...base, kind: 'stage', driver, hash };
  const [podUid = '', pv] = match('publish') ?? [];
  if (pv !== undefined) return { ...base, kind: 'publish', podUid, pv };
  return otherPlace(base, match);
}

const runtimePattern = /^(?:sandboxes|containers)\/([^/]+)\/(.+)$/;

function runtimePlace(path: string, roots: readonly KubeletRoot[]): MountPlace | undefined {
  const root = roots.find(({ runtime }) => runtime !== undefined && path.startsWith(`${runtime}/`));
  if (root?.runtime === undefined) return undefined;
  const [, id, name = ''] = runtimePattern.exec(path.slice(root.runtime.length + 1)) ?? [];
  return id === undefined ? undefined : { node: root.node, path, kind: 'runtime', id, name };
}

function otherPlace(
  base: { readonly node: string; readonly path: string },
  match: (kind: keyof typeof patterns) => string[] | undefined,
): MountPlace | undefined {
  const [podUid = '', plugin, name = ''] = match('volume') ?? [];
  if (plugin !== undefined) return { ...base, kind: 'volume', podUid, plugin: plugin.replace('~', '/'), name };
  const [uid = '', volume, container = ''] = match('subpath') ?? [];
  if (volume !== undefined) return { ...base, kind: 'subpath', podUid: uid, name: volume, container };
  const [pv, blockPod = ''] = match('block') ?? [];
  return pv === undefined ? undefined : { ...base, kind: 'block', pv, podUid: blockPod };
}
