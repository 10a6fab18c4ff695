import { apiError, type KubeObject, LruMap } from '@berth/kube';
import { breathe } from '../decoding/large-bodies.ts';
import { writeYaml } from '../decoding/yaml-text.ts';
import { type AnyObject, listKindOf, type ResourceDefinition } from '../resource-definition.ts';
import type { Answer, AnswerObject, ListAnswer, WatchFrame } from '../server-request.ts';
import { joinedSplices, type Splice, wholeSplice } from '../splice.ts';
import { apiVersionOf, StoredObject } from '../stored-object.ts';
import type { Representation } from './negotiate.ts';
import { partialOf } from './partial-metadata.ts';
import { tableOf } from './table.ts';

/** What the forms of answers depend on. */
export interface Presentation {
  readonly representation: Representation;
  readonly includeObject: string;
  readonly now: number;
}

const encoder = new TextEncoder();

/** So many items are made ready in some milliseconds; others are served before the next. */
const itemsAtOnce = 250;

/** The body of an answer that is one document, and its media type. */
export async function documentOf(
  answer: Extract<Answer, { type: 'object' | 'list' }>,
  presentation: Presentation,
  signal: AbortSignal,
): Promise<{ readonly body: Uint8Array; readonly contentType: string }> {
  const { representation } = presentation;
  const plain = representation.as === undefined;
  if (representation.format === 'json' && plain) {
    const body = answer.type === 'list' ? listJson(answer) : objectJson(answer.object);
    return { body, contentType: 'application/json' };
  }
  const json =
    answer.type === 'list' ? await madeList(answer, presentation) : JSON.stringify(objectValue(answer, presentation));
  return representation.format === 'yaml'
    ? { body: encoder.encode(await writeYaml(json, signal)), contentType: 'application/yaml' }
    : { body: encoder.encode(json), contentType: 'application/json' };
}

/** The text of a list whose items are made for it, in steps. */
async function madeList(answer: ListAnswer, presentation: Presentation): Promise<string> {
  const { items } = answer;
  const slice = (from: number) => listValue({ ...answer, items: items.slice(from, from + itemsAtOnce) }, presentation);
  const parts = [JSON.stringify(slice(0))];
  if (items.length <= itemsAtOnce) return parts[0] as string;
  const end = ']}';
  parts[0] = (parts[0] as string).slice(0, -end.length);
  for (let from = itemsAtOnce; from < items.length; from += itemsAtOnce) {
    await breathe();
    // The items, or a table's rows, come last in a list.
    parts.push(JSON.stringify(Object.values(slice(from)).at(-1)).slice(1, -1));
  }
  return parts.join(',') + end;
}

function objectJson(object: AnswerObject): Uint8Array {
  return object instanceof StoredObject ? object.json() : encoder.encode(JSON.stringify(object));
}

function plainObject(object: AnswerObject): KubeObject {
  return object instanceof StoredObject ? object.object : object;
}

/** A list made of the stored bytes of its items. */
function listJson({ definition, metadata, items }: ListAnswer): Uint8Array {
  const head = `{"kind":"${listKindOf(definition)}","apiVersion":"${apiVersionOf(definition)}","metadata":${JSON.stringify(metadata)},"items":[`;
  return joinedSplices(
    head,
    items.map((item) => item.item()),
    ']}',
  );
}

function listValue({ definition, metadata, items }: ListAnswer, presentation: Presentation): object {
  const { representation, includeObject, now } = presentation;
  const objects = items.map(({ object }) => object);
  if (representation.as === 'Table')
    return tableOf(definition, objects, metadata, { ...representation, includeObject, now, withColumns: true });
  if (representation.as === undefined)
    return { kind: listKindOf(definition), apiVersion: apiVersionOf(definition), metadata, items: objects };
  const { version } = representation;
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    items: objects.map((object) => partialOf(object, version)),
  };
}

function objectValue(answer: Extract<Answer, { type: 'object' }>, presentation: Presentation): object {
  const object = plainObject(answer.object);
  // A Status, a Scale or a review has no table; errors are always themselves.
  if (!answer.definition || object.kind !== answer.definition.kind) return object;
  return converted(answer.definition, object as AnyObject, presentation, true);
}

function converted(
  definition: ResourceDefinition,
  object: AnyObject,
  { representation, includeObject, now }: Presentation,
  withColumns: boolean,
): KubeObject {
  if (representation.as === undefined) return object;
  if (representation.as === 'PartialObjectMetadata') return partialOf(object, representation.version);
  const metadata = { resourceVersion: object.metadata.resourceVersion };
  return tableOf(definition, [object], metadata, { ...representation, includeObject, now, withColumns });
}

/** Turns watch frames into lines; for tables it remembers that the columns were sent. */
export function frameEncoder(
  definition: ResourceDefinition,
  presentation: Presentation,
): (frame: WatchFrame) => Uint8Array {
  const { representation } = presentation;
  if (representation.format === 'yaml')
    throw apiError(
      'NotAcceptable',
      'only the following media types are accepted: application/json, application/json;stream=watch',
    );
  if (representation.as === undefined) return plainLine;
  let first = true;
  return ({ type, object }) => {
    if (type === 'ERROR') return line(type, objectJson(object));
    const value = frameValue(definition, { type, object }, presentation, first);
    first = false;
    return line(type, encoder.encode(JSON.stringify(value)));
  };
}

function frameValue(
  definition: ResourceDefinition,
  { type, object }: WatchFrame,
  presentation: Presentation,
  first: boolean,
): KubeObject {
  const value = plainObject(object) as AnyObject;
  const { representation } = presentation;
  if (type !== 'BOOKMARK' || representation.as !== 'Table') return converted(definition, value, presentation, first);
  const { now, includeObject } = presentation;
  const options = { ...representation, includeObject, now, withColumns: first };
  return tableOf({ ...definition, columns: definition.columns }, [], value.metadata, options);
}

/** Lines sent last: a thousand watchers of one thing are told the same. Small ones only, as memory they hold is held for them alone. */
const recentLines = new LruMap<StoredObject, { readonly type: string; readonly bytes: Uint8Array }>(16);
const recentAtMostBytes = 64 * 1024;

function plainLine({ type, object }: WatchFrame): Uint8Array {
  if (!(object instanceof StoredObject)) return line(type, objectJson(object));
  const recent = recentLines.get(object);
  if (recent?.type === type) return recent.bytes;
  const bytes = line(type, object.splice());
  if (bytes.byteLength <= recentAtMostBytes) recentLines.set(object, { type, bytes });
  return bytes;
}

function line(type: string, object: Uint8Array | Splice): Uint8Array {
  const splice = object instanceof Uint8Array ? wholeSplice(object) : object;
  return joinedSplices(`{"type":"${type}","object":`, [splice], '}\n');
}
