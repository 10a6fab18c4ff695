import {
  ApiError,
  apiError,
  apiVersionOf,
  type DecodedFrom,
  decodeObject,
  goQuote,
  goUtf8,
  groupVersionOf,
  groupVersionProblem,
  keepJsonNotes,
  type ObjectSchema,
  parseJsonStrict,
  schemaFor,
  schemas,
  TypedDecodeError,
  type UsualKind,
} from '@berth/kube';
import type { CustomResource } from './custom-resources/custom-resource.ts';
import { type Duplicates, duplicateProblems, fieldProblems } from './decoding/duplicate-problems.ts';
import { isKnownThoughNotServed, isMetaKind } from './decoding/kinds-not-served.ts';
import { breathe, largeBytes, markLarge } from './decoding/large-bodies.ts';
import { hasReadableParameters } from './decoding/media-parameters.ts';
import { olderScale } from './decoding/older-scale.ts';
import { optionsKindComplaint } from './decoding/options-kind.ts';
import { noJson, notAnObject, notRegistered, typeMetaComplaint } from './decoding/type-meta.ts';
import { yamlTextOf } from './decoding/yaml-bytes.ts';
import { readYaml } from './decoding/yaml-text.ts';
import { protobufMedia } from './representation/negotiate.ts';
import type { AnyObject, ResourceDefinition, Rules } from './resource-definition.ts';
import type { RequestBody, ServerRequest } from './server-request.ts';
import type { FieldValidation } from './write-options.ts';

/** Reads a body of `application/vnd.kubernetes.protobuf`. @throws Error – it is none. */
export type ProtobufDecoder = (bytes: Uint8Array, usual: UsualKind) => Promise<unknown>;

/** What a body is expected to be. */
export interface ExpectedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly schema: string | undefined;
  /** What a request wants, and no object: what is wrong with it is told without what it should have been. */
  readonly isOptions?: boolean;
  /** Of a custom resource: its schema reads it. */
  readonly custom?: CustomResource | undefined;
  /** What audit events tell is filled by it. */
  readonly default?: Rules['default'];
  readonly unconvertible?: Rules['unconvertible'];
}

const textMedia = ['application/json', 'application/yaml'];

/** Turns request bodies into objects, as upstream's decoders do. */
export class BodyDecoder {
  readonly #protobuf: ProtobufDecoder;

  constructor(protobuf: ProtobufDecoder) {
    this.#protobuf = protobuf;
  }

  /**
   * The body as an object of `expected`; its kind and apiVersion may be left out.
   * @throws ApiError UnsupportedMediaType, BadRequest, RequestEntityTooLarge.
   */
  async object(request: ServerRequest, expected: ExpectedKind, validation: FieldValidation): Promise<AnyObject> {
    const parsed = await this.#parse(request, expected);
    const { value: sent, duplicates, repeated = [], summary, large, text = '', beyond } = parsed;
    // Go's decoders leave an object as it is where null is to fill it; a document of nothing is null in YAML.
    const value = sent === null && !expected.custom ? {} : sent;
    if (!isObject(value)) throw unrecognized(expected, notAnObject(value), summary);
    const how = { validation, duplicates, repeated, text, beyond, warn: request.warn };
    const older = olderScale(expected.kind, value['apiVersion']);
    if (older) read(older.schema, value, { expected: { ...expected, version: older.version }, how });
    const typed = withKind(value, expected, summary);
    if (large) await this.#pause(request);
    const object = this.conform(typed, expected, how);
    request.audit?.requestObject(object, expected.default);
    if (large) {
      markLarge(object);
      await this.#pause(request);
    }
    return object;
  }

