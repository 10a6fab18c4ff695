import { type DownwardAPIVolumeFile, goQuote, type Pod, Quantity, type ResourceFieldSelector } from '@berth/kube';
import { VolumeError } from '../../executor/volume-error.ts';
import type { PayloadFile } from '../../volume-files/payload.ts';

export interface DownwardFacts {
  readonly pod: Pod;
  readonly defaultMode: number;
  /** What a container without a limit could use: the node's allocatable. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** The files of a downwardAPI source. @throws VolumeError Final – a field no volume can show. */
export function collectDownward(
  items: readonly DownwardAPIVolumeFile[],
  { pod, defaultMode, allocatable }: DownwardFacts,
): [path: string, file: PayloadFile][] {
  return items.map((item) => {
    const text = item.fieldRef
      ? fieldText(pod, item.fieldRef.fieldPath)
      : resourceText(pod, item.resourceFieldRef ?? { resource: '' }, allocatable);
    return [item.path, { data: Buffer.from(text), mode: item.mode ?? defaultMode }];
  });
}

const subscripted = /^metadata\.(annotations|labels)\['([^']*)'\]$/;

/** A field of the pod as text (upstream fieldpath.ExtractFieldPathAsString). */
export function fieldText(pod: Pod, path: string): string {
  const { metadata, spec } = pod;
  const [, map, key] = subscripted.exec(path) ?? [];
  if (key !== undefined) return metadata[map as 'annotations' | 'labels']?.[key] ?? '';
  switch (path) {
    case 'metadata.annotations':
      return mapText(metadata.annotations);
    case 'metadata.labels':
      return mapText(metadata.labels);
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'spec.nodeName':
      return spec?.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? '';
    default:
      throw new VolumeError('Final', `unsupported fieldPath: ${path}`);
  }
}

/** `key="value"` lines, sorted, as Go prints quoted strings. */
function mapText(map: Record<string, string> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${goQuote(map[key] as string)}`)
    .join('\n');
}

function resourceText(pod: Pod, ref: ResourceFieldSelector, allocatable: Readonly<Record<string, string>>): string {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const container = all.find((one) => one.name === ref.containerName);
  if (!container) throw new VolumeError('Final', `container ${ref.containerName ?? ''} not found`);
  const [, kind, name] = /^(limits|requests)\.(.+)$/.exec(ref.resource) ?? [];
  if (!kind || !name) throw new VolumeError('Final', `unsupported container resource : ${ref.resource}`);
  const own = container.resources?.[kind as 'limits' | 'requests']?.[name];
  const amount = Quantity.parse(String(own ?? (kind === 'limits' ? (allocatable[name] ?? '0') : '0')));
  const divisor = Quantity.parse(ref.divisor === undefined || String(ref.divisor) === '0' ? '1' : String(ref.divisor));
  const [value, by] = name === 'cpu' ? [amount.milliValue(), divisor.milliValue()] : [amount.value(), divisor.value()];
  return String((value + by - 1n) / by);
}
