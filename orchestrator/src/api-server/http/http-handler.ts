import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import { messageOf } from '@berth/kit';
import { ApiError, apiError, isReason, LruMap } from '@berth/kube';
import type { AuditedRequest } from '../audit/audited-request.ts';
import { asksToImpersonate, type Impersonation, impersonated, type LastModes } from '../authorization/impersonate.ts';
import { type Attributes, pathAttributes } from '../authorizer.ts';
import { breathe, largeBytes } from '../decoding/large-bodies.ts';
import { turns } from '../decoding/turns.ts';
import type { Refused } from '../flow-control/in-flight.ts';
import { UnpermittedError } from '../forbidden.ts';
import { InternalError } from '../internal-error.ts';
import { isLongRunning, type RequestInfo, requestInfoOf } from '../request-info.ts';
import { type Answer, plainError, type ServerRequest } from '../server-request.ts';
import type { UpgradeSocket } from '../streaming/accept-websocket.ts';
import { anonymous, type User } from '../user.ts';
import { authenticate, bearerWarning } from './authenticate.ts';
import { beforeFirstWrite } from './before-first-write.ts';
import type { HandlerParts } from './handler-parts.ts';
import { auditIdOf, closeAfter, refuseUpgrade, serverRequest, tlsSocketOf } from './incoming-request.ts';
import { LiveRequests } from './live-requests.ts';
import { TimedOut } from './request-deadline.ts';
import { presentationOf, respond, respondError } from './respond.ts';
import { ServedRequest } from './served-request.ts';
import { soleResponse } from './sole-response.ts';
import { wantedUpgrade } from './wanted-upgrade.ts';

const tooMany = plainError(429, 'Too many requests, please try again later.\n');

/** What Go's server says of a 413 over HTTP/1.1; Node says `Payload Too Large`. */
const tooLarge = 'Request Entity Too Large';

/** In units of {@link turns}: a tenth of a millisecond, and three, which the beginning of a watch takes, too. */
const readingCost = 500;
const writingCost = 1500;

/** Of no stream that comes is said that it will not be answered (RFC 9113 §6.8). */
const anyStream = 2 ** 31 - 1;

/** Requests from the wire: deadline, authentication, audit, impersonation and fairness around the pipeline. */
export class HttpHandler {
  readonly live = new LiveRequests();
  readonly #lastModes: LastModes = new LruMap(10_000);
  readonly #parts: HandlerParts;

  constructor(parts: HandlerParts) {
    this.#parts = parts;
  }

  /** `wanted`: tells its client that its body is read. */
  request(message: Http2ServerRequest, response: Http2ServerResponse, wanted?: () => void): Promise<void> {
    const served = new ServedRequest(this.#parts, message as unknown as IncomingMessage, response, { wanted });
    this.live.begin(served);
    this.#maySendAway(response);
    return this.#answer(served);
  }

  upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    return wantedUpgrade(message, this.#parts.isRemote) === 'messages'
      ? this.#tell({ request: message, socket, head })
      : this.#connect(message, socket, head);
  }

  /**
   * A client takes its next requests to another connection, by a load balancer perhaps to another server (`--goaway-chance`). What it
   * had begun on this one before it heard so is answered.
   */
  #maySendAway({ stream }: Partial<Http2ServerResponse>): void {
    const { goawayChance, rng } = this.#parts;
    const { session } = stream ?? {};
    if (goawayChance === 0 || !session || session.closed || rng.next() >= goawayChance) return;
    session.goaway(constants.NGHTTP2_NO_ERROR, anyStream);
    stream?.once('close', () => session.close());
  }

