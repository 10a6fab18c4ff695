/** How events come to where they go; names are kube-apiserver's flags (`--audit-log-*`, `--audit-webhook-*`). */
export interface AuditPlugin {
  readonly mode: AuditMode;
  readonly batch: BatchOptions;
  /** Bytes an event may have; absent: as many as it has. */
  readonly mostEventBytes?: number;
}

/** `batch`: behind the answer, many at once; else before it, and strictly: not without it. */
export const auditModes = ['batch', 'blocking', 'blocking-strict'] as const;
export type AuditMode = (typeof auditModes)[number];

export interface BatchOptions {
  /** Events that may wait. */
  readonly bufferSize: number;
  /** Events in a batch. */
  readonly maxSize: number;
  /** For how long a batch waits for more. */
  readonly maxWaitMs: number;
  /** Batches a second; absent: as many as come. */
  readonly throttle?: { readonly qps: number; readonly burst: number };
}

/** Upstream's. */
export const webhookPlugin: AuditPlugin = {
  mode: 'batch',
  batch: { bufferSize: 10_000, maxSize: 400, maxWaitMs: 30_000, throttle: { qps: 10, burst: 15 } },
};
export const logPlugin: AuditPlugin = { mode: 'blocking', batch: { bufferSize: 10_000, maxSize: 1, maxWaitMs: 0 } };

export interface AuditLogLimits {
  /** Older files are removed; 0: never. */
  readonly maxAgeDays: number;
  /** More old files are not kept; 0: all are. */
  readonly maxBackups: number;
  /** A file may have before the next one is begun; 0: as many as come. */
  readonly maxSizeMb: number;
}

export const logLimits: AuditLogLimits = { maxAgeDays: 366, maxBackups: 100, maxSizeMb: 100 };