  /** As {@link object}, for evictions, whose group and version clients name as they like. @throws ApiError */
  async anyVersion(request: ServerRequest, expected: ExpectedKind, validation: FieldValidation): Promise<AnyObject> {
    const { value, duplicates, repeated = [], summary, text = '', beyond } = await this.#parse(request, expected);
    if (!isObject(value)) throw unrecognized(expected, notAnObject(value), summary);
    const [kind, apiVersion] = [value['kind'] || expected.kind, value['apiVersion'] || apiVersionOf(expected)];
    if (kind !== expected.kind || unregisteredKind({ kind: expected.kind, apiVersion: `${apiVersion}` }) !== undefined)
      return withKind(value, expected, summary) as AnyObject;
    return this.#conformAudited(request, value, expected, {
      validation,
      duplicates,
      repeated,
      text,
      beyond,
      warn: request.warn,
    });
  }

  /** What a request wants beside its query (apiserver handlers/delete.go). @throws ApiError */
  async options(request: ServerRequest, kind: Omit<ExpectedKind, 'isOptions' | 'custom'>): Promise<AnyObject> {
    const expected = { ...kind, isOptions: true };
    const { value: read, beyond } = await this.#parse(request, expected);
    const value = read === null ? {} : read;
    if (!isObject(value)) throw apiError('BadRequest', notAnObject(value));
    const wrong = request.body.type === 'value' ? undefined : optionsKindComplaint(value, expected.kind);
    if (wrong !== undefined) throw apiError('BadRequest', wrong);
    const { kind: _, apiVersion: __, ...fields } = value;
    const options = this.conform(keepJsonNotes(value, fields), expected, {
      validation: 'Ignore',
      warn: () => undefined,
      beyond,
    });
    const { metadata: ___, ...told } = options;
    request.audit?.requestObject({ kind: expected.kind, apiVersion: 'meta.k8s.io/__internal', ...told });
    return options;
  }

  #conformAudited(
    request: ServerRequest,
    value: Record<string, unknown>,
    expected: ExpectedKind,
    how: Strictness = { validation: 'Ignore', warn: () => undefined },
  ): AnyObject {
    const object = this.conform(value, expected, how);
    request.audit?.requestObject(object);
    return object;
  }

  /** The known fields of `value`; unknown and duplicate ones are refused, warned of or dropped in silence. @throws ApiError BadRequest */
  conform(value: Record<string, unknown>, expected: ExpectedKind, how: Strictness): AnyObject {
    if (expected.custom) return expected.custom.decode(value, how);
    const own = expected.schema === undefined ? undefined : schemas.find(expected.schema);
    const schema = olderScale(expected.kind, value['apiVersion'])?.schema ?? own;
    if (!schema) return { metadata: {}, ...value } as AnyObject;
    const object = read(schema, value, { expected, how });
    object['metadata'] ??= {};
    const unconvertible = expected.unconvertible?.(object as AnyObject);
    if (unconvertible !== undefined && how.from === 'map') throw apiError('Unknown', unconvertible, { code: 500 });
    if (unconvertible !== undefined) throw cannotBeHandled(expected, unconvertible);
    return object as AnyObject;
  }

  /** Whoever has gone meanwhile gets no more of it. */
  async #pause({ signal }: ServerRequest): Promise<void> {
    await breathe();
    signal.throwIfAborted();
  }

  async #parse(request: ServerRequest, expected: ExpectedKind): Promise<Parsed> {
    const { custom } = expected;
    const { body } = request;
    if (body.type === 'value') return { value: body.value, duplicates: [], summary: '' };
    const media = mediaTypeOf(request.contentType);
    // Upstream names protobuf for custom objects as well, and breaks off when it is sent.
    const accepted = custom && media === protobufMedia ? textMedia : [...textMedia, protobufMedia];
    if (!accepted.includes(media) || !hasReadableParameters(request.contentType ?? ''))
      throw apiError(
        'UnsupportedMediaType',
        `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
      );
    const bytes = bufferOf(await bytesOf(body));
    if (media === protobufMedia) return this.#parseProtobuf(bytes, expected);
    const summary = summaryOf(bytes);
    if (media === 'application/yaml') return this.#parseYaml(bytes, { expected, summary, signal: request.signal });
    const text = goUtf8(bytes);
    const wrong = (why: string) =>
      // Of those the kind is known by then.
      custom && why.startsWith('json: ')
        ? unlike({ kind: expected.kind, apiVersion: expected.version }, expected, why)
        : unrecognized(expected, noJson(why), summary);
    let beyond: Error | undefined;
    const tellBeyond = (error: Error) => {
      beyond = error;
    };
    const { value, duplicateFields } = attempt(() => parseJsonStrict(text, custom ? undefined : tellBeyond), wrong);
    return { value, duplicates: duplicateFields, summary, large: text.length > largeBytes, text, beyond };
  }

  async #parseProtobuf(bytes: Buffer, expected: ExpectedKind): Promise<Parsed> {
    const usual = { kind: expected.kind, apiVersion: apiVersionOf(expected) };
    try {
      return {
        value: await this.#protobuf(bytes, usual),
        duplicates: [],
        summary: '',
        large: bytes.length > largeBytes,
      };
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (error instanceof TypedDecodeError && !expected.isOptions) throw unlike(error, expected, error.message);
      throw unrecognized(expected, (error as Error).message, summaryOf(bytes));
    }
  }

  async #parseYaml(
    bytes: Buffer,
    about: { readonly expected: ExpectedKind; readonly summary: string; readonly signal: AbortSignal },
  ): Promise<Parsed> {
    const { expected, summary, signal } = about;
    try {
      const { value, repeated } = await readYaml(yamlTextOf(bytes), signal);
      return { value, duplicates: [], repeated, summary, large: bytes.length > largeBytes };
    } catch (error) {
      if (error instanceof ApiError || signal.aborted) throw error;
      throw unrecognized(expected, (error as Error).message, summary);
    }
  }
}

interface Reading {
  readonly expected: ExpectedKind;
  readonly how: Strictness;
}

/** What a schema knows of `value`; {@link BodyDecoder.conform}. @throws ApiError BadRequest */
function read(
  schema: ObjectSchema,
  value: Record<string, unknown>,
  { expected, how }: Reading,
): Record<string, unknown> {
  const cannot = (why: string) => cannotBeHandled(expected, why);
  const { object, unknownFields } = attempt(() => decodeObject(schema, value, how.from), cannot);
  // In what a field may have of any type it can be neither kept nor shown.
  if (how.beyond && hasNoJson(object)) throw cannot(how.beyond.message);
  const problems = [
    ...duplicateProblems({ repeated: how.repeated ?? [], found: how.found ?? [] }, how.validation === 'Warn'),
    // What was a map is read in no order, and told in that of the words, as they are.
    ...(how.from === 'map'
      ? unknownFields.toSorted().map((path) => `unknown field "${path}"`)
      : fieldProblems(how, unknownFields)),
  ];
  if (problems.length > 0 && how.validation === 'Strict') throw cannot(`strict decoding error: ${problems.join(', ')}`);
  if (how.validation === 'Warn') for (const problem of problems) how.warn(problem);
  return object;
}

function cannotBeHandled({ kind, version, isOptions }: ExpectedKind, why: string): ApiError {
  const about = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: `;
  return apiError('BadRequest', isOptions ? why : about + why);
}

