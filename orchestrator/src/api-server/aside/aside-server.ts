import { type Clock, type Logger, messageOf, type Rng } from '@berth/kit';
import { ApiError, apiError, decodeProtobuf } from '@berth/kube';
import type { Store } from '../../store/store.ts';
import { builtInAdmission } from '../admission/built-in.ts';
import { ServiceAllocation } from '../admission/service-allocation.ts';
import { Authorization } from '../authorization/authorization.ts';
import { alwaysAllow } from '../authorization/authorizer-chain.ts';
import { BodyDecoder } from '../body-decoder.ts';
import { serveCustomResources } from '../custom-resources/serve-custom-resources.ts';
import { openApiPaths } from '../discovery/openapi-paths.ts';
import { swaggerPath } from '../discovery/swagger-path.ts';
import type { HookCall } from '../metrics/admission-metrics.ts';
import type { PodSecurityEvent } from '../metrics/pod-security-metrics.ts';
import { type FormedAnswer, offeredFormsOf } from '../representation/check-accept.ts';
import { wholeBody } from '../representation/long-body.ts';
import { negotiate } from '../representation/negotiate.ts';
import { documentOf, type Presentation } from '../representation/represent.ts';
import { RequestPipeline } from '../request-pipeline.ts';
import { ResourceRegistry } from '../resource-registry.ts';
import { definitions } from '../resources/definitions.ts';
import { withEventTtl } from '../resources/event-ttl.ts';
import { notFoundPath } from '../route.ts';
import { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { specialHandlers } from '../subresources/special-handlers.ts';
import { AsideAudit } from './aside-audit.ts';
import type { AsideOptions, SentAnswer, SentRequest, Told } from './aside-protocol.ts';

export interface AsideServerParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly options: AsideOptions;
  /** Hears of each call to an admission webhook. */
  readonly called: (call: HookCall) => void;
  readonly podSecurity: (event: PodSecurityEvent) => void;
}

const mostQuoted = 64 * 1024;

/** Longer than a definition takes to come from one thread to the other. */
const definitionWaits = { tries: 200, everyMs: 10 } as const;

/**
 * The same server once more, for what takes long: everything between a request that was let in and its answer. What the
 * first one keeps (addresses, definitions, roles, webhooks) this one follows in the store, as servers of one etcd do.
 */
export class AsideServer implements AsyncDisposable {
  readonly #parts: AsideServerParts;
  readonly #pipeline: RequestPipeline;
  readonly #authorization: Authorization;
  readonly #services: ServiceAllocation;
  readonly #end = new AbortController();
  #customResources: AsyncDisposable | undefined;

  constructor(parts: AsideServerParts) {
    const { options, clock, rng } = parts;
    this.#parts = parts;
    this.#services = new ServiceAllocation({ ...options.services, clock, rng });
    const registry = new ResourceRegistry(withEventTtl(definitions, options.eventTtlSeconds));
    const context = new ServerContext({
      ...parts,
      registry,
      bodies: new BodyDecoder(async (bytes, usual) => (await decodeProtobuf(bytes, { usual })).object),
      admission: (self) =>
        builtInAdmission(self, {
          services: this.#services,
          plugins: options.admissionPlugins,
          authorization: () => this.#authorization,
          metrics: () => parts,
          podMetrics: () => parts,
        }),
    });
    this.#authorization = new Authorization(context, options.authorization);
    this.#pipeline = new RequestPipeline({
      context,
      // Whose it is and that it may be was found before.
      authorizer: alwaysAllow,
      paths: [openApiPaths(registry), swaggerPath(registry)],
      special: specialHandlers({
        nodeApi: () => undefined,
        components: [],
        authorization: this.#authorization,
        tokens: undefined,
        authentication: () => Promise.reject(apiError('RequestEntityTooLarge', 'Request entity too large')),
      }),
    });
  }

  async start(): Promise<void> {
    const { context } = this.#pipeline;
    const { signal } = this.#end;
    await this.#services.start(context, signal);
    this.#customResources = await serveCustomResources(context, signal, { follows: true });
    await Promise.all([
      this.#authorization.start(signal, this.#parts.log, { follows: true }),
      context.admission.start(signal),
    ]);
  }

  async answer(sent: SentRequest, signal: AbortSignal): Promise<SentAnswer> {
    const warnings = new Set<string>();
    const audit = sent.audited && new AsideAudit(sent.audited);
    const told = (): Told => ({
      warnings: [...warnings],
      sent: audit?.sent,
      answered: audit?.answer,
      annotations: audit?.annotations ?? [],
    });
    const warn = (text: string) => warnings.add(text);
    const { timeLeftMs } = sent;
    const deadline = timeLeftMs === undefined ? {} : { deadlineMs: this.#parts.clock.monotonicMs() + timeLeftMs };
    const request = requestOf(sent, { signal, warn, ...deadline, ...(audit ? { audit } : {}) });
    try {
      const answer = await this.#answer(request, sent.custom);
      await audit?.answered(answer, (formed) => this.#presentationOf(formed, request));
      const made = await this.#documentOf(answer, request);
      return { ...made, told: told() };
    } catch (error) {
      // What is written down is a Status all the same.
      if (error instanceof ApiError) return audit ? { error: error.status, told: told() } : refused(error, told());
      if (!signal.aborted)
        this.#parts.log.error('a request failed', { path: sent.path, stack: (error as Error).stack });
      return { failure: messageOf(error) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#customResources?.[Symbol.asyncDispose]();
    this.#pipeline.context.outbound[Symbol.dispose]();
  }

  async #answer(request: ServerRequest, custom: boolean): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#pipeline.handle(request);
      } catch (error) {
        if (!custom || !isUnknownPath(error) || tries >= definitionWaits.tries) throw error;
        await this.#parts.clock.sleep(definitionWaits.everyMs, request.signal);
      }
    }
  }

  async #documentOf(answer: Answer, request: ServerRequest) {
    // Kept for others: what is sent is given away.
    if (answer.type === 'document') return { ...answer, body: answer.body.slice() };
    if (answer.type !== 'object' && answer.type !== 'list') throw new Error(`a ${answer.type} is not answered aside`);
    const { body: made, contentType } = await documentOf(answer, this.#presentationOf(answer, request), request.signal);
    const body = await wholeBody(made);
    return { status: answer.type === 'list' ? 200 : answer.status, body, headers: { 'content-type': contentType } };
  }

  #presentationOf(answer: FormedAnswer, { query, accept }: ServerRequest): Presentation {
    const includeObject = query.get('includeObject') ?? 'Metadata';
    return { representation: negotiate(accept, offeredFormsOf(answer)), includeObject, clock: this.#parts.clock };
  }
}

/** A refusal that quotes much is sent as it is. */
function refused({ status }: ApiError, told: Told): SentAnswer {
  const body = Buffer.from(JSON.stringify(status));
  if (body.length < mostQuoted) return { error: status, told };
  return { status: status.code ?? 500, body, headers: { 'content-type': 'application/json' }, told };
}

function isUnknownPath(error: unknown): boolean {
  return error instanceof ApiError && error.message === notFoundPath().message;
}

function requestOf(
  { method, path, query, user, accept, contentType, userAgent, body }: SentRequest,
  more: Pick<ServerRequest, 'signal' | 'deadlineMs' | 'warn' | 'audit'>,
): ServerRequest {
  return {
    method,
    path,
    query: new URLSearchParams(query),
    user,
    accept,
    contentType,
    ...(userAgent === undefined ? {} : { userAgent }),
    body: body ? { type: 'bytes', read: async () => body } : { type: 'none' },
    ...more,
  };
}
