import { GoOracle } from './go-oracle.ts';

/** One write of an object's history. */
export interface OracleStep {
  readonly op: 'update' | 'apply';
  readonly manager: string;
  readonly force?: boolean;
  readonly subresource?: string;
  readonly object: unknown;
}

export interface OracleQuestion {
  readonly op: 'builtin' | 'custom' | 'strategic' | 'fields';
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly steps?: readonly OracleStep[];
  /** Fields that an endpoint does not write, by subresource. */
  readonly reset?: Readonly<Record<string, readonly string[]>>;
  /** Of a custom resource. */
  readonly schema?: unknown;
  readonly preserve?: boolean;
  readonly original?: unknown;
  readonly patch?: unknown;
  readonly fields?: unknown;
}

export interface OracleAnswer {
  readonly object?: unknown;
  readonly error?: string;
  readonly answers?: readonly OracleAnswer[];
}

/** Kubernetes' own managedfields, structured-merge-diff and strategicpatch, in a process of their own. */
export class ApplyOracle extends GoOracle<OracleQuestion, OracleAnswer> {
  constructor() {
    super('apply-oracle');
  }
}
