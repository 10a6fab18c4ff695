import {
  csiController,
  csiGroupController,
  csiIdentity,
  csiNode,
  csiRoot,
  csiSnapshotMetadata,
  type Service,
  type ServiceType,
} from '@berth/protos';

export type MessageType = ReturnType<typeof csiRoot.lookupType>;
export type MessageField = MessageType['fieldsArray'][number];

/** One RPC of the specification. */
export interface Rpc {
  readonly service: Service<ServiceType>;
  /** `Controller` */
  readonly serviceName: string;
  /** `CreateVolume` */
  readonly method: string;
  /** `create-volume` */
  readonly command: string;
  /** `/csi.v1.Controller/CreateVolume` */
  readonly path: string;
  readonly isStream: boolean;
  readonly isAlpha: boolean;
  readonly request: MessageType;
  readonly response: MessageType;
}

/** The five services, without the types of their methods: which is called is known at run time only. */
export const csiServices = [csiIdentity, csiController, csiGroupController, csiSnapshotMetadata, csiNode].map(
  (service) => service as Omit<Service<ServiceType>, 'types'> as Service<ServiceType>,
);

/** Every RPC of CSI 1.13, in the specification's order. */
export const rpcs: readonly Rpc[] = csiServices.flatMap(rpcsOf);

const byMethod = new Map(rpcs.map((rpc) => [rpc.method, rpc]));

/** The RPC with a name such as `CreateVolume`. */
export function findRpc(method: string): Rpc | undefined {
  return byMethod.get(method);
}

function rpcsOf(service: Service<ServiceType>): Rpc[] {
  const reflected = csiRoot.lookupService(service.name);
  return reflected.methodsArray.map((method) => {
    method.resolve();
    const { resolvedRequestType, resolvedResponseType, name } = method;
    if (!resolvedRequestType || !resolvedResponseType) throw new Error(`${name} has no messages`);
    return {
      service,
      serviceName: reflected.name,
      method: name,
      command: kebab(name),
      path: `/${service.name}/${name}`,
      isStream: method.responseStream === true,
      isAlpha: method.options?.['(alpha_method)'] === true || reflected.options?.['(alpha_service)'] === true,
      request: resolvedRequestType,
      response: resolvedResponseType,
    };
  });
}

/** `volumeId` and `VolumeId` as `volume-id`. */
export function kebab(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

/** The message type of a field that holds one. */
export function messageTypeOf(field: MessageField): MessageType | undefined {
  const { resolvedType } = field.resolve();
  return resolvedType && 'fieldsArray' in resolvedType ? resolvedType : undefined;
}

/** The names of an enumeration's values, for a field that holds one. */
export function enumNamesOf(field: MessageField): readonly string[] | undefined {
  const { resolvedType } = field.resolve();
  return resolvedType && 'values' in resolvedType ? Object.keys(resolvedType.values) : undefined;
}

/** Marked `(csi_secret)` in the specification. */
export function isSecret(field: MessageField): boolean {
  return field.options?.['(csi_secret)'] === true;
}
