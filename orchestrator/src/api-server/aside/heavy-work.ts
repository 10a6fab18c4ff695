import type { KeyValue } from '../../store/store.ts';
import { countingCost } from '../decoding/costs.ts';
import { comma, endOfString, quote } from '../decoding/json-strings.ts';
import { mostNested } from '../decoding/most-nested.ts';
import { smallSteps, turns } from '../decoding/turns.ts';
import { isDeepYaml } from '../decoding/yaml-depth.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { ServerRequest } from '../server-request.ts';

/** What is thrown where a request would keep all others waiting: it is begun again in a thread of its own. */
export const heavyWork = new Error('this request is answered by a thread of its own');

/** Of a body: some milliseconds each for reading, tracking, checking and writing. Few objects have a tenth of it. */
const mostValues = 2_000;
/** Few values can be long: they are quoted in errors, matched and copied. */
const mostBytes = 256 * 1024;
/** Of what is stored, where each field that someone owns is there twice. */
const mostStoredValues = 3 * mostValues;
/** YAML takes twenty times as long to read; protobuf packs more into a byte. */
const mostPackedBytes = 16 * 1024;
/** Expressions and patterns are compiled, some microseconds for each character. */
const mostCompiledBytes = 24 * 1024;
/** From here on a body may take a turn of its own; in units of {@link turns}. */
const [smallBytes, unitsPerByte] = [8 * 1024, 2];

const [bracket, brace, endBracket, endBrace] = [0x5b, 0x7b, 0x5d, 0x7d] as const;

/** Whether a JSON text has more values than that, or nests deep; what is in strings does not count. */
export function hasMoreValues(bytes: Uint8Array, most: number): boolean {
  // A level takes a character and more, a value two.
  return bytes.length > Math.min(mostNested, 2 * most) && countValues(bytes, most) > most;
}

/** No further than to the first beyond `most`; what nests deep has more than any number. */
function countValues(bytes: Uint8Array, most: number): number {
  let values = 0;
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    const code = bytes[i];
    // A comma, a bracket or a brace begins a value.
    if (code === comma) values++;
    else if (code === bracket || code === brace) {
      values++;
      if (++depth > mostNested) return Number.POSITIVE_INFINITY;
    } else if (code === endBracket || code === endBrace) depth--;
    else if (code === quote) i = endOfString(bytes, i + 1);
    if (values > most) return values;
  }
  return values;
}

/** Of a selector, whose terms take as long as an object's values. */
const mostSelectorLength = 32 * 1024;

/** Whether reading what selects takes long. */
export function hasLongSelector({ query }: ServerRequest): boolean {
  return ['labelSelector', 'fieldSelector'].some((name) => (query.get(name)?.length ?? 0) > mostSelectorLength);
}

const compiled = new Set([
  'cronjobs',
  'customresourcedefinitions',
  'deviceclasses',
  'mutatingadmissionpolicies',
  'mutatingwebhookconfigurations',
  'resourceclaims',
  'resourceclaimtemplates',
  'validatingadmissionpolicies',
  'validatingwebhookconfigurations',
]);

type Kind = Pick<ResourceDefinition, 'plural' | 'custom'>;

/** The same request, whose body is not read where working on it takes long. */
export function guarded(request: ServerRequest, { plural, custom }: Kind): ServerRequest {
  const { body, contentType = '' } = request;
  if (body.type !== 'bytes') return request;
  const most = mostBytesOf(plural);
  const read = async () => {
    const bytes = await body.read();
    if (isHeavyBody(bytes, contentType, most)) throw heavyWork;
    if (isYaml(bytes, contentType) && isDeepYaml(signsOf(bytes))) throw heavyWork;
    // A client may send several in one packet; counting is a part of the work on them.
    if (bytes.length > smallBytes) await turns.goOn(bytes.length * unitsPerByte);
    if (hasMoreValues(bytes, mostValues / growthIn(custom))) throw heavyWork;
    return bytes;
  };
  return { ...request, body: { type: 'bytes', read } };
}

function mostBytesOf(plural: string): number {
  // Only the server itself knows whose a token is, and what is long in it is only compared.
  if (plural === 'tokenreviews') return Number.POSITIVE_INFINITY;
  return compiled.has(plural) ? mostCompiledBytes : mostBytes;
}

function isHeavyBody(bytes: Uint8Array, contentType: string, most: number): boolean {
  if (bytes.length > most) return true;
  if (bytes.length <= mostPackedBytes) return false;
  return isYaml(bytes, contentType) || /protobuf/.test(contentType);
}

/** As far as syntax goes the text of a YAML body, be it UTF-16. */
function signsOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1').replaceAll('\0', '');
}

function isYaml(bytes: Uint8Array, contentType: string): boolean {
  return /yaml/.test(contentType) && !beginsAsJson(bytes);
}

/** What defaults make of one value. */
function growthIn(custom: ResourceDefinition['custom']): number {
  return 1 + (custom?.growth ?? 0);
}

function beginsAsJson(bytes: Uint8Array): boolean {
  return bytes[0] === brace;
}

/** Looking through less costs some microseconds, and a weak map of 100,000 takes long to grow: nobody has so many of these. */
const rememberedBytes = 16 * 1024;
/** Up to {@link mostStoredValues} and one. */
const known = new WeakMap<KeyValue, number>();

/** Whether working on what is stored takes long. */
export function isHeavy(item: KeyValue, { custom }: Pick<Kind, 'custom'>): boolean {
  const most = mostStoredValues / growthIn(custom);
  if (item.value.length <= Math.min(mostNested, 2 * most)) return false;
  let values = known.get(item);
  if (values === undefined) {
    values = countValues(item.value, mostStoredValues);
    if (item.value.length > rememberedBytes) known.set(item, values);
  }
  return values > most;
}

/** Whether working on any of many does; they are looked at in turns. */
export async function someHeavy(
  items: readonly { readonly kv: KeyValue }[],
  kind: Pick<Kind, 'custom'>,
  signal: AbortSignal,
): Promise<boolean> {
  const steps = smallSteps();
  for (const { kv } of items) {
    const pause = steps.goOn(countingCost(kv.value.length));
    if (pause) await pause;
    signal.throwIfAborted();
    if (isHeavy(kv, kind)) return true;
  }
  return false;
}
