import type { Clock } from '@berth/kit';
import { apiVersionOf, type KubeObject, LruMap, stringifyDeep } from '@berth/kube';
import type { KeyValue } from '../../store/store.ts';
import { readingCost } from '../decoding/costs.ts';
import { smallSteps, turns } from '../decoding/turns.ts';
import { writeYaml } from '../decoding/yaml-text.ts';
import { type AnyObject, listKindOf, type ResourceDefinition } from '../resource-definition.ts';
import { toPlainForm } from '../resources/wire-form.ts';
import type { Answer, AnswerObject, ListAnswer, WatchFrame } from '../server-request.ts';
import { joinedSplices, type Splice, sizeOf, wholeSplice } from '../splice.ts';
import { StoredObject } from '../stored-object.ts';
import { joinedPieces } from './joined-pieces.ts';
import { type LongBody, SplicedList } from './long-body.ts';
import { checkMetadataForm } from './metadata-alone.ts';
import { notAcceptable, protobufMedia, type Representation } from './negotiate.ts';
import { partialOf } from './partial-metadata.ts';
import { scaleTable } from './scale-table.ts';
import { tableOf } from './table.ts';

/** What the forms of answers depend on. */
export interface Presentation {
  readonly representation: Representation;
  readonly includeObject: string;
  /** What ages in tables are told by: a watch lasts, and each of its rows is as old as it is when it is sent. */
  readonly clock: Pick<Clock, 'now'>;
}

const encoder = new TextEncoder();

/** Go's encoder of JSON ends each document with it; one in lines has none. */
export const documentEnd = '\n';

/** The body of an answer that is one document, and its media type. @throws – nobody waits for it any more. */
export async function documentOf(
  answer: Extract<Answer, { type: 'object' | 'list' }>,
  presentation: Presentation,
  signal: AbortSignal,
): Promise<{ readonly body: Uint8Array | LongBody; readonly contentType: string }> {
  const { representation } = presentation;
  const plain = representation.as === undefined;
  if (!plain) checkMetadataForm(answer, representation);
  if (representation.format === 'json' && plain) {
    const body = answer.type === 'list' ? await listJson(answer, signal) : objectDocument(answer.object);
    return { body, contentType: 'application/json' };
  }
  if (representation.format === 'protobuf') {
    const { protobufDocument } = await import('./protobuf-answer.ts');
    return protobufDocument(answer, presentation, signal);
  }
  const json =
    answer.type === 'list'
      ? await madeList(answer, presentation, signal)
      : Buffer.from(`${stringifyDeep(objectValue(answer, presentation))}${documentEnd}`);
  return representation.format === 'yaml'
    ? { body: encoder.encode(await writeYaml(json, signal)), contentType: 'application/yaml' }
    : { body: json, contentType: 'application/json' };
}

/** What an answer is made into, a Table or metadata alone; undefined: it is told as it is. */
export function madeOf(
  answer: Extract<Answer, { type: 'object' | 'list' }>,
  presentation: Presentation,
): object | undefined {
  if (presentation.representation.as === undefined) return undefined;
  return answer.type === 'list' ? listValue(answer, presentation) : objectValue(answer, presentation);
}

/** The text of a list whose items are made for it, in steps. */
async function madeList(answer: ListAnswer, presentation: Presentation, signal: AbortSignal): Promise<Buffer> {
  const { items } = answer;
  const made = (from: number, to: number) => listValue({ ...answer, items: items.slice(from, to) }, presentation);
  if (items.length === 0) return Buffer.from(`${JSON.stringify(made(0, 0))}${documentEnd}`);
  const end = `]}${documentEnd}`;
  const parts: Buffer[] = [];
  let from = 0;
  for (const [i, item] of items.entries()) {
    const pause = turns.goOn(makingCost({ object: item }));
    if (!pause) continue;
    // Before the first there is nothing to write yet, be it as large as it is.
    if (i > from) parts.push(partOf(made(from, i), parts.length === 0));
    from = i;
    await pause;
    signal.throwIfAborted();
  }
  parts.push(partOf(made(from, items.length), parts.length === 0));
  return joinedPieces([...parts, Buffer.from(end)]);
}

