import type { Service, ServiceType } from '@berth/protos';

/** A message as it is on the wire. */
type RawType = Record<string, { request: Buffer; response: Buffer; stream: boolean }>;

/** A service whose messages are passed as they came: fields that this specification does not know are not lost. */
export function rawService(service: Service<ServiceType>): Service<RawType> {
  const same = (bytes: Buffer) => bytes;
  const methods = Object.entries(service.definition).map(([name, method]) => [
    name,
    { ...method, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same },
  ]);
  const definition = Object.fromEntries(methods) as typeof service.definition;
  return { name: service.name, definition, methods: service.methods };
}