export interface Strictness extends Duplicates {
  readonly validation: FieldValidation;
  readonly warn: (text: string) => void;
  readonly from?: DecodedFrom;
  readonly beyond?: Error | undefined;
}

function attempt<T>(run: () => T, asError: (why: string) => unknown): T {
  try {
    return run();
  } catch (error) {
    throw asError(error instanceof Error ? error.message : String(error));
  }
}

interface Parsed {
  readonly value: unknown;
  readonly duplicates: readonly string[];
  readonly repeated?: readonly string[];
  /** The body, if it is JSON. */
  readonly text?: string;
  readonly summary: string;
  /** What is wrong with a number that no float holds, if there is one. */
  readonly beyond?: Error | undefined;
  /** Working on it takes long. */
  readonly large?: boolean;
}

function mediaTypeOf(contentType: string | undefined): string {
  const [media = ''] = contentType?.split(';', 1) ?? ['application/json'];
  // A header without a value is none (apiserver NegotiateInputSerializer).
  return contentType === '' ? 'application/json' : media.trim().toLowerCase();
}

export async function bytesOf(body: RequestBody): Promise<Uint8Array> {
  if (body.type === 'bytes') return body.read();
  return body.type === 'none' ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(body.value));
}

/** The same bytes, not a copy. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The definition's own kind as what its endpoint expects. */
export function expectedKind({ group, version, kind, schema, custom, rules }: ResourceDefinition): ExpectedKind {
  return { group, version, kind, schema, custom, default: rules.default, unconvertible: rules.unconvertible };
}

