import type { ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import type { ServiceType } from './grpc-types.ts';

/** A service of one contract: its full protobuf name and the wire form of its methods. */
export interface Service<S extends ServiceType> {
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly methods: readonly (keyof S & string)[];
  /** Never set: it carries the types of the methods. */
  readonly types?: S;
}

/** int64 stays a decimal string: a number would silently lose the lowest bits. */
const conversion: protobuf.IConversionOptions = {
  longs: String,
  enums: String,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: true,
};

export function loadRoot(descriptor: unknown): protobuf.Root {
  return protobuf.Root.fromJSON(descriptor as protobuf.INamespace);
}

export function defineService<S extends ServiceType>(root: protobuf.Root, name: string): Service<S> {
  const service = root.lookupService(name);
  const definition: Record<string, ServiceDefinition[string]> = {};
  for (const method of service.methodsArray) {
    method.resolve();
    const request = method.resolvedRequestType as protobuf.Type;
    const response = method.resolvedResponseType as protobuf.Type;
    definition[method.name] = {
      path: `/${name}/${method.name}`,
      requestStream: method.requestStream === true,
      responseStream: method.responseStream === true,
      requestSerialize: encoder(request),
      requestDeserialize: decoder(request),
      responseSerialize: encoder(response),
      responseDeserialize: decoder(response),
    };
  }
  return { name, definition, methods: service.methodsArray.map((method) => method.name as keyof S & string) };
}

function encoder(type: protobuf.Type): (value: object) => Buffer {
  return (value) => Buffer.from(type.encode(type.fromObject(value)).finish());
}

function decoder(type: protobuf.Type): (bytes: Buffer) => object {
  return (bytes) => type.toObject(type.decode(bytes), conversion);
}
