/** A protobuf int64: a decimal string, since a JavaScript number cannot hold all of them. */
export type Int64 = string;

export interface Timestamp {
  seconds: Int64;
  nanos: number;
}

/** A google.protobuf wrapper message such as BoolValue. */
export interface Wrapped<T> {
  value: T;
}

/** What may be passed to build a message: any part of it. Absent fields get protobuf's defaults. */
export type Init<T> = T extends string | Uint8Array | boolean | number | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Init<Item>[]
    : { readonly [K in keyof T]?: Init<T[K]> | undefined };

/** The methods of a service: request and response message, whether the response is a stream, and whether both are. */
export type ServiceType = Record<string, { request: unknown; response: unknown; stream: boolean; duplex?: true }>;
