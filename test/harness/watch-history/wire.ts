import type { KubeObject } from '@berth/kube';

export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
}

export interface WireAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface WireFrame {
  readonly type: string;
  readonly object: KubeObject;
}

export interface WireWatch {
  readonly status: number;
  /** Ends with the connection, however that ends. */
  readonly frames: AsyncIterable<WireFrame>;
}

/** One server as long as it lives. */
export interface Wire {
  /** Tells this life of the server from its others. */
  readonly life: string;
  /** @throws LostConnection */
  request(request: WireRequest): Promise<WireAnswer>;
  /** `isNew`: by HTTP/2, where that makes a difference. @throws LostConnection */
  watch(request: WireRequest & { readonly isNew: boolean }, signal: AbortSignal): Promise<WireWatch>;
}

/** No answer came, and none will. */
export class LostConnection extends Error {
  override readonly name = 'LostConnection';
  /** Whether the request may have been carried out. */
  readonly isSent: boolean;

  constructor(isSent: boolean, cause: unknown) {
    super('the connection was lost', { cause });
    this.isSent = isSent;
  }
}
