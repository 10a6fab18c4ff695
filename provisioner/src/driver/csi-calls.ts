import { abortable, type Clock, deadline, type Metrics } from '@berth/kit';
import {
  asGrpcError,
  type CallOptions,
  type csi,
  type GrpcCode,
  GrpcError,
  goCodeName,
  type Init,
} from '@berth/protos';
import type { CsiClients } from './csi-clients.ts';

export interface CsiCallsOptions {
  readonly clients: CsiClients;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly driverName: string;
  /** Given to the driver with every call, and kept to by us where the driver hangs. */
  readonly timeoutMs: number;
}

const operations = {
  name: 'csi_sidecar_operations_seconds',
  help: '[ALPHA] Container Storage Interface operation duration with gRPC error code status total',
  // The buckets of csi-lib-utils, which dashboards are built on.
  bounds: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600],
};

/** Calls to one driver: each ends in time, and is measured. All throw GrpcError. */
export class CsiCalls {
  readonly #options: CsiCallsOptions;

  constructor(options: CsiCallsOptions) {
    this.#options = options;
  }

  identity<M extends keyof csi.IdentityService>(
    method: M,
    request: Init<csi.IdentityService[M]['request']>,
    signal: AbortSignal,
    timeoutMs?: number,
  ): Promise<csi.IdentityService[M]['response']> {
    const call = this.#options.clients.identity[method] as unknown as Call<typeof request>;
    return this.#measured(`/csi.v1.Identity/${method}`, (options) => call(request, options), { signal, timeoutMs });
  }

  controller<M extends keyof csi.ControllerService>(
    method: M,
    request: Init<csi.ControllerService[M]['request']>,
    signal: AbortSignal,
  ): Promise<csi.ControllerService[M]['response']> {
    const call = this.#options.clients.controller[method] as unknown as Call<typeof request>;
    return this.#measured(`/csi.v1.Controller/${method}`, (options) => call(request, options), { signal });
  }

  async #measured<R>(
    method: string,
    call: (options: CallOptions) => Promise<unknown>,
    { signal, timeoutMs = this.#options.timeoutMs }: { signal: AbortSignal; timeoutMs?: number | undefined },
  ): Promise<R> {
    const { clock, metrics, driverName } = this.#options;
    const startedMs = clock.monotonicMs();
    let code: GrpcCode = 'OK';
    using limit = deadline(clock, timeoutMs, signal);
    try {
      return (await abortable(call({ signal: limit.signal, timeoutMs }), limit.signal)) as R;
    } catch (error) {
      signal.throwIfAborted();
      const failure = limit.signal.aborted
        ? new GrpcError('DEADLINE_EXCEEDED', 'context deadline exceeded', { cause: error })
        : asGrpcError(error);
      code = failure.code;
      throw failure;
    } finally {
      const labels = { driver_name: driverName, method_name: method, grpc_status_code: goCodeName(code) };
      metrics.observe(operations, labels, (clock.monotonicMs() - startedMs) / 1000);
    }
  }
}

type Call<Request> = (request: Request, options: CallOptions) => Promise<unknown>;
