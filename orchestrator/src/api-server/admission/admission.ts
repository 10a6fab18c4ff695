import type { ObjectMeta } from '@berth/kube';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import type { User } from '../user.ts';

export interface AdmissionRequest {
  readonly operation: 'create' | 'update' | 'delete';
  readonly definition: ResourceDefinition;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The object on its way in, changed in place; for a delete what stands there. */
  readonly object: AnyObject;
  readonly old: AnyObject | undefined;
  readonly user: User;
  /** Nothing is written, here neither. */
  readonly dryRun: boolean;
  /** Tells the client, in a `Warning` header. */
  readonly warn: (text: string) => void;
}

/** One rule of the server's own. Changes the object or throws ApiError; anything else it leaves alone. */
export type AdmissionPlugin = (request: AdmissionRequest) => void | Promise<void>;

export interface Admission {
  /** Before validation; may change the object. */
  mutate(request: AdmissionRequest): Promise<void>;
  /** After validation; changes nothing. */
  validate(request: AdmissionRequest): Promise<void>;
}

/** Runs plugins in order, as upstream's chain does. */
export function admissionChain(plugins: {
  readonly mutating: readonly AdmissionPlugin[];
  readonly validating: readonly AdmissionPlugin[];
}): Admission {
  const run = async (list: readonly AdmissionPlugin[], request: AdmissionRequest) => {
    for (const plugin of list) {
      const pending = plugin(request);
      if (pending) await pending;
    }
  };
  return {
    mutate: (request) => run(plugins.mutating, request),
    validate: (request) => run(plugins.validating, request),
  };
}

/** Adds a finalizer where it is missing. */
export function ensureFinalizer(metadata: ObjectMeta, finalizer: string): void {
  if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
}

export function isResource({ definition, subresource }: AdmissionRequest, group: string, plural: string): boolean {
  return subresource === '' && definition.group === group && definition.plural === plural;
}
