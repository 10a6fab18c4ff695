import type { Command } from 'commander';
import type { LimitOptions } from '../api-server/limits/limit-options.ts';
import { type AuditFlags, addAuditFlags, auditOf } from './audit-flags.ts';
import { BerthError } from './berth-error.ts';
import { booleanFlag } from './boolean-flag.ts';
import { countFlag, durationFlag } from './number-flags.ts';

export interface LimitFlags extends AuditFlags {
  readonly maxRequestsInflight: string;
  readonly maxMutatingRequestsInflight: string;
  readonly enablePriorityAndFairness: string;
  readonly requestTimeout: string;
  readonly minRequestTimeout: string;
  readonly goawayChance: string;
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
    .option(
      '--min-request-timeout <seconds>',
      'how long a watch lasts that says nothing of it, spread up to twice that',
      '1800',
    )
    .option(
      '--goaway-chance <fraction>',
      'of how many requests of HTTP/2, up to 0.02, each tells its client to connect anew, so that clients of several servers spread',
      '0',
    )
    .option('--event-ttl <duration>', 'how long events are kept; 0s: for good', '1h0m0s');
  return addAuditFlags(command);
}

/** @throws BerthError Usage */
export function limitsOf(flags: LimitFlags): LimitOptions {
  const requestTimeoutMs = durationFlag('--request-timeout', flags.requestTimeout, { example: '1m0s', leastMs: 1 });
  const eventTtlMs = durationFlag('--event-ttl', flags.eventTtl, { example: '1h0m0s' });
  return {
    maxRequestsInFlight: countFlag('--max-requests-inflight', flags.maxRequestsInflight),
    maxMutatingRequestsInFlight: countFlag('--max-mutating-requests-inflight', flags.maxMutatingRequestsInflight),
    priorityAndFairness: booleanFlag('--enable-priority-and-fairness', flags.enablePriorityAndFairness),
    requestTimeoutMs,
    minRequestTimeoutSeconds: countFlag('--min-request-timeout', flags.minRequestTimeout),
    goawayChance: goawayChanceOf(flags.goawayChance),
    // Upstream counts whole seconds, too.
    eventTtlSeconds: Math.floor(eventTtlMs / 1000),
    audit: auditOf(flags),
  };
}

/** Words are kube-apiserver's. */
function goawayChanceOf(text: string): number {
  const chance = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(chance))
    throw new BerthError('Usage', `--goaway-chance takes a number such as 0.001, not "${text}"`);
  if (chance >= 0 && chance <= 0.02) return chance;
  throw new BerthError('Usage', '--goaway-chance can not be less than 0 or greater than 0.02');
}
