import { apiError, LruMap } from '@berth/kube';

/** The form a client wants an answer in. */
export interface Representation {
  readonly format: 'json' | 'yaml' | 'protobuf';
  /** Undefined: the objects themselves. */
  readonly as: 'Table' | 'PartialObjectMetadata' | undefined;
  /** Of `as`: v1 or v1beta1 of meta.k8s.io. */
  readonly version: string;
  /** Metadata are asked for as those of a list. */
  readonly ofList?: true;
}

export const plainJson: Representation = { format: 'json', as: undefined, version: 'v1' };

export const protobufMedia = 'application/vnd.kubernetes.protobuf';

/** What objects, lists, errors and discovery can be made into. */
export const mediaTypes: readonly string[] = ['application/json', 'application/yaml', protobufMedia];

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

/** Clients send few different headers, and each of them with every request. */
const recent = new LruMap<string, Representation>(16);
const recentAtMostLength = 500;

/** Which forms there are besides objects in JSON and YAML, and their metadata. */
export interface OfferedForms {
  readonly tables: boolean;
  /** Objects themselves as protobuf, which there are none of custom resources. */
  readonly protobuf: boolean;
}

const allForms: OfferedForms = { tables: true, protobuf: true };

/**
 * The first form the client accepts that there is; objects themselves as protobuf only where it takes them neither in JSON
 * nor in YAML, which cost less here. @throws ApiError NotAcceptable
 */
export function negotiate(accept: string | undefined, offered = allForms): Representation {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return plainJson;
  const known = recent.get(accept);
  if (known && isOffered(known, offered)) return known;
  const found = firstOf(rangesOf(accept), (range, format) => {
    const form = formOf(range, format);
    return form && isOffered(form, offered) ? form : undefined;
  });
  if (!found) throw notAcceptable(mediaTypes.join(', '));
  if (accept.length <= recentAtMostLength && offered.tables && offered.protobuf) recent.set(accept, found);
  return found;
}

function isOffered({ as, format }: Representation, { tables, protobuf }: OfferedForms): boolean {
  return as === 'Table' ? tables : as !== undefined || format !== 'protobuf' || protobuf;
}

/** The same of what has one form only: errors and discovery. Undefined: the client accepts none. */
export function plainFormatOf(accept: string | undefined): Representation['format'] | undefined {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return 'json';
  return firstOf(rangesOf(accept), ({ parameters }, format) =>
    isConverted(parameters) || parameters.has('sv') ? undefined : { ...plainJson, format },
  )?.format;
}

/** The form of a schema document of `version` that is liked best. Undefined: the header says nothing that can be read. */
export function schemaFormOf(
  accept: string | undefined,
  version: 'v2' | 'v3',
): 'json' | 'protobuf' | 'neither' | undefined {
  if (accept === undefined || accept === '') return 'json';
  const ranges = rangesOf(accept);
  const binary = new RegExp(`^application/com\\.github\\.proto-openapi\\.spec\\.${version}[.@]v1\\.0\\+protobuf$`);
  for (const { type } of ranges) {
    if (formats[type] === 'json') return 'json';
    if (binary.test(type)) return 'protobuf';
  }
  return ranges.length === 0 ? undefined : 'neither';
}

type Form = (range: MediaRange, format: Representation['format']) => Representation | undefined;

function firstOf(ranges: readonly MediaRange[], form: Form): Representation | undefined {
  const found = ranges.flatMap((range) => {
    const format = formatOf(range.type);
    return (format && isStreamed(range, format) && form(range, format)) || [];
  });
  const [first] = found;
  if (first?.format !== 'protobuf' || first.as !== undefined) return first;
  return found.find(({ format, as }) => format !== 'protobuf' && as === undefined) ?? first;
}

/** Streams are those of watches, which there are none of in YAML. */
function isStreamed({ parameters }: MediaRange, format: Representation['format']): boolean {
  const stream = parameters.get('stream');
  return stream === undefined || (stream === 'watch' && format !== 'yaml');
}

function isConverted(parameters: ReadonlyMap<string, string>): boolean {
  return parameters.has('as') || parameters.has('g') || parameters.has('v');
}

