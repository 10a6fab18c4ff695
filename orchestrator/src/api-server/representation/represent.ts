import type { Clock } from '@berth/kit';
import { apiVersionOf, type KubeObject, LruMap, stringifyDeep } from '@berth/kube';
import type { KeyValue } from '../../store/store.ts';
import { copyingCost, readingCost } from '../decoding/costs.ts';
import { smallSteps } from '../decoding/turns.ts';
import { writeYaml } from '../decoding/yaml-text.ts';
import { type AnyObject, listKindOf, type ResourceDefinition } from '../resource-definition.ts';
import { toPlainForm } from '../resources/wire-form.ts';
import type { Answer, AnswerObject, ListAnswer, WatchFrame } from '../server-request.ts';
import { joinedSplices, type Splice, sizeOf, wholeSplice } from '../splice.ts';
import { StoredObject } from '../stored-object.ts';
import { type LongBody, SplicedList } from './long-body.ts';
import { type ListParts, MadeList, MadeYaml } from './made-list.ts';
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
  if (answer.type === 'list') {
    const list = await listParts(answer, presentation, signal);
    return representation.format === 'yaml'
      ? { body: new MadeYaml(list), contentType: 'application/yaml' }
      : { body: new MadeList(list), contentType: 'application/json' };
  }
  const json = `${stringifyDeep(objectValue(answer, presentation))}${documentEnd}`;
  return representation.format === 'yaml'
    ? { body: encoder.encode(await writeYaml(json, signal)), contentType: 'application/yaml' }
    : { body: encoder.encode(json), contentType: 'application/json' };
}

/** A list whose items are made for it. */
export async function listParts(
  answer: ListAnswer,
  presentation: Presentation,
  signal: AbortSignal,
): Promise<ListParts> {
  const items = await shownInOrder(answer, presentation, signal);
  return {
    count: items.length,
    made: (from, to) => listValue({ ...answer, items: items.slice(from, to) }, presentation),
    costAt: (i) => makingCost({ object: items[i] as StoredObject }),
    bytesAt: (i) => (items[i] as StoredObject).kv.value.length,
    end: documentEnd,
    signal,
  };
}

/** Tables of some kinds have an order of their own, which all of their objects have to be read for. */
async function shownInOrder(
  { definition, items }: ListAnswer,
  { representation }: Presentation,
  signal: AbortSignal,
): Promise<readonly StoredObject[]> {
  const order = representation.as === 'Table' ? definition.rules.tableOrder : undefined;
  if (!order) return items;
  const read: { readonly item: StoredObject; readonly object: AnyObject }[] = [];
  const steps = smallSteps();
  for (const item of items) {
    const pause = steps.goOn(readingCost(item));
    if (pause) await pause;
    signal.throwIfAborted();
    read.push({ item, object: item.object });
  }
  return read.sort((a, b) => order(a.object, b.object)).map(({ item }) => item);
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
  const parts = { head, count: items.length, tail: `]}${documentEnd}`, signal };
  const spliceAt = (i: number) => (items[i] as StoredObject).item();
  // Custom objects may have to be filled and pruned, and others be written in their version: how long they are shows then.
  if (definition.custom !== undefined || definition.storedAs !== undefined)
    return new SplicedList({
      ...parts,
      bytes: undefined,
      spliceAt,
      costAt: (i) => readingCost(items[i] as StoredObject),
    });
  const costAt = (i: number) => copyingCost((items[i] as StoredObject).kv.value.length);
  return new SplicedList({ ...parts, bytes: await bytesOf(items, signal), spliceAt, costAt });
}

async function bytesOf(items: readonly StoredObject[], signal: AbortSignal): Promise<number> {
  let bytes = knownBytes.get(items);
  if (bytes !== undefined) return bytes;
  bytes = 0;
  const steps = smallSteps();
  for (const item of items) {
    const pause = steps.goOn(perItem);
    if (pause) await pause;
    signal.throwIfAborted();
    bytes += sizeOf(item.item());
  }
  knownBytes.set(items, bytes);
  return bytes;
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

/** An object as it is shown, itself or a Table or metadata alone. */
export function objectValue(answer: Extract<Answer, { type: 'object' }>, presentation: Presentation): object {
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
