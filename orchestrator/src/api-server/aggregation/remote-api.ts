import type { AnyObject } from '../resource-definition.ts';

/** What an APIService says of a server elsewhere. */
export interface RemoteSpec {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly groupPriority: number;
  readonly versionPriority: number;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /** PEM. */
  readonly ca?: string;
  readonly insecure: boolean;
}

/** An entry of a server's APIResourceList. */
export interface RemoteResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced?: boolean;
  readonly singularName?: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** A group's version that another server serves, as far as it is known now. */
export interface RemoteApi {
  readonly spec: RemoteSpec;
  /** False until it has answered, and while it does not. */
  available: boolean;
  /** Which of its checks is the newest. */
  check?: symbol;
  /** What it answered last. */
  resources: readonly RemoteResource[];
}

/** Undefined: it is served here. */
export function remoteSpecOf({ metadata, spec }: AnyObject): RemoteSpec | undefined {
  const { service, group = '', version = '', caBundle, insecureSkipTLSVerify = false } = spec ?? {};
  if (!service) return undefined;
  return {
    name: metadata.name ?? '',
    group,
    version,
    groupPriority: spec.groupPriorityMinimum ?? 0,
    versionPriority: spec.versionPriority ?? 0,
    service: { namespace: service.namespace ?? '', name: service.name ?? '', port: service.port ?? 443 },
    ...(caBundle ? { ca: Buffer.from(caBundle, 'base64').toString() } : {}),
    insecure: insecureSkipTLSVerify === true,
  };
}
