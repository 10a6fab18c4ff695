import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceRequest,
  ResourceV1ResourceClaim as ResourceClaim,
  ResourceClaimStatus,
} from '@berth/kube';
import type { Attributes, Authorizer } from '../authorizer.ts';
import { forbiddenError } from '../forbidden.ts';
import type { FieldError } from '../resource-definition.ts';
import { semanticEqual } from '../resources/equality.ts';
import { forbidden } from '../resources/field.ts';
import { deviceKey } from '../resources/resource/device-key.ts';
import type { ServerContext } from '../server-context.ts';
import type { AdmissionRequest, FieldCheck } from './admission.ts';

const group = 'resource.k8s.io';
const adminLabel = 'resource.kubernetes.io/admin-access';
const nodeNameKey = 'authentication.kubernetes.io/node-name';

/** Who may have a device as its administrator, and who may say what a claim got (registry/resource AuthorizedFor…). */
export function deviceAccess(context: ServerContext, authorizer: () => Authorizer): FieldCheck {
  return (request) => {
    const { definition, operation, subresource } = request;
    if (definition.group !== group || (operation !== 'create' && operation !== 'update')) return undefined;
    if (operation === 'create' && subresource === '') return adminErrors(context, request);
    if (definition.plural !== 'resourceclaims' || subresource !== 'status') return undefined;
    return statusErrors(context, authorizer(), request);
  };
}

async function adminErrors(context: ServerContext, { definition, object, namespace }: AdmissionRequest) {
  const spec = definition.plural === 'resourceclaims' ? object.spec : object.spec?.spec;
  const requests = (spec?.devices?.requests ?? []) as (DeviceRequest & { adminAccess?: boolean })[];
  const index = requests.findIndex(({ exactly, adminAccess }) => exactly?.adminAccess ?? adminAccess);
  return index < 0 ? [] : adminAllowed(context, namespace, `spec.devices.requests[${index}].adminAccess`);
}

async function adminAllowed(context: ServerContext, namespace: string, field: string): Promise<FieldError[]> {
  const found = await context.storageOf('', 'namespaces')?.find('', namespace);
  if (found?.object.metadata.labels?.[adminLabel] === 'true') return [];
  const detail = `admin access to devices requires the \`${adminLabel}: true\` label on the containing namespace`;
  return [forbidden(field, detail)];
}

async function statusErrors(context: ServerContext, authorizer: Authorizer, request: AdmissionRequest) {
  const status = (request.object as ResourceClaim).status ?? {};
  const before = (request.old as ResourceClaim | undefined)?.status ?? {};
  return [
    ...(await adminStatusErrors(context, request.namespace, { status, before })),
    ...(await bindingErrors(authorizer, request, { status, before })),
    ...(status.allocation ? await deviceErrors(authorizer, request, { status, before }) : []),
  ];
}

interface Change {
  readonly status: ResourceClaimStatus;
  readonly before: ResourceClaimStatus;
}

async function adminStatusErrors(context: ServerContext, namespace: string, { status, before }: Change) {
  const adminIn = (allocation: AllocationResult | undefined) =>
    (allocation?.devices?.results ?? []).findIndex(({ adminAccess }) => adminAccess === true);
  const index = adminIn(status.allocation);
  if (index < 0 || adminIn(before.allocation) >= 0) return [];
  return adminAllowed(context, namespace, `status.allocation.devices.results[${index}].adminAccess`);
}

/** What a claim got is the scheduler's to say: `resourceclaims/binding` stands for that right. */
async function bindingErrors(authorizer: Authorizer, request: AdmissionRequest, { status, before }: Change) {
  const same = (['allocation', 'reservedFor'] as const).every((name) => semanticEqual(status[name], before[name]));
  if (same) return [];
  const attributes = { ...attributesOf(request, 'binding'), namespace: '', name: '' };
  const refusal = await refusalOf(authorizer, attributes);
  if (refusal === undefined) return [];
  const right = `resource="resourceclaims/binding", verb="${attributes.verb}" permission`;
  const detail = `changing status.allocation or status.reservedFor requires ${right}: ${refusal}`;
  return [forbidden('status.allocation', detail)];
}

/** What is said of a device is its driver's to say: on the claim's node, or anywhere. */
async function deviceErrors(authorizer: Authorizer, request: AdmissionRequest, { status, before }: Change) {
  const errors: FieldError[] = [];
  const base = attributesOf(request, 'driver');
  const verbs = [
    ...(isOnNode(request, status.allocation) ? [`associated-node:${base.verb}`] : []),
    `arbitrary-node:${base.verb}`,
  ];
  for (const name of changedDrivers(status.devices, before.devices)) {
    const refusals: string[] = [];
    for (const verb of verbs) {
      const refusal = await refusalOf(authorizer, { ...base, verb, name });
      if (refusal !== undefined) refusals.push(refusal);
    }
    if (refusals.length < verbs.length) continue;
    const right = `resource="resourceclaims/driver", verb="[${verbs.join(' ')}]" permission`;
    errors.push(forbidden('status.devices', `changing status.devices requires ${right}: ${refusals[0]}`));
  }
  return errors;
}

function attributesOf({ definition, user, verb = 'update', namespace }: AdmissionRequest, subresource: string) {
  const { plural: resource, version } = definition;
  return { user, verb, namespace, group, version, resource, subresource, name: '', path: '' } satisfies Attributes;
}

async function refusalOf(authorizer: Authorizer, attributes: Attributes): Promise<string | undefined> {
  const { allowed, reason, error } = await authorizer.authorize(attributes);
  if (allowed) return undefined;
  const why = error === undefined ? reason : [error, reason].filter((text) => text !== '').join(': ');
  return forbiddenError(attributes, why).message;
}

function changedDrivers(next: readonly AllocatedDeviceStatus[] = [], old: readonly AllocatedDeviceStatus[] = []) {
  const byKey = (devices: readonly AllocatedDeviceStatus[]) =>
    new Map(devices.map((device) => [JSON.stringify(deviceKey(device)), device]));
  const [now, before] = [byKey(next), byKey(old)];
  const keys = new Set([...now.keys(), ...before.keys()]);
  const changed = [...keys].filter((key) => !semanticEqual(now.get(key), before.get(key)));
  return [...new Set(changed.map((key) => (now.get(key) ?? before.get(key))?.driver ?? ''))].sort();
}

/** A service account whose pod runs on the one node that the claim is allocated for. */
function isOnNode({ user }: AdmissionRequest, allocation: AllocationResult | undefined): boolean {
  const terms = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const { matchExpressions = [], matchFields = [] } = terms[0] ?? {};
  const [field] = matchFields;
  if (terms.length !== 1 || matchExpressions.length > 0 || matchFields.length !== 1 || !field) return false;
  const { key, operator, values = [] } = field;
  const nodes = user.extra?.[nodeNameKey] ?? [];
  const named = key === 'metadata.name' && operator === 'In' && values.length === 1 ? values[0] : undefined;
  return user.name.startsWith('system:serviceaccount:') && nodes.length === 1 && nodes[0] === named;
}
