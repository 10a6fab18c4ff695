import { type Logger, messageOf } from '@berth/kit';
import { logLimits, logPlugin, webhookPlugin } from '../audit/audit-options.ts';
import type { AuditBackend, LostEvents } from '../audit/audit-sink.ts';
import type { Auditor } from '../audit/auditor.ts';
import type { FlowController } from '../flow-control/flow-controller.ts';
import type { InFlight } from '../flow-control/in-flight.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ServerContext } from '../server-context.ts';
import { type AuditOptions, defaultInFlight, defaultRequestTimeoutMs, type LimitOptions } from './limit-options.ts';

const bytesPerMb = 1024 * 1024;

export interface LimitParts {
  readonly context: ServerContext;
  readonly metrics: ServerMetrics;
  readonly log: Logger;
  /** Absent: everything is served as it comes, as inside one process. */
  readonly options: LimitOptions | undefined;
}

/** What stands between the wire and the pipeline: loaded and started when the server first listens. */
export class ServerLimits implements AsyncDisposable {
  readonly requestTimeoutMs: number;
  inFlight: InFlight | undefined;
  auditor: Auditor | undefined;
  readonly #parts: LimitParts;
  #flow: FlowController | undefined;
  #debug: PathHandler | undefined;
  #starting: Promise<void> | undefined;

  constructor(parts: LimitParts) {
    this.#parts = parts;
    this.requestTimeoutMs = parts.options?.requestTimeoutMs ?? defaultRequestTimeoutMs;
  }

  /** Whether the flow schemas and levels are as they should be; undefined where none are wanted. */
  get flowConfiguration(): 'missing' | 'there' | undefined {
    if (!this.#flow) return undefined;
    return this.#flow.levels.hasAllMandatory ? 'there' : 'missing';
  }

  readonly debugPaths: PathHandler = (segments, request) => this.#debug?.(segments, request);

  /** @throws RangeError – an audit policy or a log that cannot be. */
  start(signal: AbortSignal): Promise<void> {
    this.#starting ??= this.#start(signal);
    return this.#starting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { auditor } = this;
    this.auditor = undefined;
    await auditor?.[Symbol.asyncDispose]();
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { options } = this.#parts;
    if (!options) return;
    if (options.audit) await this.#startAudit(options.audit);
    const { maxRequestsInFlight: readOnly = defaultInFlight.readOnly } = options;
    const { maxMutatingRequestsInFlight: mutating = defaultInFlight.mutating } = options;
    if (options.priorityAndFairness !== false && readOnly + mutating > 0) {
      await this.#startFlowControl(readOnly + mutating, signal);
      return;
    }
    const { MaxInFlight } = await import('../flow-control/max-in-flight.ts');
    this.inFlight = new MaxInFlight({ readOnly, mutating });
  }

  async #startFlowControl(serverSeats: number, signal: AbortSignal): Promise<void> {
    const { context, metrics, log } = this.#parts;
    const [{ startFlowControl }, { flowDebugPaths }] = await Promise.all([
      import('../flow-control/start-flow-control.ts'),
      import('../flow-control/debug-paths.ts'),
    ]);
    const parts = { context, metrics: metrics.registry, log, serverSeats };
    this.#flow = await startFlowControl(parts, signal);
    this.inFlight = this.#flow;
    const { clock } = context;
    this.#debug = flowDebugPaths(this.#flow.levels, (ms) => clock.now() - (clock.monotonicMs() - ms));
  }

  async #startAudit(options: AuditOptions): Promise<void> {
    const { policyFile, logPath, webhookConfigFile } = options;
    if (policyFile === undefined || (logPath === undefined && webhookConfigFile === undefined)) return;
    const { context, metrics, log } = this.#parts;
    const [{ loadAuditPolicy }, { Auditor: Made }] = await Promise.all([
      import('../audit/load-policy.ts'),
      import('../audit/auditor.ts'),
    ]);
    const policy = loadAuditPolicy(policyFile, log);
    const { sinkTo } = await import('../audit/audit-sink.ts');
    const { log: logged = logPlugin, webhook: sent = webhookPlugin } = options;
    const file = logPath === undefined ? [] : [{ backend: await this.#openLog(logPath, options), plugin: logged }];
    const remote =
      webhookConfigFile === undefined
        ? []
        : [{ backend: await this.#webhook(webhookConfigFile, options.webhookFirstDelayMs), plugin: sent }];
    const { clock } = context;
    const sinks = (lost: LostEvents) =>
      [...file, ...remote].map(({ backend, plugin }) => sinkTo(backend, { plugin, clock, lost }));
    this.auditor = new Made({ policy, sinks, clock, log, metrics: metrics.registry });
  }

  async #openLog(path: string, options: AuditOptions): Promise<AuditBackend> {
    const { openAuditLog } = await import('../audit/audit-log.ts');
    const { maxSizeMb = logLimits.maxSizeMb, stdout, compress = false, format = 'json' } = options;
    const { maxAgeDays = logLimits.maxAgeDays, maxBackups = logLimits.maxBackups } = options;
    try {
      const { clock } = this.#parts.context;
      const limits = { maxBytes: maxSizeMb * bytesPerMb, maxAgeDays, maxBackups };
      return openAuditLog({ path, ...limits, compress, format, clock, ...(stdout ? { stdout } : {}) });
    } catch (error) {
      throw new RangeError(`--audit-log-path ${path} cannot be written: ${messageOf(error)}`);
    }
  }

  async #webhook(file: string, firstDelayMs: number | undefined): Promise<AuditBackend> {
    const [{ AuditWebhook }, { fileWebhookTarget }] = await Promise.all([
      import('../audit/audit-webhook.ts'),
      import('../webhook/file-webhook.ts'),
    ]);
    const { outbound, clock } = this.#parts.context;
    const target = await fileWebhookTarget('--audit-webhook-config-file', file);
    const caller = await outbound.caller();
    return new AuditWebhook({ target, caller, clock, ...(firstDelayMs === undefined ? {} : { firstDelayMs }) });
  }
}
