import type { PolicyRule } from '@berth/kube';
import {
  type Attributes,
  type Authorizer,
  type Decision,
  type KnownRules,
  noRules,
  unlistedRules,
} from '../../authorizer.ts';
import type { FollowRun } from '../../follow-objects.ts';
import type { ServerContext } from '../../server-context.ts';
import type { User } from '../../user.ts';
import { ruleAllows } from '../rule-matching.ts';
import { NodeGraph } from './node-graph.ts';
import { nodeOf } from './node-identity.ts';

const allowed: Decision = { allowed: true, reason: '' };
const leaseNamespace = 'kube-node-lease';

function noOpinion(reason = ''): Decision {
  return { allowed: false, reason };
}

/**
 * Lets kubelets do what they need for the pods of their own node (plugin/pkg/auth/authorizer/node). Whatever has to do
 * with which node is followed from the first question of a node on: without one it costs nothing.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #context: ServerContext;
  readonly #signal: AbortSignal;
  #graph: Promise<NodeGraph> | undefined;
  #rules: Promise<readonly PolicyRule[]> | undefined;

  constructor(context: ServerContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
  }

  async authorize(attributes: Attributes): Promise<Decision> {
    const node = nodeOf(attributes.user);
    if (node === undefined) return noOpinion();
    if (node === '') return noOpinion(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    const special = kinds[`${attributes.group}/${attributes.resource}`];
    if (attributes.resource !== '' && special)
      return special({ node, attributes, leads: () => this.#leads(node, attributes) });
    return (await this.#nodeRules()).some((rule) => ruleAllows(rule, attributes)) ? allowed : noOpinion();
  }

  rulesFor(user: User): KnownRules {
    return nodeOf(user) === undefined ? noRules : unlistedRules('node');
  }

  async #leads(node: string, { resource, namespace, name }: Attributes): Promise<Decision> {
    if (name === '') return noOpinion('No Object name found');
    this.#graph ??= this.#startGraph();
    const graph = await this.#graph;
    if (graph.leadsTo(node, resource, namespace, name)) return allowed;
    return noOpinion(`no relationship found between node '${node}' and this object`);
  }

  async #startGraph(): Promise<NodeGraph> {
    const graph = new NodeGraph();
    const { log, clock } = this.#context;
    const run: FollowRun = { log, clock, signal: this.#signal };
    try {
      await graph.start(this.#context, run);
    } catch (error) {
      // The next question tries again.
      this.#graph = undefined;
      throw error;
    }
    return graph;
  }

  #nodeRules(): Promise<readonly PolicyRule[]> {
    this.#rules ??= import('../gen/default-roles.ts').then(({ defaultRoles }) => {
      const roles = JSON.parse(defaultRoles.clusterroles) as { metadata: { name: string }; rules: PolicyRule[] }[];
      return roles.find(({ metadata }) => metadata.name === 'system:node')?.rules ?? [];
    });
    return this.#rules;
  }
}

interface Question {
  readonly node: string;
  readonly attributes: Attributes;
  /** Whether the object that is asked for has to do with the node. */
  readonly leads: () => Promise<Decision>;
}

type Answer = (question: Question) => Decision | Promise<Decision>;

const kinds: Readonly<Record<string, Answer>> = {
  '/secrets': readNamespaced,
  '/configmaps': readNamespaced,
  '/persistentvolumeclaims': (question) =>
    question.attributes.subresource === 'status' ? updateStatus(question) : getOne(question),
  '/persistentvolumes': getOne,
  'resource.k8s.io/resourceclaims': getOne,
  'storage.k8s.io/volumeattachments': getOne,
  '/serviceaccounts': serviceAccount,
  'coordination.k8s.io/leases': lease,
  'storage.k8s.io/csinodes': csiNode,
  'resource.k8s.io/resourceslices': resourceSlice,
  '/nodes': ownNode,
  '/pods': pod,
  'certificates.k8s.io/podcertificaterequests': podCertificateRequest,
};

function getOne({ attributes: { verb, subresource }, leads }: Question): Decision | Promise<Decision> {
  if (verb !== 'get') return noOpinion('can only get individual resources of this type');
  return subresource === '' ? leads() : noOpinion('cannot get subresource');
}

function updateStatus({ attributes: { verb }, leads }: Question): Decision | Promise<Decision> {
  return verb === 'update' || verb === 'patch' ? leads() : noOpinion('can only get/update/patch this type');
}

