import { apiVersionOf, decodeObject, decodeProtobuf, groupVersionOf, parseExact, schemas } from '@berth/kube';
import { turns } from './decoding/turns.ts';
import { definitionOfBeta } from './foreign-definition.ts';
import type { AnyObject, ResourceDefinition } from './resource-definition.ts';
import { encodeObject } from './stored-object.ts';

const openBrace = 0x7b;
const closeBrace = 0x7d;
/** Of {@link turns}, for one value: a start reads as many as there are. */
const unitsPerValue = 1_000;
/** How every value of ours begins. */
const ourHead = Buffer.from('{"kind":"');
/** How kube-apiserver marks protobuf (runtime/serializer/protobuf). */
const protobufMark = Buffer.from('k8s\0');

/**
 * Reads what kube-apiserver wrote into the same etcd: protobuf, or JSON with a line's end, of custom resources with its
 * fields in another order. Undefined for what is as ours is, and for what is no object, such as an encrypted one.
 */
export function foreignValues(definitions: readonly ResourceDefinition[]) {
  const known = new Map(definitions.map((each) => [`${apiVersionOf(each)} ${each.kind}`, each]));
  const stored = new Map(
    definitions.filter(({ storedAs }) => !storedAs).map((each) => [`${each.group} ${each.kind}`, each]),
  );
  const parts = { known, stored };
  return (value: Uint8Array): Promise<Uint8Array> | undefined => {
    const first = value[0];
    if (first === openBrace) {
      if (value.at(-1) === closeBrace && startsWith(value, ourHead)) return undefined;
    } else if (!startsWith(value, protobufMark)) return undefined;
    return ownForm(parts, value);
  };
}

interface Kinds {
  readonly known: ReadonlyMap<string, ResourceDefinition>;
  /** By group and kind: the version its objects are stored in. */
  readonly stored: ReadonlyMap<string, ResourceDefinition>;
}

async function ownForm(kinds: Kinds, value: Uint8Array): Promise<Uint8Array> {
  const pause = turns.goOn(unitsPerValue);
  if (pause) await pause;
  try {
    const object =
      value[0] === openBrace
        ? (parseExact(Buffer.from(value).toString()) as AnyObject)
        : ((await decodeProtobuf(value)).object as AnyObject);
    if (typeof object.kind !== 'string' || typeof object.metadata !== 'object') return new Uint8Array(value);
    return encodeObject(asStored(kinds, object));
  } catch {
    // Of a kind that is not served here, or none at all: nobody reads it.
    return new Uint8Array(value);
  }
}

function asStored({ known, stored }: Kinds, object: AnyObject): AnyObject {
  const { apiVersion = '', kind = '' } = object;
  const form = stored.get(`${groupVersionOf(apiVersion).group} ${kind}`);
  // A custom resource is what it is.
  if (!form) return object;
  const definition = known.get(`${apiVersion} ${kind}`) ?? form;
  const schema = definition.schema === undefined ? undefined : schemas.find(definition.schema);
  const given = apiVersion === 'apiextensions.k8s.io/v1beta1' ? definitionOfBeta(object) : object;
  const decoded = (schema ? decodeObject(schema, given).object : given) as AnyObject;
  const converted = definition.storedAs ? definition.storedAs.toStored(decoded) : decoded;
  const own = { ...converted, kind, apiVersion: apiVersionOf(form) };
  form.rules.default?.(own);
  return own;
}

function startsWith(value: Uint8Array, head: Buffer): boolean {
  return head.every((byte, i) => value[i] === byte);
}
