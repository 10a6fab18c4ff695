import { createHash } from 'node:crypto';
import { messageOf } from '@berth/kit';
import { schemaFormOf } from '../representation/negotiate.ts';
import type { OwnSchemas } from '../request-pipeline.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { CallError } from '../webhook/call-error.ts';
import { KeptAnswer } from './kept-answer.ts';
import { proxied } from './proxy-path.ts';
import type { RemoteApi } from './remote-api.ts';
import type { RemoteApis } from './remote-apis.ts';
import { remoteTarget } from './remote-target.ts';
import { inSchemaThread } from './schema-thread.ts';
import type { MadeDocument } from './schema-work.ts';

/** Who asks for schemas (kube-aggregator aggregatorUser). */
const aggregator = { name: 'system:aggregator', groups: [] } as const;
/** What is asked for behind. */
const timeoutMs = 60_000;
const mostIndexBytes = 1024 * 1024;
/** The largest servers there are have half of it. */
const mostSwaggerBytes = 8 * 1024 * 1024;
const longestUrl = 2048;
/** What old kubectl asks for. */
const protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** The v3 document of an API: the server has one, or it was made here of its v2 document. */
type Version3 = { readonly url: string } | MadeDocument;

interface Swagger {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

interface Known {
  readonly v3: KeptAnswer<Version3>;
  readonly v2: KeptAnswer<Swagger>;
}

/** The OpenAPI documents of other servers beside the server's own. Nobody waits for a server that does not answer. */
export class RemoteSchemas {
  readonly #context: ServerContext;
  readonly #apis: RemoteApis;
  readonly #known = new WeakMap<RemoteApi, Known>();
  /** By form: the last merged document and what it was made of. */
  readonly #merged = new Map<string, { readonly of: string; readonly document: Promise<MadeDocument> }>();

  constructor(context: ServerContext, apis: RemoteApis) {
    this.#context = context;
    this.#apis = apis;
  }

  async answer(segments: readonly string[], request: ServerRequest, own: OwnSchemas): Promise<Answer> {
    const [, form, root, group = '', version = '', ...more] = segments;
    if (form === 'v2' && root === undefined) return this.#merge(request, own);
    if (form !== 'v3') return own(request);
    if (root === undefined) return this.#index(request, own);
    const api = root === 'apis' && more.length === 0 ? this.#apis.find(group, version) : undefined;
    return api ? this.#document(api, request) : own(request);
  }