function readNamespaced({ attributes, leads }: Question): Decision | Promise<Decision> {
  const { verb, subresource, namespace } = attributes;
  if (!['get', 'list', 'watch'].includes(verb)) return noOpinion('can only read resources of this type');
  if (subresource !== '') return noOpinion('cannot read subresource');
  return namespace === '' ? noOpinion('can only read namespaced object of this type') : leads();
}

function serviceAccount(question: Question): Decision | Promise<Decision> {
  const { verb, subresource, name } = question.attributes;
  if (verb === 'get' && subresource === '') return readNamespaced(question);
  if (verb !== 'create' || name === '') return noOpinion('can only create tokens for individual service accounts');
  return subresource === 'token' ? question.leads() : noOpinion('can only create token subresource of serviceaccount');
}

const ownVerbs = ['get', 'create', 'update', 'patch', 'delete'];

function lease({ node, attributes: { verb, namespace, name } }: Question): Decision {
  if (!ownVerbs.includes(verb)) return noOpinion('can only get, create, update, patch, or delete a node lease');
  if (namespace !== leaseNamespace)
    return noOpinion(`can only access leases in the ${JSON.stringify(leaseNamespace)} system namespace`);
  if (verb !== 'create' && name !== node)
    return noOpinion('can only access node lease with the same name as the requesting node');
  return allowed;
}

function csiNode({ node, attributes: { verb, subresource, name } }: Question): Decision {
  if (!ownVerbs.includes(verb)) return noOpinion('can only get, create, update, patch, or delete a CSINode');
  if (subresource !== '') return noOpinion('cannot authorize CSINode subresources');
  if (verb !== 'create' && name !== node)
    return noOpinion('can only access CSINode with the same name as the requesting node');
  return allowed;
}

function resourceSlice({ node, attributes, leads }: Question): Decision | Promise<Decision> {
  const { verb, subresource } = attributes;
  if (subresource !== '') return noOpinion('cannot authorize ResourceSlice subresources');
  if (verb === 'create') return allowed;
  if (['get', 'update', 'patch', 'delete'].includes(verb)) return leads();
  if (!['watch', 'list', 'deletecollection'].includes(verb))
    return noOpinion(
      'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
    );
  return selects(attributes, node)
    ? allowed
    : noOpinion('can only list/watch/deletecollection resourceslices with nodeName field selector');
}

function podCertificateRequest({ node, attributes, leads }: Question): Decision | Promise<Decision> {
  const { verb, subresource } = attributes;
  if (subresource !== '') return noOpinion('nodes may not access the status subresource of PodCertificateRequests');
  if (verb === 'create') return allowed;
  if (verb === 'get') return leads();
  if (verb !== 'list' && verb !== 'watch') return noOpinion(`nodes may not ${verb} podcertificaterequests`);
  return selects(attributes, node)
    ? allowed
    : noOpinion('can only list/watch podcertificaterequests with nodeName field selector');
}

function ownNode({ node, attributes: { verb, subresource, name } }: Question): Decision {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allowed : noOpinion();
  if (subresource !== '') return noOpinion();
  if (['create', 'update', 'patch'].includes(verb)) return allowed;
  if (!['get', 'list', 'watch'].includes(verb)) return noOpinion();
  if (name === node) return allowed;
  return noOpinion(
    name === ''
      ? `node '${node}' cannot read all nodes, only its own Node object`
      : `node '${node}' cannot read '${name}', only its own Node object`,
  );
}

function pod({ node, attributes, leads }: Question): Decision | Promise<Decision> {
  const { verb, subresource, name } = attributes;
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allowed : noOpinion();
  if (subresource === 'eviction') return verb === 'create' ? allowed : noOpinion();
  if (subresource !== '') return noOpinion();
  if (verb === 'get') return leads();
  if (verb === 'create' || verb === 'delete') return allowed;
  if (verb !== 'list' && verb !== 'watch') return noOpinion();
  if (selects(attributes, node)) return allowed;
  return name === '' ? noOpinion('can only list/watch pods with spec.nodeName field selector') : leads();
}

function selects({ fieldSelector }: Attributes, node: string): boolean {
  return (
    fieldSelector?.some(
      ({ field, operator, value }) => field === 'spec.nodeName' && operator === '=' && value === node,
    ) ?? false
  );
}