/** The text of a list's first part but for its end, or of what is in another one. */
function partOf(list: object, first: boolean): Buffer {
  if (first) return Buffer.from(JSON.stringify(list).slice(0, -2));
  // The items, or a table's rows, come last in a list.
  return Buffer.from(`,${JSON.stringify(Object.values(list).at(-1)).slice(1, -1)}`);
}

function objectDocument(object: AnswerObject): Uint8Array {
  if (object instanceof StoredObject) return joinedSplices('', [object.splice()], documentEnd);
  return encoder.encode(`${stringifyDeep(object)}${documentEnd}`);
}

function objectJson(object: AnswerObject): Uint8Array {
  return object instanceof StoredObject ? object.json() : encoder.encode(stringifyDeep(object));
}

function plainObject(object: AnswerObject): KubeObject {
  return object instanceof StoredObject ? object.object : object;
}

/** What it costs to find where an item's text goes. */
const perItem = 5;

/** Of custom objects upstream's lists always say whether they go on. */
function listMetadata({ definition, metadata }: ListAnswer): object {
  return definition.custom ? { continue: '', ...metadata } : metadata;
}

/** Of items that many ask for (see `ObjectStorage`), as they are stored. */
const knownBytes = new WeakMap<readonly StoredObject[], number>();

/** A list made of the stored bytes of its items. */
async function listJson(list: ListAnswer, signal: AbortSignal): Promise<LongBody> {
  const { definition, items } = list;
  const head = `{"kind":"${listKindOf(definition)}","apiVersion":"${apiVersionOf(definition)}","metadata":${JSON.stringify(listMetadata(list))},"items":[`;
  // Custom objects may have to be filled and pruned, and others be written in their version: once.
  const isMade = definition.custom !== undefined || definition.storedAs !== undefined;
  const made: Splice[] = [];
  let bytes = isMade ? undefined : knownBytes.get(items);
  if (bytes === undefined) {
    bytes = 0;
    const steps = smallSteps();
    for (const item of items) {
      const pause = steps.goOn(isMade ? readingCost(item) : perItem);
      if (pause) await pause;
      signal.throwIfAborted();
      const splice = item.item();
      bytes += sizeOf(splice);
      if (isMade) made.push(splice);
    }
    knownBytes.set(items, bytes);
  }
  const spliceAt = (i: number) => (isMade ? made[i] : items[i]?.item()) as Splice;
  return new SplicedList({ head, count: items.length, bytes, spliceAt, tail: `]}${documentEnd}`, signal });
}

function listValue(list: ListAnswer, presentation: Presentation): object {
  const { definition, metadata, items } = list;
  const { representation, includeObject, clock } = presentation;
  const objects = items.map(({ object }) => object);
  if (representation.as === 'Table')
    return tableOf(definition, objects, metadata, {
      ...representation,
      includeObject,
      now: clock.now(),
      withColumns: true,
    });
  if (representation.as === undefined)
    return {
      kind: listKindOf(definition),
      apiVersion: apiVersionOf(definition),
      metadata: listMetadata(list),
      items: definition.custom ? objects : objects.map(({ kind, apiVersion, ...rest }) => rest),
    };
  const { version } = representation;
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    // Go's list of none, where nothing was put into it.
    items: objects.length > 0 ? objects.map((object) => partialOf(object, version)) : null,
  };
}

function objectValue(answer: Extract<Answer, { type: 'object' }>, presentation: Presentation): object {
  const object = plainObject(answer.object);
  // A Status or a review has no table; errors are always themselves.
  if (object.kind === 'Scale' && presentation.representation.as === 'Table')
    return tableOf(scaleTable, [object as AnyObject], metadataOf(object as AnyObject), {
      ...presentation.representation,
      includeObject: presentation.includeObject,
      now: presentation.clock.now(),
      withColumns: true,
    });
  const { representation } = presentation;
  // Metadata are what all objects have, but for a Status.
  if (representation.as === 'PartialObjectMetadata' && object.kind !== 'Status')
    return partialOf(object as AnyObject, representation.version);
  if (!answer.definition || object.kind !== answer.definition.kind) return object;
  return converted(answer.definition, object as AnyObject, presentation, true);
}

function metadataOf({ metadata: { resourceVersion } }: AnyObject) {
  return { resourceVersion };
}