  async #index(request: ServerRequest, own: OwnSchemas): Promise<Answer> {
    const answer = await own(request);
    if (answer.type !== 'document' || answer.status !== 200) return answer;
    const { paths } = JSON.parse(Buffer.from(answer.body).toString()) as { paths: object };
    const remotes = this.#available();
    const found = await Promise.all(remotes.map((api) => this.#of(api).v3.get(request.signal)));
    const entries = remotes.flatMap(({ spec }, index) => {
      const known = found[index];
      const path = `apis/${spec.group}/${spec.version}`;
      return known ? [[path, { serverRelativeURL: 'url' in known ? known.url : addressOf(path, known) }]] : [];
    });
    const all = { paths: { ...paths, ...Object.fromEntries(entries) } };
    return { ...answer, body: Buffer.from(JSON.stringify(all)) };
  }

  async #document(api: RemoteApi, request: ServerRequest): Promise<Answer> {
    const known = api.available ? await this.#of(api).v3.get(request.signal) : undefined;
    if (known && 'body' in known) return madeAnswer(known, 'application/json', request.query.get('hash'));
    const remote = { context: this.#context, apis: this.#apis, api };
    const answer = await proxied(remote, request);
    // One that is newer than the address tells where it is by now, and nothing is passed on that leads elsewhere.
    if (answer.type !== 'text' || answer.status !== 502) return answer;
    return proxied(remote, { ...request, query: new URLSearchParams() });
  }

  async #merge(request: ServerRequest, own: OwnSchemas): Promise<Answer> {
    const remotes = this.#available();
    const found = await Promise.all(remotes.map((api) => this.#of(api).v2.get(request.signal)));
    const documents = remotes.flatMap(({ spec: { group, version } }, index) => {
      const known = found[index];
      return known ? [{ group, version, bytes: known.bytes }] : [];
    });
    if (documents.length === 0) return own(request);
    const answer = await own({ ...request, accept: 'application/json' });
    if (answer.type !== 'document') return answer;
    const as = schemaFormOf(request.accept, 'v2') === 'protobuf' ? 'protobuf' : 'json';
    const of = [answer.headers['etag'], ...found.map((known) => known?.etag)].join(' ');
    const before = this.#merged.get(as);
    const made =
      before?.of === of
        ? before
        : { of, document: inSchemaThread({ type: 'merge', own: answer.body, remotes: documents, as }) };
    this.#merged.set(as, made);
    try {
      return madeAnswer(await made.document, as === 'json' ? 'application/json' : protobuf);
    } catch (error) {
      this.#context.log.warn("other servers' schemas are left out", { reason: messageOf(error) });
      return own(request);
    }
  }

  #available(): RemoteApi[] {
    return this.#apis.list().filter(({ available }) => available);
  }

  #of(api: RemoteApi): Known {
    const known = this.#known.get(api);
    if (known) return known;
    const { clock } = this.#context;
    const made: Known = {
      v3: new KeptAnswer(clock, () => this.#version3(api)),
      v2: new KeptAnswer(clock, (before) => this.#swagger(api, before)),
    };
    this.#known.set(api, made);
    return made;
  }

  async #version3(api: RemoteApi): Promise<Version3 | undefined> {
    const { group, version } = api.spec;
    const path = `apis/${group}/${version}`;
    const { status, body } = await this.#ask(api, { path: '/openapi/v3', mostBytes: mostIndexBytes });
    if (status === 200) {
      const { paths } = JSON.parse(body.toString()) as { paths?: Record<string, { serverRelativeURL?: unknown }> };
      return paths && Object.hasOwn(paths, path) ? { url: addressIn(path, paths[path]?.serverRelativeURL) } : undefined;
    }
    if (status !== 404) throw new CallError(`bad status: ${status}`);
    const swagger = await this.#of(api).v2.get(new AbortController().signal);
    return swagger && inSchemaThread({ type: 'convert', remote: { group, version, bytes: swagger.bytes } });
  }

  async #swagger(api: RemoteApi, before: Swagger | undefined): Promise<Swagger | undefined> {
    const given: Record<string, string> = before && !isOurs(before.etag) ? { 'if-none-match': before.etag } : {};
    const headers = { accept: 'application/json', ...given };
    const answer = await this.#ask(api, { path: '/openapi/v2', mostBytes: mostSwaggerBytes, headers });
    if (answer.status === 304) return before;
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new CallError(`failed to retrieve openAPI spec, http error: ${answer.status}`);
    const bytes = new Uint8Array(answer.body);
    return { bytes, etag: answer.headers.etag ?? etagOf(bytes) };
  }

  async #ask(
    { spec }: RemoteApi,
    {
      path,
      mostBytes,
      headers,
    }: { readonly path: string; readonly mostBytes: number; readonly headers?: Record<string, string> },
  ) {
    const ask = {
      path,
      user: aggregator,
      client: this.#apis.client,
      headers: { accept: 'application/json', ...headers },
    };
    const target = await remoteTarget(this.#context, spec, ask);
    const caller = await this.#context.outbound.caller();
    return caller.call({ target, method: 'GET', timeoutMs, mostBytes }, new AbortController().signal);
  }
}

const ourEtag = '"sha512-';

function etagOf(bytes: Uint8Array): string {
  return `${ourEtag}${createHash('sha512').update(bytes).digest('hex')}"`;
}

/** Of a server that gives none. */
function isOurs(etag: string): boolean {
  return etag.startsWith(ourEtag);
}

function addressOf(path: string, { hash }: MadeDocument): string {
  return `/openapi/v3/${path}?hash=${hash}`;
}

/** Where clients go is here, whatever a server says. */
function addressIn(path: string, given: unknown): string {
  const own = `/openapi/v3/${path}`;
  const hash = typeof given === 'string' ? /^[^?]*\?hash=([\w%+/=-]+)$/.exec(given)?.[1] : undefined;
  return hash === undefined || hash.length > longestUrl ? own : `${own}?hash=${hash}`;
}

function madeAnswer({ body, hash }: MadeDocument, type: string, asked?: string | null): Answer {
  const headers = {
    'content-type': type,
    etag: `"${hash}"`,
    vary: 'Accept',
    ...(asked === hash ? { 'cache-control': 'public, immutable' } : {}),
  };
  return { type: 'document', status: 200, body, headers };
}
