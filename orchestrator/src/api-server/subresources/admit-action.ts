import type { AdmissionRequest } from '../admission/admission.ts';
import { askedOf } from '../admission/asked.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { ServerRequest } from '../server-request.ts';
import type { WriteOptions } from '../write-options.ts';

/** What was sent to an endpoint that acts on an object: a Binding, an Eviction, a TokenRequest. */
export interface Action {
  readonly object: AnyObject;
  /** Of the object it acts on. */
  readonly name: string;
  readonly options: WriteOptions;
}

interface Sent {
  readonly route: ResourceRoute;
  readonly request: ServerRequest;
}

/** Admission of such a thing, as of one that is created. @throws ApiError */
export async function admitAction(context: ServerContext, sent: Sent, action: Action): Promise<void> {
  const admission = admissionOf(sent, action);
  await context.admission.mutate(admission);
  await context.admission.validate(admission);
}

/** What those who admit it are told. */
export function admissionOf({ route, request }: Sent, { object, name, options }: Action): AdmissionRequest {
  const { definition, namespace, subresource } = route;
  return {
    operation: 'create',
    definition,
    subresource: subresource?.name ?? '',
    namespace,
    name,
    object,
    old: undefined,
    user: request.user,
    dryRun: options.dryRun,
    warn: request.warn,
    ...askedOf(request, options.asObject),
  };
}
