import { nodeOf } from '../../authorization/node/node-identity.ts';
import type { Authorizer } from '../../authorizer.ts';
import { forbidden } from '../../resource-errors.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import type { AdmissionLookup } from '../lookup.ts';
import { ownCsiNode, ownLease, ownResourceSlice } from './own-objects.ts';
import { restrictCertificateRequest, restrictPodCertificate } from './restrict-certificates.ts';
import { restrictClaim } from './restrict-claim.ts';
import { restrictNode } from './restrict-node.ts';
import { restrictPod } from './restrict-pod.ts';
import { restrictToken } from './restrict-token.ts';

/** A request of a node, and how to refuse it. */
export interface NodeRequest {
  readonly node: string;
  readonly request: AdmissionRequest;
  readonly lookup: AdmissionLookup;
  readonly authorizer: () => Authorizer;
  /** `RESOURCE "NAME" is forbidden: WHY`, to throw. */
  readonly refused: (why: string) => Error;
}

type Restriction = (asked: NodeRequest) => void | Promise<void>;

const restrictions: Readonly<Record<string, Restriction>> = {
  '/pods': restrictPod,
  '/nodes': restrictNode,
  '/persistentvolumeclaims': restrictClaim,
  '/serviceaccounts': restrictToken,
  'certificates.k8s.io/podcertificaterequests': restrictPodCertificate,
  'certificates.k8s.io/certificatesigningrequests': restrictCertificateRequest,
  'coordination.k8s.io/leases': ownLease,
  'storage.k8s.io/csinodes': ownCsiNode,
  'resource.k8s.io/resourceslices': ownResourceSlice,
};

/** Keeps a kubelet from changing what is not its node's (plugin/pkg/admission/noderestriction). */
export function nodeRestriction(lookup: AdmissionLookup, authorizer: () => Authorizer): AdmissionPlugin {
  return (request) => {
    const node = nodeOf(request.user);
    if (node === undefined || request.operation === 'connect') return undefined;
    const { definition, name, object } = request;
    const refused = (why: string) =>
      forbidden(definition, name || object.metadata?.name || object.metadata?.generateName || '', why);
    if (node === '') throw refused(`could not determine node from user ${JSON.stringify(request.user.name)}`);
    return restrictions[`${definition.group}/${definition.plural}`]?.({ node, request, lookup, authorizer, refused });
  };
}
