import type { ResourceRegistry } from '../resource-registry.ts';
import { capital, tagOf } from './openapi-names.ts';
import { refOf } from './openapi-schema.ts';

type Json = Record<string, unknown>;

/** What a path of the server's own answers, as OpenAPI v3 tells it. */
export interface DiscoveryOperation {
  readonly url: string;
  readonly operation: Json;
  /** The schema of its answer. */
  readonly schema: string | undefined;
}

const json = 'application/json';
const forms = [json, 'application/vnd.kubernetes.protobuf', 'application/yaml'];
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

interface About {
  readonly tag: string;
  readonly description: string;
  readonly operationId: string;
  /** Absent: it has none. */
  readonly schema?: string;
  readonly types?: readonly string[];
}

const fixed: Readonly<Record<string, About>> = {
  api: {
    tag: 'core',
    description: 'The versions of the core group.',
    operationId: 'getCoreAPIVersions',
    schema: `${meta}.APIVersions`,
  },
  apis: {
    tag: 'apis',
    description: 'The groups that are served, with their versions.',
    operationId: 'getAPIVersions',
    schema: `${meta}.APIGroupList`,
  },
  version: {
    tag: 'version',
    description: 'Which version this server is.',
    operationId: 'getCodeVersion',
    schema: 'io.k8s.apimachinery.pkg.version.Info',
    types: [json],
  },
  '.well-known/openid-configuration': {
    tag: 'WellKnown',
    description: 'Who issues tokens of service accounts, for those who verify them.',
    operationId: 'getServiceAccountIssuerOpenIDConfiguration',
    types: [json],
  },
  'openid/v1/jwks': {
    tag: 'openid',
    description: 'The keys that tokens of service accounts are verified with.',
    operationId: 'getServiceAccountIssuerOpenIDKeyset',
    types: ['application/jwk-set+json'],
  },
};

/** The paths of discovery that have documents of their own, in which they are alone (kube-apiserver's `/openapi/v3`). */
export function discoveryPathsOf(registry: ResourceRegistry): string[] {
  const groups = registry.groups.filter((group) => group !== '' && groupOf(registry, group));
  return [...Object.keys(fixed), ...groups.map((group) => `apis/${group}`)];
}

export function discoveryOperation(registry: ResourceRegistry, path: string): DiscoveryOperation | undefined {
  const about = Object.hasOwn(fixed, path) ? fixed[path] : undefined;
  if (about) return operationOf(path, about);
  const [, group = ''] = /^apis\/([^/]+)$/.exec(path) ?? [];
  if (group === '' || !groupOf(registry, group)) return undefined;
  const tag = tagOf(group);
  return operationOf(path, {
    tag,
    description: 'The versions of a group.',
    operationId: `get${capital(tag)}APIGroup`,
    schema: `${meta}.APIGroup`,
  });
}

/** The list of a version's resources, which is told with them; undefined: they are custom. */
export function resourcesOperation(
  registry: ResourceRegistry,
  group: string,
  version: string,
): DiscoveryOperation | undefined {
  if (!registry.isBuiltIn(group, version)) return undefined;
  const tag = tagOf(group);
  return operationOf(group === '' ? `api/${version}` : `apis/${group}/${version}`, {
    tag: `${tag}_${version}`,
    description: 'The resources of a version.',
    operationId: `get${capital(tag)}${capital(version)}APIResources`,
    schema: `${meta}.APIResourceList`,
  });
}

function groupOf({ definitions }: ResourceRegistry, group: string) {
  return definitions.find((each) => each.group === group && !each.custom);
}

function operationOf(
  path: string,
  { tag, description, operationId, schema, types = forms }: About,
): DiscoveryOperation {
  const answered = { schema: schema === undefined ? { type: 'string' } : { $ref: refOf(schema) } };
  const content = Object.fromEntries(types.map((type) => [type, answered]));
  const responses = { 200: { description: 'OK', content }, 401: { description: 'Unauthorized' } };
  return { url: `/${path}/`, operation: { get: { tags: [tag], description, operationId, responses } }, schema };
}