function unrecognized({ kind, isOptions }: ExpectedKind, why: string, summary: string) {
  if (isOptions) return apiError('BadRequest', why);
  return apiError('BadRequest', `the object provided is unrecognized (must be of type ${kind}): ${why} (${summary})`);
}

/** The beginning of a body, as upstream's messages quote it. */
function summaryOf(bytes: Buffer): string {
  if (bytes.length === 0) return '<empty>';
  const head = bytes.subarray(0, 30);
  const shown = bytes[0] === 0x7b ? head.toString() : head.toString('hex');
  return bytes.length > head.length ? `${shown} ...` : shown;
}

/** @throws ApiError BadRequest – the body says it is something else. */
function withKind(value: Record<string, unknown>, expected: ExpectedKind, summary: string): Record<string, unknown> {
  const unreadable = typeMetaComplaint(value);
  if (unreadable !== undefined) throw unrecognized(expected, unreadable, summary);
  const expectedVersion = apiVersionOf(expected);
  // Another kind is refused by validation, none cannot be told from any other.
  if (expected.custom && !value['kind'])
    throw unrecognized(expected, `Object 'Kind' is missing in '${JSON.stringify(value)}'`, summary);
  const kind = value['kind'] || expected.kind;
  const apiVersion = value['apiVersion'] || (expected.custom ? '' : expectedVersion);
  if ((kind === expected.kind || expected.custom) && apiVersion === expectedVersion)
    return keepJsonNotes(value, { ...value, kind, apiVersion });
  const data = { kind: `${kind}`, apiVersion: `${apiVersion}` };
  const problem = groupVersionProblem(data.apiVersion);
  if (problem !== undefined) throw unrecognized(expected, problem, summary);
  const unregistered = expected.custom ? undefined : unregisteredKind(data);
  if ((kind === expected.kind || expected.custom) && !unregistered)
    throw apiError(
      'BadRequest',
      `the API version in the data (${apiVersion}) does not match the expected API version (${expectedVersion})`,
    );
  throw unlike(data, expected, unregistered ?? unknownConversion(data, expected));
}

/** The answer to what says it is something, and cannot be read as what is expected. */
function unlike(data: TypeMeta, expected: ExpectedKind, why: string): ApiError {
  const version = goQuote(groupVersionOf(data.apiVersion).version);
  return apiError('BadRequest', `${data.kind} in version ${version} cannot be handled as a ${expected.kind}: ${why}`);
}

interface TypeMeta {
  readonly kind: string;
  readonly apiVersion: string;
}

/** Why an object of one kind is not taken for one of another. */
export function unknownConversion(data: TypeMeta, expected: { readonly group: string; readonly kind: string }): string {
  const internal = expected.group.split('.')[0] || 'core';
  const version = isMetaKind(data.kind) ? 'v1' : groupVersionOf(data.apiVersion).version;
  return `converting (${version}.${data.kind}) to (${internal}.${expected.kind}): unknown conversion`;
}

/** What is wrong with a kind that is none of Kubernetes' own. */
export function unregisteredKind({ kind, apiVersion }: TypeMeta): string | undefined {
  const { group, version } = groupVersionOf(apiVersion);
  if (schemaFor(group, version, kind) || schemaFor(group, version, kind.replace(/List$/, ''))) return undefined;
  if (isKnownThoughNotServed({ kind, apiVersion })) return undefined;
  return notRegistered(kind, apiVersion);
}

/** Whether a number that is none of JSON's is in it. */
function hasNoJson(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(hasNoJson);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