function formOf({ parameters }: MediaRange, format: Representation['format']): Representation | undefined {
  if ((parameters.get('sv') ?? 'v1') !== 'v1') return undefined;
  if (!isConverted(parameters)) return format === 'json' ? plainJson : { ...plainJson, format };
  const [as, group, version = ''] = [parameters.get('as'), parameters.get('g'), parameters.get('v')];
  if (group !== 'meta.k8s.io' || !['v1', 'v1beta1'].includes(version)) return undefined;
  if (as === 'Table') return format === 'protobuf' ? undefined : { format, as, version };
  if (as === 'PartialObjectMetadata') return { format, as, version };
  if (as === 'PartialObjectMetadataList') return { format, as: 'PartialObjectMetadata', version, ofList: true };
  return undefined;
}

export interface AggregatedForm {
  readonly format: Representation['format'];
  readonly version: string;
}

/** Whether the header prefers discovery as one document, and in which of the versions of apidiscovery.k8s.io offered. */
export function aggregatedFormOf(accept: string | undefined, offered: readonly string[]): AggregatedForm | undefined {
  for (const { type, parameters } of rangesOf(accept ?? '')) {
    const format = formatOf(type);
    const wanted = parameters.get('as');
    if (!format) continue;
    if (wanted === undefined) return undefined;
    const version = parameters.get('v') ?? '';
    const isKnown = wanted === 'APIGroupDiscoveryList' && parameters.get('g') === 'apidiscovery.k8s.io';
    if (isKnown && offered.includes(version)) return { format, version };
  }
  return undefined;
}

function formatOf(type: string): Representation['format'] | undefined {
  return type === protobufMedia ? 'protobuf' : formats[type];
}

/** The form of a page that is text, or in one of `versions` the kind of config.k8s.io that is called for by name; undefined: another one. */
export function structuredFormOf(
  accept: string | undefined,
  as: string,
  versions: readonly string[],
): 'text' | { readonly format: 'json' | 'yaml'; readonly version: string } | undefined {
  if (accept === undefined || accept === '') return 'text';
  for (const { type, parameters } of rangesOf(accept)) {
    if (['*/*', 'text/*', 'text/plain'].includes(type)) return 'text';
    const format = formats[type];
    const version = parameters.get('v') ?? '';
    const isKnown =
      parameters.get('g') === 'config.k8s.io' && parameters.get('as') === as && versions.includes(version);
    if (isKnown && (format === 'json' || format === 'yaml')) return { format, version };
  }
  return undefined;
}

export function notAcceptable(accepted: string) {
  return refusedForm(`only the following media types are accepted: ${accepted}`);
}

export function refusedForm(why: string) {
  return apiError('NotAcceptable', why);
}

/** Nobody means more; a header may have hundreds of thousands. */
const mostRanges = 1000;
/** Of all ranges together. */
const mostParameters = 4000;

/** As upstream's parser reads it: letter by letter, and none is left out for being liked least. */
function rangesOf(accept: string): MediaRange[] {
  const ranges: MediaRange[] = [];
  let left = mostParameters;
  for (const text of accept.split(',', mostRanges)) {
    const [first = '', ...rest] = text.split(';', left + 1).map((part) => part.trim());
    left -= rest.length;
    const type =
      first === '*'
        ? '*/*'
        : first
            .split('/', 3)
            .map((part) => part.trim())
            .join('/');
    if (!/^[^/]*\/[^/]+$/.test(type)) continue;
    const pairs = rest.map((part) => part.split('=')).filter((pair) => pair.length === 2 && pair[1] !== '');
    const parameters = new Map(pairs.map(([key = '', value = '']) => [key.trim(), value.trim()]));
    insert(ranges, { type, parameters, quality: Number(parameters.get('q') ?? 1) || 0 });
  }
  return ranges;
}

/** Behind those that are not less: what is named goes before what is not, whatever its quality. */
function insert(ranges: MediaRange[], range: MediaRange): void {
  let at = ranges.length;
  while (at > 0 && goesBefore(range, ranges[at - 1] as MediaRange)) at--;
  ranges.splice(at, 0, range);
}

function goesBefore(a: MediaRange, b: MediaRange): boolean {
  if (a.quality > b.quality) return true;
  if (!a.type.startsWith('*/') && b.type.startsWith('*/')) return true;
  return !a.type.endsWith('/*') && b.type.endsWith('/*');
}
