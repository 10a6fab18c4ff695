import type { MatchConditions } from './match-review.ts';
import type { AuthorizationMode } from './modes.ts';

/** kube-apiserver's flags of the same names. */
export interface AuthorizationOptions {
  /** In order. Empty: whoever holds a client certificate may do everything. */
  readonly modes: readonly AuthorizationMode[];
  /** --authorization-config: its authorizers instead; the modes are those it has at the start. */
  readonly configFile?: string;
  /** For ABAC. */
  readonly policyFile?: string;
  /** For Webhook: a kubeconfig. */
  readonly webhookConfigFile?: string;
  readonly webhookVersion?: 'v1' | 'v1beta1';
  readonly webhookCacheAuthorizedTtlMs?: number;
  readonly webhookCacheUnauthorizedTtlMs?: number;
}

/** Upstream's. */
export const defaultAuthorizedTtlMs = 5 * 60_000;
export const defaultUnauthorizedTtlMs = 30_000;
export const defaultTimeoutMs = 30_000;

/** One of those that are asked in turn. */
export interface NamedAuthorizer {
  readonly type: AuthorizationMode;
  readonly name: string;
  /** Of a Webhook. */
  readonly webhook?: WebhookSettings;
}

export interface WebhookSettings {
  /** A kubeconfig. */
  readonly configFile: string;
  /** Of the SubjectAccessReviews that are sent. */
  readonly version: 'v1' | 'v1beta1';
  readonly timeoutMs: number;
  readonly authorizedTtlMs: number;
  readonly unauthorizedTtlMs: number;
  /** What it is when nothing is answered; else nothing. */
  readonly deniesOnError: boolean;
  /** Which reviews are for it; absent: all. */
  readonly conditions?: MatchConditions;
}
