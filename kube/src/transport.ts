import type { KubeObject } from './resource-type.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path with its query, each segment already escaped. */
  readonly path: string;
  /** A plain JSON value; an in-process server takes ownership of it. */
  readonly body?: unknown;
  /** `application/json` unless given; a PATCH names its kind of patch here. */
  readonly contentType?: string;
}

export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/**
 * How requests reach an API server: HTTPS, or a call inside the process. Both run the server's whole pipeline.
 * What an in-process transport returns may be shared with others: callers never change it.
 */
export interface Transport {
  /** The answer's body as a JSON value. @throws ApiError for every status of 400 and above. */
  request(request: ApiRequest, signal?: AbortSignal): Promise<unknown>;
  /**
   * Events until the server ends the watch (a normal end: list or resume again) or `signal` aborts.
   * @throws ApiError Expired – the revision is compacted: list again.
   */
  watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent>;
}