function converted(
  definition: ResourceDefinition,
  object: AnyObject,
  { representation, includeObject, clock }: Presentation,
  withColumns: boolean,
): KubeObject {
  if (representation.as === undefined) return object;
  if (representation.as === 'PartialObjectMetadata') return partialOf(object, representation.version);
  const options = { ...representation, includeObject, now: clock.now(), withColumns };
  return tableOf(definition, [object], metadataOf(object), options);
}

type FrameEncoder = (frame: WatchFrame) => Uint8Array | undefined;

export interface FrameForm {
  /** Undefined: the watch ends with that. */
  readonly encode: FrameEncoder;
  /** What encoding costs, in units of {@link turns}: each watcher's frame is made for it alone. */
  readonly costOf: (frame: WatchFrame) => number;
  readonly contentType: string;
}

/** How what a watch tells is written, and as what. @throws ApiError NotAcceptable */
export async function framesOf(definition: ResourceDefinition, presentation: Presentation): Promise<FrameForm> {
  const { format, ofList, as } = presentation.representation;
  if (format === 'yaml') throw notAcceptable(`application/json;stream=watch, ${protobufMedia};stream=watch`);
  // Of objects there are no metadata of a list, which upstream finds out with the first of them.
  const encoder = (encode: FrameEncoder): FrameEncoder =>
    ofList ? (frame) => (frame.type === 'ERROR' ? encode(frame) : undefined) : encode;
  if (format === 'json') {
    const costOf = as === undefined ? () => 0 : makingCost;
    return { encode: encoder(lineEncoder(definition, presentation)), costOf, contentType: 'application/json' };
  }
  const { protobufFrames } = await import('./protobuf-answer.ts');
  const encode = encoder(await protobufFrames(definition, presentation));
  return { encode, costOf: makingCost, contentType: `${protobufMedia};stream=watch` };
}

/** Of an object that is read, made into something else, and written. */
function makingCost({ object }: Pick<WatchFrame, 'object'>): number {
  return object instanceof StoredObject ? 3 * readingCost(object) : 0;
}

/** Turns watch frames into lines; for tables it remembers that the columns were sent. */
function lineEncoder(definition: ResourceDefinition, presentation: Presentation): (frame: WatchFrame) => Uint8Array {
  if (presentation.representation.as === undefined) return plainLine;
  let first = true;
  return ({ type, object }) => {
    if (type === 'ERROR') return line(type, objectJson(object));
    const value = frameValue(definition, { type, object }, presentation, first);
    first = false;
    return line(type, encoder.encode(stringifyDeep(value)));
  };
}

function frameValue(
  definition: ResourceDefinition,
  { type, object }: WatchFrame,
  presentation: Presentation,
  first: boolean,
): KubeObject {
  const value = plainObject(object) as AnyObject;
  // The row of a bookmark has what it says in its object; of that nothing else is there.
  if (type === 'BOOKMARK' && presentation.representation.as === 'Table' && !definition.custom)
    toPlainForm(value, definition.schema);
  return converted(definition, value, presentation, first);
}

interface RecentLine {
  readonly type: string;
  readonly definition: ResourceDefinition;
  readonly line: { deref(): Uint8Array | undefined };
}

/** Lines sent last: a thousand watchers of one thing are told the same. Large ones as long as one of them waits to be sent. */
const recentLines = new LruMap<KeyValue, RecentLine>(16);
const recentlyHeldBytes = 64 * 1024;

function plainLine({ type, object }: WatchFrame): Uint8Array {
  if (!(object instanceof StoredObject)) return line(type, objectJson(object));
  const { kv, definition } = object;
  const recent = recentLines.get(kv);
  const known = recent?.type === type && recent.definition === definition ? recent.line.deref() : undefined;
  if (known) return known;
  const bytes = line(type, object.splice());
  const isSmall = bytes.byteLength <= recentlyHeldBytes;
  recentLines.set(kv, { type, definition, line: isSmall ? { deref: () => bytes } : new WeakRef(bytes) });
  return bytes;
}

function line(type: string, object: Uint8Array | Splice): Uint8Array {
  const splice = object instanceof Uint8Array ? wholeSplice(object) : object;
  return joinedSplices(`{"type":"${type}","object":`, [splice], '}\n');
}
