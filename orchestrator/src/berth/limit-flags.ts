import type { Command } from 'commander';
import { durationMs } from '../api-server/go-duration.ts';
import type { LimitOptions } from '../api-server/limits/limit-options.ts';
import { type AuditFlags, addAuditFlags, auditOf } from './audit-flags.ts';
import { BerthError } from './berth-error.ts';
import { booleanFlag } from './boolean-flag.ts';

export interface LimitFlags extends AuditFlags {
  readonly maxRequestsInflight: string;
  readonly maxMutatingRequestsInflight: string;
  readonly enablePriorityAndFairness: string;
  readonly requestTimeout: string;
  readonly eventTtl: string;
}

/** kube-apiserver's flags about how much it does at once, and what it writes down. */
export function addLimitFlags(command: Command): Command {
  command
    .optionsGroup('How much at once:')
    .option('--max-requests-inflight <n>', 'requests that change nothing served at once; 0: no limit', '400')
    .option('--max-mutating-requests-inflight <n>', 'requests that change something served at once; 0: no limit', '200')
    .option(
      '--enable-priority-and-fairness <bool>',
      'share both limits out by flow schemas and priority levels, with queues',
      'true',
    )
    .option(
      '--request-timeout <duration>',
      'how long a request may take that is no watch, log, exec or the like',
      '1m0s',
    )
    .option('--event-ttl <duration>', 'how long events are kept; 0s: for good', '1h0m0s');
  return addAuditFlags(command);
}

/** @throws BerthError Usage */
export function limitsOf(flags: LimitFlags): LimitOptions {
  const requestTimeoutMs = durationMs(flags.requestTimeout);
  if (requestTimeoutMs === undefined || requestTimeoutMs < 1)
    throw new BerthError('Usage', `--request-timeout takes a duration such as 1m0s, not "${flags.requestTimeout}"`);
  const eventTtlMs = durationMs(flags.eventTtl);
  if (eventTtlMs === undefined || eventTtlMs < 0)
    throw new BerthError('Usage', `--event-ttl takes a duration such as 1h0m0s, not "${flags.eventTtl}"`);
  return {
    maxRequestsInFlight: count('--max-requests-inflight', flags.maxRequestsInflight),
    maxMutatingRequestsInFlight: count('--max-mutating-requests-inflight', flags.maxMutatingRequestsInflight),
    priorityAndFairness: booleanFlag('--enable-priority-and-fairness', flags.enablePriorityAndFairness),
    requestTimeoutMs,
    // Upstream counts whole seconds, too.
    eventTtlSeconds: Math.floor(eventTtlMs / 1000),
    audit: auditOf(flags),
  };
}

function count(flag: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new BerthError('Usage', `${flag} takes a whole number from 0 to 999999999, not "${text}"`);
}
