import { GoOracle } from './go-oracle.ts';

export interface SchemaQuestion {
  /** Is it a good CustomResourceDefinition? */
  readonly definition?: object;
  /** Is `object` one by this schema, in place of `old` where there is one? */
  readonly schema?: object;
  readonly object?: unknown;
  readonly old?: unknown;
}

export interface SchemaAnswer {
  readonly errors?: readonly { readonly field: string; readonly message: string; readonly reason: string }[] | null;
  readonly pruned?: readonly string[];
  /** Pruned and filled with defaults. */
  readonly object?: unknown;
  readonly failure?: string;
  /** The definition as Go writes it, in base64. */
  readonly protobuf?: string;
}

/** Kubernetes' own apiextensions code, in a process of its own. */
export class SchemaOracle extends GoOracle<SchemaQuestion, SchemaAnswer> {
  constructor() {
    super('schema-oracle');
  }
}
