import type { ConfigMap, KeyToPath, Secret } from '@berth/kube';
import { VolumeError } from '../../executor/volume-error.ts';
import type { PayloadFile } from '../../volume-files/payload.ts';

export interface KeySelection {
  readonly items: readonly KeyToPath[] | undefined;
  readonly defaultMode: number;
  readonly optional: boolean;
}

/** What a ConfigMap holds, by key, as bytes. */
export function configMapData(object: ConfigMap | undefined): Map<string, Buffer> {
  const text = Object.entries(object?.data ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const);
  return new Map([...text, ...decoded(object?.binaryData)]);
}

export function secretData(object: Secret | undefined): Map<string, Buffer> {
  return new Map(decoded(object?.data));
}

function decoded(data: Record<string, string> | undefined): (readonly [string, Buffer])[] {
  return Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const);
}

/**
 * The files of an object's keys (upstream configmap.go and secret.go MakePayload).
 * @throws VolumeError Transient – a key that must be there is not; with kubelet's words for `kind`.
 */
export function collectKeys(
  data: ReadonlyMap<string, Buffer>,
  { items, defaultMode, optional }: KeySelection,
  kind: 'config' | 'secret',
): [path: string, file: PayloadFile][] {
  if (!items || items.length === 0) return [...data].map(([key, value]) => [key, { data: value, mode: defaultMode }]);
  return items.flatMap(({ key, path, mode }) => {
    const value = data.get(key);
    if (value) return [[path, { data: value, mode: mode ?? defaultMode }] satisfies [string, PayloadFile]];
    if (optional) return [];
    const words =
      kind === 'config' ? 'configmap references non-existent config key' : 'references non-existent secret key';
    throw new VolumeError('Transient', `${words}: ${key}`);
  });
}
