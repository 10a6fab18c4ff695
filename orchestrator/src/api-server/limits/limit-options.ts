import type { AuditPlugin } from '../audit/audit-options.ts';

/** How much the server does at once, how long, and what it writes down of it; names are kube-apiserver's flags. */
export interface LimitOptions {
  /** `--max-requests-inflight`; 0: no limit. Default 400. */
  readonly maxRequestsInFlight?: number;
  /** `--max-mutating-requests-inflight`; 0: no limit. Default 200. */
  readonly maxMutatingRequestsInFlight?: number;
  /** `--enable-priority-and-fairness`: share both limits out by flow schemas and priority levels. Default true. */
  readonly priorityAndFairness?: boolean;
  /** `--request-timeout`. Default one minute. */
  readonly requestTimeoutMs?: number;
  /** `--min-request-timeout`: of watches that give none, or 0; it is spread up to twice that, so that not all come back at once. Default half an hour. */
  readonly minRequestTimeoutSeconds?: number;
  /** `--goaway-chance`: of how many requests of HTTP/2 each tells its client to connect anew, so that clients of several servers spread. Default none. */
  readonly goawayChance?: number;
  /** `--event-ttl`; 0: they stay. Default one hour. */
  readonly eventTtlSeconds?: number;
  readonly audit?: AuditOptions;
}

/** `--audit-*`. Without a policy or without a place to write to there is no audit. */
export interface AuditOptions {
  readonly policyFile?: string;
  /** `-`: standard output. */
  readonly logPath?: string;
  /** A kubeconfig file that says where events are sent. */
  readonly webhookConfigFile?: string;
  readonly maxAgeDays?: number;
  readonly maxBackups?: number;
  readonly maxSizeMb?: number;
  readonly compress?: boolean;
  readonly format?: 'json' | 'legacy';
  readonly log?: AuditPlugin;
  readonly webhook?: AuditPlugin;
  readonly webhookFirstDelayMs?: number;
  readonly stdout?: (text: string) => void;
}

export const defaultRequestTimeoutMs = 60_000;
export const defaultMinRequestTimeoutSeconds = 1800;
export const defaultInFlight = { readOnly: 400, mutating: 200 } as const;
