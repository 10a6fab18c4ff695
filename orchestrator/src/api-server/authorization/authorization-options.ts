import type { AuthorizationMode } from './modes.ts';

/** kube-apiserver's flags of the same names. */
export interface AuthorizationOptions {
  /** In order. Empty: whoever holds a client certificate may do everything. */
  readonly modes: readonly AuthorizationMode[];
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
