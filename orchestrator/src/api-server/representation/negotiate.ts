import { apiError } from '@berth/kube';

/** The form a client wants an answer in. */
export interface Representation {
  readonly format: 'json' | 'yaml' | 'protobuf';
  /** Undefined: the objects themselves. */
  readonly as: 'Table' | 'PartialObjectMetadata' | undefined;
  /** Of `as`: v1 or v1beta1 of meta.k8s.io. */
  readonly version: string;
}

export const plainJson: Representation = { format: 'json', as: undefined, version: 'v1' };

export const protobufMedia = 'application/vnd.kubernetes.protobuf';

const formats: Readonly<Record<string, Representation['format']>> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/*': 'json',
  '*/*': 'json',
};

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/**
 * The first form the client accepts that there is; protobuf only where it takes neither JSON nor YAML, which cost less
 * here. @throws ApiError NotAcceptable
 */
export function negotiate(accept: string | undefined): Representation {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return plainJson;
  const ranges = rangesOf(accept);
  return (
    chosen(ranges, ({ type }) => formats[type]) ??
    chosen(ranges, ({ type, parameters }) =>
      type === protobufMedia && parameters.get('as') !== 'Table' ? 'protobuf' : undefined,
    ) ??
    refuse()
  );
}

function chosen(
  ranges: readonly MediaRange[],
  formatOf: (range: MediaRange) => Representation['format'] | undefined,
): Representation | undefined {
  for (const range of ranges) {
    const format = formatOf(range);
    if (!format) continue;
    const as = range.parameters.get('as');
    if (as === undefined) return { ...plainJson, format };
    const [group, version = ''] = [range.parameters.get('g'), range.parameters.get('v')];
    if (group !== 'meta.k8s.io' || !['v1', 'v1beta1'].includes(version)) continue;
    if (as === 'Table') return { format, as, version };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
      return { format, as: 'PartialObjectMetadata', version };
  }
  return undefined;
}

function refuse(): never {
  throw notAcceptable(`application/json, application/yaml, ${protobufMedia}`);
}

/** Whether the header prefers `as` of `group` in `version`, and in which of the versions offered. */
export function acceptedAs(accept: string | undefined, as: string, offered: readonly string[]): string | undefined {
  for (const { type, parameters } of rangesOf(accept ?? '')) {
    const wanted = parameters.get('as');
    if (wanted === undefined) {
      if (formats[type]) return undefined;
    } else if (wanted === as && formats[type] === 'json') {
      const version = `${parameters.get('g')}/${parameters.get('v')}`;
      if (offered.includes(version)) return version;
    }
  }
  return undefined;
}

export function notAcceptable(accepted: string) {
  return apiError('NotAcceptable', `only the following media types are accepted: ${accepted}`);
}

function rangesOf(accept: string): MediaRange[] {
  const ranges = accept.split(',').map((text) => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const pairs = rest.map((part) => part.split('=', 2).map((side) => side.trim()) as [string, string]);
    const parameters = new Map(pairs);
    return { type: type.toLowerCase(), parameters, quality: Number(parameters.get('q') ?? 1) };
  });
  return ranges.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality);
}
