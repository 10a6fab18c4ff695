import { abortable, type Clock, deadline, type Logger, type Rng, rfc3339Micro, systemRng } from '@berth/kit';
import { isAlreadyExists, isConflict, isNotFound } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { resources } from './gen/resources.ts';
import type { Lease } from './gen/types.ts';

export interface LeaderOptions {
  readonly client: KubeClient;
  /** Of the Lease. */
  readonly name: string;
  readonly namespace: string;
  /** Unique to this process: `host_uuid`. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly rng?: Rng;
}

/** How long others wait for a silent leader (client-go's defaults for control plane components). */
const leaseSeconds = 15;
/** A leader that could not renew for this long stops, well before others may take over. */
const renewWithinMs = 10_000;
const retryMs = 2_000;

/** Thrown by {@link runAsLeader} when the lease was lost while leading: the process should end, or start over. */
export class LeadershipLostError extends Error {
  override readonly name = 'LeadershipLostError';
}

/**
 * Waits to become leader, runs `run`, and gives the lease up when it ends. The signal `run` gets aborts when
 * leadership is lost, before anyone else can have it. Clocks of candidates need not agree (client-go leaderelection).
 * @throws LeadershipLostError; what `run` throws; the signal's reason when it aborts while waiting
 */
export async function runAsLeader(
  options: LeaderOptions,
  run: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const election = new Election(options);
  await election.acquire(signal);
  const leading = new AbortController();
  const both = AbortSignal.any([signal, leading.signal]);
  const renewing = election.renew(both).catch((error) => leading.abort(error));
  try {
    await run(both);
    if (leading.signal.aborted) throw leading.signal.reason;
  } catch (error) {
    throw leading.signal.aborted ? leading.signal.reason : error;
  } finally {
    leading.abort();
    await renewing;
    await election.release();
  }
}

class Election {
  readonly #options: LeaderOptions;
  readonly #rng: Rng;
  #observed: Lease | undefined;
  #observedAtMs = 0;
  #isLeader = false;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#rng = options.rng ?? systemRng;
  }

  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, log, name, identity } = this.#options;
    while (!(await this.#attempt(signal))) {
      signal.throwIfAborted();
      await clock.sleep(retryMs * (1 + 1.2 * this.#rng.next()), signal);
    }
    log.info('became leader', { lease: name, identity });
  }

  /** Renews until the signal aborts. @throws LeadershipLostError */
  async renew(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let renewedAtMs = clock.monotonicMs();
    while (true) {
      await clock.sleep(retryMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      const left = renewWithinMs - (clock.monotonicMs() - renewedAtMs);
      using limit = deadline(clock, Math.max(left, 0), signal);
      const startedMs = clock.monotonicMs();
      const renewed = left > 0 && (await abortable(this.#attempt(limit.signal), limit.signal).catch(() => false));
      if (signal.aborted) return;
      if (renewed) renewedAtMs = startedMs;
      else if (!this.#isLeader || clock.monotonicMs() - renewedAtMs >= renewWithinMs) throw this.#lost();
    }
  }

  /** Lets the next one in at once instead of after the lease's time. */
  async release(): Promise<void> {
    const { clock, log } = this.#options;
    if (!this.#isLeader) return;
    this.#isLeader = false;
    using limit = deadline(clock, renewWithinMs);
    try {
      // A renewal that was under way when we were told to end may come about before our read, or right after it.
      while (!(await this.#giveUp(limit.signal))) log.debug('the lease changed while it was given up');
    } catch (error) {
      log.debug('could not give the lease up', { error });
    }
  }

  /** True when the lease is not ours any more; false when it changed between read and write. */
  async #giveUp(signal: AbortSignal): Promise<boolean> {
    const { client, clock, namespace, name, identity } = this.#options;
    const lease = await client.find(resources.leases, { namespace, name }, signal);
    if (lease?.spec?.holderIdentity !== identity) return true;
    const now = rfc3339Micro(clock.now());
    const { leaseTransitions } = lease.spec;
    const spec = {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      renewTime: now,
      acquireTime: now,
      ...(leaseTransitions === undefined ? {} : { leaseTransitions }),
    };
    try {
      await client.update(resources.leases, { ...lease, spec }, {}, signal);
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
    return true;
  }

  #lost(): LeadershipLostError {
    const { log, name, identity } = this.#options;
    this.#isLeader = false;
    log.error('lost the lease', { lease: name, identity });
    return new LeadershipLostError(`leader election lost for lease ${name}`);
  }

  /** Takes or renews the lease; false while another holds it or the server does not answer. */
  async #attempt(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#tryOnce(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const { log, name } = this.#options;
      log[isConflict(error) || isAlreadyExists(error) ? 'debug' : 'warn']('could not take the lease', {
        lease: name,
        error,
      });
      return false;
    }
  }

  async #tryOnce(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, identity, clock } = this.#options;
    const lease = await client.find(resources.leases, { namespace, name }, signal);
    if (!lease) {
      const fresh = { metadata: { namespace, name }, spec: this.#claim(undefined) };
      this.#observe(await client.create(resources.leases, fresh, {}, signal));
      this.#isLeader = true;
      return true;
    }
    if (lease.metadata.resourceVersion !== this.#observed?.metadata.resourceVersion) this.#observe(lease);
    const holder = lease.spec?.holderIdentity ?? '';
    const held = holder !== '' && clock.monotonicMs() < this.#observedAtMs + this.#durationMs(lease);
    if (holder !== identity && held) {
      this.#isLeader = false;
      return false;
    }
    const claimed = { ...lease, spec: { ...lease.spec, ...this.#claim(lease) } };
    try {
      this.#observe(await client.update(resources.leases, claimed, {}, signal));
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) this.#observed = undefined;
      throw error;
    }
    this.#isLeader = true;
    return true;
  }

  /** Time is counted from when this process saw the record change: no two clocks are compared. */
  #observe(lease: Lease): void {
    this.#observed = lease;
    this.#observedAtMs = this.#options.clock.monotonicMs();
  }

  #durationMs(lease: Lease): number {
    return (lease.spec?.leaseDurationSeconds ?? leaseSeconds) * 1000;
  }

  #claim(lease: Lease | undefined): NonNullable<Lease['spec']> {
    const { identity, clock } = this.#options;
    const now = rfc3339Micro(clock.now());
    const own = lease?.spec?.holderIdentity === identity;
    const transitions = lease?.spec?.leaseTransitions ?? 0;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: leaseSeconds,
      acquireTime: (own ? lease?.spec?.acquireTime : undefined) ?? now,
      renewTime: now,
      leaseTransitions: lease && !own ? transitions + 1 : transitions,
    };
  }
}
