import type { Status } from '@berth/kube';
import type { RangeRequest, WriteRequest } from '../../store/store.ts';
import type { StoreErrorCode } from '../../store/store-error.ts';
import type { PluginChoice } from '../admission/plugin-names.ts';
import type { ServiceRanges } from '../admission/service-allocation.ts';
import type { AuthorizationOptions } from '../authorization/authorization-options.ts';
import type { HookCall } from '../metrics/admission-metrics.ts';
import type { PodSecurityEvent } from '../metrics/pod-security-metrics.ts';
import type { AuditedBodies, AuditedNames } from '../server-request.ts';
import type { User } from '../user.ts';

/** What the thread's server has to know of the one it works for. */
export interface AsideOptions {
  readonly authorization: AuthorizationOptions;
  readonly admissionPlugins: PluginChoice;
  readonly services: ServiceRanges;
  readonly eventTtlSeconds: number | undefined;
}

/** A request that its own server has let in. */
export interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly user: User;
  readonly accept: string | undefined;
  readonly contentType: string | undefined;
  readonly userAgent: string | undefined;
  /** Undefined: it has none. */
  readonly body: Uint8Array | undefined;
  /** How long it may still take; undefined: as it likes. */
  readonly timeLeftMs: number | undefined;
  /** A custom resource's: the thread may get to know its definition a moment later. */
  readonly custom: boolean;
  /** What is to be told of it beside its answer; undefined: nothing. */
  readonly audited: AuditedBodies | undefined;
}

/** What is said of a request beside its answer. */
export interface Told {
  readonly warnings: readonly string[];
  /** What was sent, and its text where that is written down. */
  readonly sent: { readonly names: AuditedNames; readonly text: string | undefined } | undefined;
  /** What is answered, as JSON, where that is written down. */
  readonly answered: string | undefined;
  readonly annotations: readonly (readonly [key: string, value: string])[];
}

export type SentAnswer =
  | {
      readonly status: number;
      readonly body: Uint8Array;
      readonly headers: Readonly<Record<string, string>>;
      readonly told: Told;
    }
  | { readonly error: Status; readonly told: Told }
  /** A mistake of ours. */
  | { readonly failure: string };

/** Several items of the store in one piece: values lie one after the other. */
export interface PackedItems {
  readonly bytes: Uint8Array;
  readonly rows: readonly PackedRow[];
}

export interface PackedRow {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly from: number;
  readonly to: number;
  /** It would be written in another way now. */
  readonly stale: boolean;
}

export type StoreCall =
  | { readonly op: 'get'; readonly key: string; readonly notOlderThan: number | undefined }
  | { readonly op: 'range'; readonly request: RangeRequest }
  | { readonly op: 'write'; readonly request: WriteRequest }
  /** Takes a value that Services share, for a minute. */
  | { readonly op: 'reserve'; readonly value: string };

export type StoreResult =
  | { readonly items: PackedItems; readonly readAt?: number; readonly remaining?: number }
  | {
      readonly ok: boolean;
      readonly items?: PackedItems;
      readonly createRevision?: number;
      readonly writtenAt?: number;
    }
  | { readonly code: StoreErrorCode; readonly message: string };

/** With the newest revision there is. */
export type StoreReply = { readonly revision: number } & StoreResult;

/** Changes, in order: each has its item, and the one before where there was one. */
export interface PackedEvents {
  readonly items: PackedItems;
  readonly events: readonly { readonly type: 'put' | 'delete'; readonly item: number; readonly previous: number }[];
}

export type ToThread =
  | { readonly type: 'request'; readonly id: number; readonly request: SentRequest }
  | { readonly type: 'abort'; readonly id: number; readonly late: boolean }
  | { readonly type: 'reply'; readonly id: number; readonly reply: StoreReply }
  | { readonly type: 'events'; readonly id: number; readonly revision: number; readonly events: PackedEvents }
  | { readonly type: 'ended'; readonly id: number; readonly code: StoreErrorCode; readonly message: string }
  | { readonly type: 'ping' };

export type FromThread =
  | { readonly type: 'answer'; readonly id: number; readonly answer: SentAnswer }
  | { readonly type: 'call'; readonly id: number; readonly call: StoreCall }
  | { readonly type: 'watch'; readonly id: number; readonly prefix: string; readonly after: number }
  | { readonly type: 'unwatch'; readonly id: number }
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields: string;
    }
  /** Called an admission webhook. */
  | { readonly type: 'called'; readonly call: HookCall }
  | { readonly type: 'podSecurity'; readonly event: PodSecurityEvent }
  | { readonly type: 'pong' };
