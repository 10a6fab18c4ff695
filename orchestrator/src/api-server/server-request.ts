import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { KubeObject } from '@berth/kube';
import type { RequestLatencies } from './request-latencies.ts';
import type { AnyObject, ResourceDefinition } from './resource-definition.ts';
import type { StoredObject } from './stored-object.ts';
import type { User } from './user.ts';

/** A request as every transport brings it. */
export interface ServerRequest {
  readonly method: string;
  /** The escaped path, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly user: User;
  readonly accept: string | undefined;
  readonly contentType: string | undefined;
  readonly userAgent?: string;
  readonly body: RequestBody;
  /** As it came, where it came over the wire. */
  readonly wire?: WireMessage;
  /** Whoever asks wants objects, not their text: it is in this thread. */
  readonly asValues?: true;
  /** Aborts when the client is gone, or its time is over: `isLate` tells. */
  readonly signal: AbortSignal;
  /** By the clock's monotonicMs; absent: it may take as long as it likes. */
  readonly deadlineMs?: number;
  /** Texts for `Warning` headers. */
  readonly warn: (text: string) => void;
  /** Absent: nothing of it is written down. */
  readonly audit?: RequestAudit;
  /** Where it came over the wire. */
  readonly latencies?: RequestLatencies;
}

export interface WireMessage {
  /** Its headers and its connection; the body is read by {@link RequestBody} alone. */
  readonly message: IncomingMessage;
  readonly auditId: string;
}

/** What is added to a request's audit on its way. */
export interface RequestAudit {
  readonly bodies: AuditedBodies;
  /** What the client sent, read; with what `fill` fills of it, which changes a copy. */
  requestObject(object: unknown, fill?: (object: AnyObject) => void): void;
  /** The same, read and made into JSON by another thread; without a text where none is written down. */
  requestText(text: string | undefined, names: AuditedNames): void;
  /** What the client is answered, as JSON, where another thread made it. */
  responseText(text: string): void;
  annotate(key: string, value: string): void;
}

/** What is written down of what was sent and answered. */
export interface AuditedBodies {
  readonly sent: boolean;
  readonly answered: boolean;
  readonly omitManagedFields: boolean;
}

/** Which object a body is about, as far as it says. */
export type AuditedNames =
  | { readonly namespace: string; readonly name: string; readonly uid?: string; readonly resourceVersion?: string }
  | undefined;

/** Bytes from the wire, or a JSON value the sender gave away. */
export type RequestBody =
  /** What a GET brings is nothing to this server, and may be to another. */
  | { readonly type: 'none'; readonly stream?: () => Readable }
  | { readonly type: 'value'; readonly value: unknown }
  | {
      readonly type: 'bytes';
      readonly read: () => Promise<Uint8Array>;
      /** The same as it comes, for those who pass it on; absent: it is at hand. */
      readonly stream?: () => Readable;
    };

/** An object on its way out: as stored (bytes at hand), or made for this answer. */
export type AnswerObject = StoredObject | KubeObject;

export interface WatchFrame {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: AnswerObject;
}

export interface ListAnswer {
  readonly type: 'list';
  readonly definition: ResourceDefinition;
  readonly items: readonly StoredObject[];
  readonly metadata: {
    /** Absent: nothing of it is stored. */
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
}

export interface WatchAnswer {
  readonly type: 'watch';
  readonly definition: ResourceDefinition;
  readonly frames: AsyncIterable<WatchFrame>;
}

export type Answer =
  | {
      readonly type: 'object';
      readonly status: number;
      readonly object: AnswerObject;
      readonly definition?: ResourceDefinition;
      /** There are no tables of it. */
      readonly tables?: false;
    }
  | ListAnswer
  | WatchAnswer
  | {
      readonly type: 'text';
      readonly status: number;
      readonly text: string;
      readonly contentType?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'document';
      readonly status: number;
      readonly body: Uint8Array;
      readonly headers: Readonly<Record<string, string>>;
      /** It is an object or a list, made elsewhere. */
      readonly made?: true;
      /** What it says, where that is an object. */
      readonly says?: object;
    }
  | {
      /** Another server's, on its way through. */
      readonly type: 'proxied';
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[]>>;
      readonly chunks: AsyncIterable<Uint8Array>;
    }
  | { readonly type: 'stream'; readonly contentType: string; readonly chunks: AsyncIterable<Uint8Array> };

/** Browsers are not to guess what it is. */
export const unsniffed = { 'x-content-type-options': 'nosniff' } as const;

/** An error in words alone, as Go's server has it (net/http Error). */
export function plainError(status: number, text: string): Answer {
  return { type: 'text', status, text, headers: unsniffed };
}