  async #answer(served: ServedRequest): Promise<void> {
    // Without `using`, which costs a thirtieth of a small request.
    try {
      // Awaited here, so that the request ends with its answer.
      await this.#serve(served);
    } catch (error) {
      await this.#fail(error, served);
    } finally {
      served[Symbol.dispose]();
    }
  }

  /** A request like others, whose answer is messages if it goes well. */
  #tell(upgrade: UpgradeSocket): Promise<void> {
    const { request, socket } = upgrade;
    return this.#answer(new ServedRequest(this.#parts, request, soleResponse(request, socket), { upgrade }));
  }

  async #connect(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { auditor, metrics, rng } = this.#parts;
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    socket.on('error', () => gone.abort());
    const auditId = auditIdOf(message, rng);
    const request = serverRequest(message, { signal: gone.signal, auditId, warnings: new Set() });
    const info = requestInfoOf(request.method, request.path, request.query);
    const end = metrics.requests.begin(info, request.method);
    let audit: AuditedRequest | undefined;
    try {
      const caller = await this.#authenticate(message);
      const address = tlsSocketOf(message).remoteAddress;
      const subject = { info, user: caller, uri: message.url ?? '/', headers: message.headers, address };
      audit = auditor?.begin(subject, auditId);
      if (audit && audit.received !== true && !(await auditor?.admits(audit))) {
        audit = undefined;
        throw notAudited(message);
      }
      const user = await this.#impersonate(requestAttributes(info, caller), message, { audit });
      // Also where a kubelet, or whoever is proxied, refuses it in its own words.
      beforeFirstWrite(socket, () => audit?.headed(101));
      const refuses = (code: number) => audit?.headed(code);
      const asked = { ...request, user, ...(audit ? { audit } : {}) };
      await this.#parts.upgrade({ message, socket, head, request: asked, refuses });
      audit?.complete(101);
    } catch (error) {
      const known = this.#asStatus(error, request);
      audit?.failed(known.status);
      audit?.complete(known.status.code ?? 500);
      refuseUpgrade(socket, known);
    } finally {
      end();
    }
  }

  async #serve(served: ServedRequest): Promise<void> {
    const { auditor, clock, inFlight, metrics, noteRequest, pipeline } = this.#parts;
    noteRequest();
    const { info, message } = served;
    // A client may send a thousand in one packet. A selector may be long.
    const isRead = message.method === 'GET' && !isLongRunning(info);
    const cost = (isRead ? readingCost : writingCost) + (message.url ?? '').length;
    const pause = turns.arrive(cost);
    if (pause) await pause;
    const caller = await this.#callerOf(served);
    const auditedMs = clock.monotonicMs();
    served.audit = auditor?.begin(served.subject(caller), served.auditId);
    if (served.audit && info.verb !== 'watch') served.audit.latencies = served.latencies;
    if (served.audit && served.audit.received !== true && !(await auditor?.admits(served.audit))) {
      // Nor is anything else of it.
      served.audit = undefined;
      throw notAudited(message);
    }
    const toldMs = clock.monotonicMs();
    metrics.access.passed('audit', toldMs - auditedMs);
    const user = asksToImpersonate(message.headers)
      ? await this.#impersonate(requestAttributes(info, caller), message, served)
      : caller;
    metrics.access.passed('constrainedimpersonation', clock.monotonicMs() - toldMs);
    const request = served.become(user);
    // Nothing is done in no time.
    if (served.timeoutMs < 1) throw new TimedOut();
    const { query, signal } = request;
    const enteredMs = clock.monotonicMs();
    const pending = inFlight?.enter({ info, query, user, signal, waitMs: Math.min(served.timeoutMs / 4, 60_000) });
    // Most get in at once; an await costs them more than all the rest.
    const entry = pending instanceof Promise ? await pending : pending;
    const waitedMs = clock.monotonicMs() - enteredMs;
    served.latencies.add('apf-queue-wait', waitedMs);
    if (entry) metrics.access.passed('priorityandfairness', waitedMs);
    if (entry) Object.assign(served.reply.extra, entry.headers);
    if (entry && !entry.admitted) return this.#refuse(entry, served);
    served.entry = entry;
    served.isServed = true;
    const answer = await pipeline.handle(request);
    if (served.info.verb === 'watch') entry?.started();
    await this.#respond(answer, served);
  }

  async #respond(answer: Answer, served: ServedRequest): Promise<void> {
    if (served.isOver) return;
    if ('status' in answer) served.status = answer.status;
    else if (served.reply.upgrade && (answer.type === 'watch' || answer.type === 'stream')) served.status = 101;
    if (served.status !== 101) {
      const written = served.audit?.answered(answer, (formed) => presentationOf(served.reply, formed));
      if (written) await written;
      if (served.isOver) return;
    }
    served.answering = true;
    const stored = served.audit?.answering(served.status);
    if (stored instanceof Promise) await stored;
    await respond(answer, served.reply);
  }

  #refuse(entry: Refused, served: ServedRequest): Promise<void> {
    const { requests } = this.#parts.metrics;
    const { info, reply } = served;
    const { method, contentType, query } = reply.request;
    requests.dropped({ info, method, contentType, dryRun: query.get('dryRun') ?? '' });
    reply.extra['retry-after'] = String(entry.retryAfterSeconds);
    return this.#respond(tooMany, served);
  }

  async #fail(error: unknown, served: ServedRequest): Promise<void> {
    // To find what is wrong with much took as long as a turn may, and to write it down takes that again.
    if (error instanceof ApiError && error.message.length > largeBytes) await breathe();
    if (served.isOver) return;
    const { reply, message } = served;
    const known = this.#asStatus(error, reply.request);
    served.status = known.status.code ?? 500;
    if (known instanceof UnpermittedError || served.status === 405) served.isServed = false;
    served.audit?.failed(known.status);
    const stored = served.audit?.answering(served.status);
    if (stored instanceof Promise) await stored;
    if (served.status === 413) {
      closeAfter(message, reply.response);
      if (!reply.response.stream) (reply.response as unknown as ServerResponse).statusMessage = tooLarge;
    }
    await respondError(known, reply);
  }

  /** Who did not get in is written down as well. */
  async #callerOf(served: ServedRequest): Promise<User> {
    const { clock } = this.#parts;
    const beganMs = clock.monotonicMs();
    try {
      served.checkTimeout();
      const user = await this.#authenticate(served.message);
      served.latencies.add('authentication', clock.monotonicMs() - beganMs);
      const warning = user === anonymous ? bearerWarning(served.message.headers) : undefined;
      if (warning !== undefined) served.reply.request.warn(warning);
      return user;
    } catch (error) {
      if (error instanceof ApiError && error.code === 'Unauthorized')
        this.#parts.auditor?.unauthenticated(served.subject(undefined), served.auditId, error.status);
      throw error;
    }
  }

  async #authenticate(message: IncomingMessage): Promise<User> {
    const { authentication, clock, metrics } = this.#parts;
    const { access } = metrics;
    const beganMs = clock.monotonicMs();
    try {
      const user = await authenticate(message, tlsSocketOf(message), authentication, { clock, observer: access });
      access.authenticated(user, clock.monotonicMs() - beganMs);
      return user;
    } catch (error) {
      const isWrong = message.headers.authorization !== undefined || hasCertificate(message);
      access.notAuthenticated(isWrong ? 'error' : 'failure', clock.monotonicMs() - beganMs);
      throw error;
    }
  }

  async #impersonate(
    asked: Attributes,
    { rawHeaders }: IncomingMessage,
    { audit, latencies }: Partial<Pick<ServedRequest, 'audit' | 'latencies'>>,
  ): Promise<User> {
    const { clock, metrics, pipeline } = this.#parts;
    const authorizer = metrics.impersonation.counted(pipeline.authorizer);
    const beganMs = clock.monotonicMs();
    let acting: Impersonation | undefined;
    try {
      acting = await impersonated(asked, rawHeaders, { authorizer, lastModes: this.#lastModes });
      if (!acting) return asked.user;
    } catch (error) {
      if (!isReason(error, 'BadRequest')) metrics.impersonation.attempted(undefined, clock.monotonicMs() - beganMs);
      throw error;
    }
    const ms = clock.monotonicMs() - beganMs;
    metrics.impersonation.attempted(acting, ms);
    latencies?.add('impersonation', ms);
    audit?.impersonates(acting);
    return acting.user;
  }

  /** A mistake of ours is logged and never explained to the client. */
  #asStatus(error: unknown, { method, path }: ServerRequest): ApiError {
    if (error instanceof ApiError) return error;
    if ((error as { code?: unknown }).code === 'ECONNRESET') return apiError('BadRequest', 'the request was cut off');
    this.#parts.log.error('a request failed', {
      method,
      path,
      error,
      stack: error instanceof Error ? error.stack : messageOf(error),
    });
    return apiError('InternalError', `Internal error occurred: ${messageOf(error)}`);
  }
}

function requestAttributes(info: RequestInfo, user: User): Attributes {
  return info.isResource ? { ...info, user } : pathAttributes(user, info.verb, info.path);
}

function hasCertificate(message: IncomingMessage): boolean {
  return tlsSocketOf(message).getPeerCertificate().subject !== undefined;
}

function notAudited({ url = '/' }: IncomingMessage): InternalError {
  return new InternalError(url, 'failed to store audit event');
}
